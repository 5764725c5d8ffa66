"""The clips and methods of `depth-snn eval --protocol depth`, and what is measured on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from depth_snn.cli.depth.score import SeedScores, seed_scores
from depth_snn.config import GateConfig, NetworkConfig, PolicyConfig
from depth_snn.data.frames import Frame
from depth_snn.pruning.play import Method, Played, Player
from depth_snn.recovery.rules import RULES
from depth_snn.search.clips import Clip, scene_clip
from depth_snn.search.grid import PLAIN as PLAIN_PIXELS
from depth_snn.search.grid import SHIPPED, plain_of, plain_steps
from depth_snn.search.problem import scaled

DENSE, PROPOSAL, IRREVERSIBLE, RECOVERY = "dense", "proposal", "irreversible", "recovery"
FIRST_SEED = 400
"""Seed of the first street; the policy was chosen on streets of seeds 300 to 303."""
WEATHERS = ("dusk", "night", "rain", "fog", "low_sun")
GROUPS: dict[str, tuple[str, ...]] = {
    "static": ("standing-day",),
    "ego": ("driving-day",),
    "bursts": ("standing-traffic", "driving-traffic", "standing-cut", "driving-cut"),
    **{w: (f"standing-{w}", f"driving-{w}") for w in WEATHERS},
}
"""Scenes by group. Each holds sudden events; the burst windows of `bursts` are those reported."""
ABLATION = tuple(rule for rule in RULES if rule != "none")
NONE, UNTRAINED, FULL = "none", "spikes_untrained", "spikes_full"
JUDGED, PLAIN = "pruned by the judge", "pruned by pixels"
D_GAMMA = 125
"""The proposal's threshold of D_t; half of what four tokens had, since D_t is a norm and a region
is one token now."""
FULL_D_GAMMA = 30
"""Threshold at which both rules on D_t fill the bucket, on the streets thresholds are chosen on."""


@dataclass
class Results:
    """Everything a run of the protocol measured.

    Attributes:
        groups: By group and method, one entry for each seed.
        ablation: By kind of pruning and rule, one entry for each seed, on the clips of `bursts`.
        curves: By group and judge, (executed ÷ dense MACs, points of mIoU lost), pooled over seeds.
        trace: Restored ÷ own work of every frame of one clip with a cut, percent.
    """

    groups: dict[str, dict[str, list[SeedScores]]] = field(default_factory=dict)
    ablation: dict[str, dict[str, list[SeedScores]]] = field(default_factory=dict)
    curves: dict[str, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)
    trace: list[float] = field(default_factory=list)


def camvid_clip(data: Path, config: NetworkConfig) -> Clip:
    """CamVid's val sequence: 101 consecutive labelled frames at 15 Hz, eleven classes."""
    from depth_snn.data.readers.camvid import open_camvid

    reader = open_camvid(data, split="val", size=(config.height, config.width), to_street=False)
    return Clip([Frame(sample.rgb, sample.label) for sample in reader], ())


def methods_of(policy: PolicyConfig) -> list[Method]:
    """The ways to run a clip that every group compares."""
    return [
        Method(DENSE, None),
        Method(PROPOSAL, proposal_of(policy)),
        Method(IRREVERSIBLE, replace(policy, recovery=False), "none"),
        Method(RECOVERY, policy),
    ]


def proposal_of(policy: PolicyConfig) -> PolicyConfig:
    """Pruning as the proposal describes it: only what moves, D_t into the gates, nothing carried.

    A token runs when it moves by itself; what changes without moving comes back by spikes alone.
    """
    gate = replace(d_gate(policy, D_GAMMA), hold=4)
    moved = replace(policy, tau_px=0.6, tau_stale=1e6, moved_share=0.0)
    return replace(moved, judge="error", carry=False, gate=gate)


