"""Whether a policy for each kind of scene evens out what pruning loses, and whether it is kept.

On held-out streets of six domains: one fixed policy, the same with its thresholds scaled to the
library's mean work, the library with the true domain told, and the library choosing by the scene's
statistics. Once for the plain rule, which compares pixel differences with fixed thresholds as the
proposal does, and once for the shipped policy, whose trained judge has the scene in it. Then
streams that leave a domain and return to it. The libraries are searched first, into --work, where a
second run finds them. An hour or more.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.adaptation_return import KEEPING, LATEST, LIBRARY, return_losses
from depth_snn.adapt.adapter import Adapter
from depth_snn.adapt.build import build_set, looks
from depth_snn.adapt.chooser import Chooser
from depth_snn.adapt.library import PolicySet
from depth_snn.adapt.statistics import Statistics
from depth_snn.cli.chain.setup import load_policy
from depth_snn.cli.depth.protocol import Clip, plain_of, scene_clip
from depth_snn.cli.library import make_library
from depth_snn.cli.progress import Progress
from depth_snn.config import PolicyConfig
from depth_snn.data.metrics import miou
from depth_snn.data.scene import CAMERAS, DOMAINS
from depth_snn.errors import ConfigError, DepthError
from depth_snn.figures import Figure, found_now, publish
from depth_snn.models.weights import find_network
from depth_snn.pruning.play import Guide, Method, Played, Player

COMMAND = "python benchmarks/measure_adaptation.py"
FIRST_SEED = 454
"""Streets that no policy, no library and no centre was made on."""
STEPS = (0.5, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7)
"""Factors of the fixed policy's thresholds, between which equal work is interpolated."""
FIXED, EVEN, TOLD, CHOSEN = WAYS = "fixed", "even", "told", "library"
KINDS = ("pixels", "judged")
NAMES = (
    *(f"domain_{what}_{way}_{kind}" for kind in KINDS for what in ("spread", "range", "work")
      for way in WAYS),
    "domain_spread_reduction", "domain_spread_reduction_judged", "domain_spread_judge_alone",
    "chooser_right", "chooser_unknown", "chooser_frames", "chooser_strangers",
    *(f"return_loss_{keeping}_{kind}" for kind in KINDS for keeping in KEEPING),
    "return_loss_reduction",
)  # fmt: skip
Floats = npt.NDArray[np.float64]


@dataclass
class Tally:
    """Confusion matrices and work of one way to run one domain, over its clips."""

    matrices: list[npt.NDArray[np.int64]] = field(default_factory=list)
    work: list[Floats] = field(default_factory=list)

    def add(self, played: Played) -> None:
        """Take one clip in."""
        self.matrices.append(played.matrices.sum(0))
        self.work.append(played.work)

    def loss(self, dense: Tally) -> float:
        """Points of mIoU below the dense network, all clips pooled."""
        return 100 * (miou(sum(dense.matrices)) - miou(sum(self.matrices)))

    @property
    def mean_work(self) -> float:
        """Executed ÷ dense MACs, mean over frames."""
        return float(np.concatenate(self.work).mean())


def scaled(policy: PolicyConfig, step: float) -> PolicyConfig:
    """The thresholds of motion and staleness times a factor."""
    return replace(policy, tau_stale=policy.tau_stale * step, tau_ego=policy.tau_ego * step)


def ways_of(
    policies: PolicySet, domain: str, player: Player
) -> dict[str, tuple[PolicyConfig, Guide | None]]:
    """Policy and guide of every way to run a clip of a domain."""
    config = player.model.config
    guide = Adapter(policies, config.height, config.width)
    fixed = {f"{FIXED} {step}": (scaled(policies.base, step), None) for step in STEPS}
    return {**fixed, TOLD: (policies.policy(domain), None), CHOSEN: (policies.base, guide)}


