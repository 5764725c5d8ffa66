"""What the cap on recovery costs: the same gates with the cap and without, after sudden events.

On streets of `depth-snn eval --protocol depth`, group `bursts`: once over plain pruning by pixel
differences, once over the shipped policy. Without the cap, `cap_percent` and `refill_percent` stand
at 1000, the largest a gate takes, which no frame reaches; one that does is an error. Minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from depth_snn.cli.chain.setup import load_policy
from depth_snn.cli.depth.protocol import (
    DENSE,
    FIRST_SEED,
    GROUPS,
    NONE,
    score_methods,
)
from depth_snn.cli.depth.score import SeedScores, added_burst, gap_closed
from depth_snn.cli.progress import Progress
from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError, DepthError, FigureError
from depth_snn.figures import Figure, found_now, publish
from depth_snn.models.weights import find_network
from depth_snn.pruning.play import Method, Player
from depth_snn.search.clips import scene_clip
from depth_snn.search.grid import plain_of

COMMAND = "python benchmarks/measure_uncapped.py"
CAPPED, UNCAPPED = "capped", "uncapped"
KINDS = ("plain", "judged")
LIFTED = 1000
"""Percent of a frame's own work; the largest that `GateConfig` takes."""
NAMES = (
    *(f"{cap}_{kind}_gap_closed" for cap in (CAPPED, UNCAPPED) for kind in KINDS),
    *(f"uncapped_{kind}_extra_{what}" for kind in KINDS for what in ("mean", "worst")),
)  # fmt: skip
Scores = dict[str, list[SeedScores]]


def methods_of(policy: PolicyConfig) -> list[Method]:
    """Dense, nothing restored, the gates with their cap, and without."""
    gate = replace(policy.gate, cap_percent=LIFTED, refill_percent=LIFTED)
    return [
        Method(DENSE, None),
        Method(NONE, replace(policy, recovery=False), "none"),
        Method(CAPPED, policy),
        Method(UNCAPPED, replace(policy, gate=gate)),
    ]


def play_streets(player: Player, policy: PolicyConfig, seeds: int, frames: int) -> list[Scores]:
    """Scores by method, one entry a seed; of plain pruning and of the policy itself."""
    found: list[Scores] = [{}, {}]
    progress = Progress("streets", seeds)
    for done, seed in enumerate(range(FIRST_SEED, FIRST_SEED + seeds), start=1):
        config = player.model.config
        clips = [scene_clip(scene, seed, frames, config) for scene in GROUPS["bursts"]]
        for scores, base in zip(found, (plain_of(policy), policy), strict=True):
            for name, score in score_methods(player, clips, methods_of(base)).items():
                scores.setdefault(name, []).append(score)
        progress.update(done, f"seed {seed}")
    progress.finish()
    return found


def values_of(kind: str, scores: Mapping[str, Sequence[SeedScores]]) -> dict[str, float]:
    """Percent by figure name; bursts of all seeds are pooled before a share is taken.

    Raises:
        FigureError: A frame reached what stands for no cap, or no burst lost anything.
    """
    worst = max(s.worst_extra for s in scores[UNCAPPED])
    if worst >= LIFTED:
        raise FigureError(f"{kind}: a frame restored {worst:.0f} % of its own work: still capped")
    lost = added_burst(scores[NONE])
    out: dict[str, float] = {}
    for cap in (CAPPED, UNCAPPED):
        left = added_burst(scores[cap])
        closed = float("nan") if lost is None or left is None else gap_closed(lost, left)
        if closed != closed:
            raise FigureError(
                f"{kind}: nothing is lost three frames after the events, so there is no gap to "
                "close; give more seeds or longer clips"
            )
        out[f"{cap}_{kind}_gap_closed"] = 100 * closed
    extra = [s.extra for s in scores[UNCAPPED]]
    out[f"uncapped_{kind}_extra_mean"] = sum(extra) / len(extra)
    out[f"uncapped_{kind}_extra_worst"] = worst
    return out


def measure(network: str, seeds: int, frames: int) -> dict[str, Figure]:
    """Figures by name."""
    if seeds < 1 or frames < 2:
        raise ConfigError(
            f"--seeds {seeds} --frames {frames}: expected 1 street or more of 2 frames or more"
        )
    policy = load_policy(None, network)
    found = play_streets(Player(find_network(network)), policy, seeds, frames)
    return {
        name: found_now(value, unit="%", command=COMMAND)
        for kind, scores in zip(KINDS, found, strict=True)
        for name, value in values_of(kind, scores).items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--network", default="small", help="network (default small)")
    parser.add_argument("--seeds", type=int, default=5, help="streets of each scene (default 5)")
    parser.add_argument("--frames", type=int, default=40, help="frames of each clip (default 40)")
    options = parser.parse_args()
    try:
        figures = measure(options.network, options.seeds, options.frames)
    except DepthError as error:
        print(f"measure_uncapped: error: {error}", file=sys.stderr)
        return 1
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