def ablation_of(policy: PolicyConfig) -> list[Method]:
    """The same pruning and the same bucket, each time served by another rule, or by none.

    Rules on D_t ask at a threshold that fills the bucket, so that all are at equal work; ``FULL``
    is the policy's own neuron listening twice as hard to pixels, which fills it too.
    """
    louder = replace(policy.gate, gain_pixels=2 * policy.gate.gain_pixels)
    on_d = replace(policy, gate=d_gate(policy, FULL_D_GAMMA))
    found = [Method(rule, on_d if rule == "threshold" else policy, rule) for rule in ABLATION]
    none = Method(NONE, replace(policy, recovery=False), "none")
    full = Method(FULL, replace(policy, gate=louder), "spikes")
    return [none, *found, full, Method(UNTRAINED, on_d, "spikes")]


def d_gate(policy: PolicyConfig, gamma: int) -> GateConfig:
    """The policy's bucket behind a neuron on D_t, untrained: beta of a half."""
    return replace(policy.gate, drive="gradient", gain_pixels=0, vth=gamma, dv=2048)


def run_groups(
    player: Player, policy: PolicyConfig, seeds: int, frames: int,
    tell: Callable[[int, str], None],
) -> Results:  # fmt: skip
    """Play every clip by every method, seed by seed."""
    results, config, done = Results(), player.model.config, 0
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        for group, scenes in GROUPS.items():
            clips = [scene_clip(scene, seed, frames, config) for scene in scenes]
            methods = methods_of(policy)
            scores = score_methods(player, clips, methods)
            for method in methods:
                results.groups.setdefault(group, {}).setdefault(method.name, []).append(
                    scores[method.name]
                )
            if group == "bursts":
                _ablate(player, clips, policy, results)
                if not results.trace:
                    played = player.play(clips[-1].frames, methods[-1])
                    results.trace = [100 * float(e) for e in played.extra]
            done += 1
            tell(done, f"seed {seed}, {group}")
    return results


def _ablate(player: Player, clips: list[Clip], policy: PolicyConfig, results: Results) -> None:
    for kind, base in ((JUDGED, policy), (PLAIN, plain_of(policy))):
        methods = [Method(DENSE, None), *ablation_of(base)]
        found = results.ablation.setdefault(kind, {})
        for name, score in score_methods(player, clips, methods).items():
            if name != DENSE:
                found.setdefault(name, []).append(score)


def score_methods(
    player: Player, clips: Sequence[Clip], methods: Sequence[Method]
) -> dict[str, SeedScores]:
    """Scores of one seed's clips by method; the dense network is one of the methods."""
    played: dict[str, list[Played]] = {
        method.name: [player.play(clip.frames, method) for clip in clips] for method in methods
    }
    events = [clip.events for clip in clips]
    return {name: seed_scores(found, played[DENSE], events) for name, found in played.items()}


def run_curve(
    player: Player, policies: Mapping[str, Sequence[PolicyConfig]], clips: Sequence[Clip]
) -> dict[str, list[tuple[float, float]]]:
    """Work and loss of policies on clips, pooled; by the name of each family of policies."""
    dense = [player.play(clip.frames, Method(DENSE, None)) for clip in clips]
    found: dict[str, list[tuple[float, float]]] = {}
    for name, family in policies.items():
        for policy in family:
            rule = "spikes" if policy.recovery else "none"
            played = [player.play(clip.frames, Method(name, policy, rule)) for clip in clips]
            score = seed_scores(played, dense, [() for _ in clips])
            found.setdefault(name, []).append((score.work, score.loss))
    return found


def families(policy: PolicyConfig, steps: Sequence[float]) -> dict[str, list[PolicyConfig]]:
    """A policy's threshold scaled, with the trained judge and with pixel differences."""
    shipped = [scaled(policy, step) for step in steps]
    return {
        SHIPPED: shipped,
        "shipped policy, no recovery": [replace(p, recovery=False) for p in shipped],
        PLAIN_PIXELS: list(plain_steps(policy, steps)),
    }