def play_domains(
    player: Player, policies: PolicySet, seeds: Sequence[int], frames: int
) -> tuple[dict[str, dict[str, Tally]], dict[str, Tally]]:
    """Tallies by way and domain, and of the dense network by domain."""
    found: dict[str, dict[str, Tally]] = {}
    dense = {domain: Tally() for domain in DOMAINS}
    progress, done = Progress("clips", len(seeds) * len(DOMAINS) * len(CAMERAS)), 0
    for seed in seeds:
        for domain in DOMAINS:
            for camera in CAMERAS:
                clip = scene_clip(f"{camera}-{domain}", seed, frames, player.model.config)
                dense[domain].matrices.append(player.dense_matrices(clip.frames).sum(0))
                for way, (policy, guide) in ways_of(policies, domain, player).items():
                    rule = "spikes" if policy.recovery else "none"
                    played = player.play(clip.frames, Method(way, policy, rule), guide=guide)
                    found.setdefault(way, {}).setdefault(domain, Tally()).add(played)
                done += 1
                progress.update(done, f"seed {seed}, {camera}-{domain}")
    progress.finish()
    return found, dense


def losses_and_work(
    found: Mapping[str, Mapping[str, Tally]], dense: Mapping[str, Tally]
) -> dict[str, tuple[Floats, float]]:
    """By way: loss of every domain (D,) and mean work; ``even`` is interpolated between steps."""
    by_way = {
        way: (
            np.array([tally.loss(dense[domain]) for domain, tally in tallies.items()]),
            float(np.mean([tally.mean_work for tally in tallies.values()])),
        )
        for way, tallies in found.items()
    }
    steps = [by_way.pop(f"{FIXED} {step}") for step in STEPS]
    by_way[FIXED] = steps[STEPS.index(1.0)]
    # Work falls as thresholds rise, and interpolation wants it rising.
    steps.sort(key=lambda pair: pair[1])
    at, wanted = [work for _, work in steps], by_way[CHOSEN][1]
    table = np.array([losses for losses, _ in steps])
    even = np.array([np.interp(wanted, at, column) for column in table.T])
    by_way[EVEN] = (even, float(np.clip(wanted, at[0], at[-1])))
    return by_way


def spread_values(kind: str, by_way: Mapping[str, tuple[Floats, float]]) -> dict[str, float]:
    """Standard deviation and range of the loss over domains, and work, by figure name."""
    out: dict[str, float] = {}
    for way, (losses, work) in by_way.items():
        out[f"domain_spread_{way}_{kind}"] = float(losses.std())
        out[f"domain_range_{way}_{kind}"] = float(np.ptp(losses))
        out[f"domain_work_{way}_{kind}"] = 100 * work
        cells = " ".join(f"{d} {v:.2f}" for d, v in zip(DOMAINS, losses, strict=True))
        print(f"{kind} {way:8} loss {cells}; work {100 * work:.1f} %", file=sys.stderr)
    return out


def chooser_values(
    policies: PolicySet, player: Player, seeds: Sequence[int], frames: int
) -> dict[str, float]:
    """How often the domain is right, and after how many frames behind a cut it is."""
    config, votes, late = player.model.config, Counter[str](), []
    rows: dict[str, list[list[Floats]]] = {domain: [] for domain in DOMAINS}
    for seed in seeds:
        for camera in CAMERAS:
            for domain in DOMAINS:
                clip = scene_clip(f"{camera}-{domain}", seed, frames, config)
                rows[domain].append(measured(clip, config.height, config.width))
    confusion: dict[str, Counter[str]] = {domain: Counter() for domain in DOMAINS}
    for before, domain in zip((DOMAINS[-1], *DOMAINS), DOMAINS, strict=False):
        for first, second in zip(rows[before], rows[domain], strict=True):
            alone = Chooser(policies)
            confusion[domain].update(str(alone.step(row)) for row in second)
            after = Chooser(policies)
            chosen = [after.step(row) for row in (*first, *second)][len(first) :]
            if domain in chosen:
                late.append(chosen.index(domain))
    for domain, counts in confusion.items():
        print(f"chooser, {domain}: {dict(counts)}", file=sys.stderr)
        votes["right"] += counts[domain]
        votes["unknown"] += counts[str(None)]
        votes["all"] += sum(counts.values())
    return {
        "chooser_right": 100 * votes["right"] / votes["all"],
        "chooser_unknown": 100 * votes["unknown"] / votes["all"],
        "chooser_frames": float(np.mean(late)),
        "chooser_strangers": 100 * strangers(policies, player, rows),
    }


def measured(clip: Clip, height: int, width: int) -> list[Floats]:
    """Statistics of a clip's frames."""
    statistics = Statistics(height, width)
    return [statistics.measure(frame.rgb) for frame in clip.frames]


def strangers(policies: PolicySet, player: Player, rows: Mapping[str, list[list[Floats]]]) -> float:
    """Share of frames of a domain that sets made without it call unknown; mean over domains."""
    from depth_snn.adapt.build import Choice

    seen = {domain: looks(domain, player.model.config) for domain in DOMAINS}
    shares = []
    for absent in DOMAINS:
        rest = {d: seen[d] for d in DOMAINS if d != absent}
        choices = {d: Choice(policies.policy(d), 0.0, 0.0) for d in rest}
        chooser = [Chooser(build_set(policies.network, policies.base, choices, rest))
                   for _ in rows[absent]]  # fmt: skip
        said = [c.step(row) for c, clip in zip(chooser, rows[absent], strict=True) for row in clip]
        shares.append(np.mean([name is None for name in said]))
    return float(np.mean(shares))


def measure(options: argparse.Namespace) -> dict[str, Figure]:
    """Figures by name."""
    if options.seeds < 1 or options.frames < 8:
        raise ConfigError(
            f"--seeds {options.seeds} --frames {options.frames}: expected 1 street or more of 8 "
            "frames or more"
        )
    shipped = load_policy(None, options.network)
    player = Player(find_network(options.network))
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    values: dict[str, float] = {}
    sets = {}
    for kind, base in zip(KINDS, (plain_of(shipped), shipped), strict=True):
        sets[kind], _ = make_library(
            options.network, base, DOMAINS, options.work / kind,
            evaluations=options.evaluations, seed=0, workers=options.workers,
        )  # fmt: skip
        found, dense = play_domains(player, sets[kind], seeds, options.frames)
        values |= spread_values(kind, losses_and_work(found, dense))
        lost = return_losses(player, sets[kind], seeds, options.returns)
        values |= {f"return_loss_{keeping}_{kind}": value for keeping, value in lost.items()}
    values |= reductions(values)
    values |= chooser_values(sets["judged"], player, seeds, options.frames)
    return {name: found_now(value, unit=unit_of(name), command=COMMAND)
            for name, value in values.items()}  # fmt: skip


def reductions(values: Mapping[str, float]) -> dict[str, float]:
    """Percent by which the library lowers spread and loss on return, and the judge alone spread.

    Where nothing is lost on return by keeping only the latest policy there is nothing to lower, and
    no figure.
    """

    def lower(less: str, more: str) -> float:
        return 100 * (1 - values[less] / values[more])

    fixed = {kind: f"domain_spread_fixed_{kind}" for kind in KINDS}
    found = {
        "domain_spread_reduction": lower("domain_spread_library_pixels", fixed["pixels"]),
        "domain_spread_reduction_judged": lower("domain_spread_library_judged", fixed["judged"]),
        "domain_spread_judge_alone": lower(fixed["judged"], fixed["pixels"]),
    }
    latest, library = (f"return_loss_{keeping}_pixels" for keeping in (LATEST, LIBRARY))
    if values[latest] > 0:
        found["return_loss_reduction"] = lower(library, latest)
    else:
        print("nothing is lost on return, so there is no reduction to state", file=sys.stderr)
    return found


def unit_of(name: str) -> str:
    """Unit of a figure."""
    if name == "chooser_frames":
        return "frames"
    ways = tuple(f"domain_{what}_{way}_" for what in ("spread", "range") for way in WAYS)
    points = (*ways, *(f"return_loss_{keeping}_" for keeping in KEEPING))
    return "points" if name.startswith(points) else "%"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--network", default="small", help="network (default small)")
    parser.add_argument("--seeds", type=int, default=6, help="streets of each scene (default 6)")
    parser.add_argument("--frames", type=int, default=20, help="frames of each clip (default 20)")
    parser.add_argument("--returns", type=int, default=3, help="streams of each return (default 3)")
    parser.add_argument("--evaluations", type=int, default=60, help="of each search (default 60)")
    parser.add_argument("--workers", type=int, default=0, help="processes that search (default 0)")
    parser.add_argument("--work", type=Path, default=Path("out/adaptation"),
                        help="folder of the searches (default out/adaptation)")  # fmt: skip
    options = parser.parse_args()
    try:
        figures = measure(options)
    except DepthError as error:
        print(f"measure_adaptation: error: {error}", file=sys.stderr)
        return 1
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
