"""Streams that leave a domain, meet one that nobody knows, and return: what is lost on return.

Both adapters begin with the first domain's own policy alone, evolved on streets of other seeds, and
search in the second domain in the same way, in step with the frames. One keeps only the policy it
found last; the other keeps both in its library.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from depth_snn.adapt.adapter import Adapter
from depth_snn.adapt.evolve import Evolver, Pace
from depth_snn.adapt.jobs import InStep, Job
from depth_snn.adapt.library import PolicySet
from depth_snn.adapt.rehearsal import Rehearsal, Score
from depth_snn.adapt.scene_search import scene_study
from depth_snn.cli.depth.protocol import scene_clip
from depth_snn.cli.progress import Progress
from depth_snn.config import PolicyConfig
from depth_snn.data.frames import Frame
from depth_snn.data.metrics import miou
from depth_snn.pruning.play import Guide, Method, Played, Player
from depth_snn.search.threads import one_thread

LATEST, LIBRARY = KEEPING = "latest", "library"
"""What an adapter keeps: the policy it found last, or all of them."""
RETURNS = (("day", "night"), ("day", "rain"), ("day", "fog"))
OWN_SEED = 320
"""Street on which the first domain's own policy is evolved; one of those that searches see."""
FIRST, AWAY, BACK = 15, 60, 30
"""Frames in the first domain, in the second, and after the return."""
COUNTED = 15
"""Frames after the return that are scored."""
EVALUATIONS, PER_FRAME = 24, 4
PACE = Pace(window=12, rest=30, watch=120)


def return_losses(
    player: Player, policies: PolicySet, seeds: Sequence[int], streams: int
) -> dict[str, float]:
    """Points of the scalar by which each adapter falls short of the first domain's own policy.

    Args:
        player: Of the network.
        policies: Library whose centres and radii are used.
        seeds: Streets; the stream returns to another street than it left.
        streams: Of each pair of domains, at most one fewer than there are seeds.
    """
    found: dict[str, list[float]] = {name: [] for name in KEEPING}
    progress = Progress("streams", len(RETURNS) * streams)
    for first, away in RETURNS:
        own = own_policy(player, policies.base, first)
        known = single(policies, first, own)
        for seed, other in zip(seeds[:streams], [*seeds[1:], seeds[0]], strict=False):
            frames = stream(player, first, away, seed, other)
            mark = score(played(player, frames, own, None)).value
            for name, losses in found.items():
                guide = adapter_of(player, known, latest=name == LATEST)
                got = score(played(player, frames, known.base, guide))
                losses.append(mark - got.value)
                ran = " ".join(f"{c.policy}@{c.frame}" for c in guide.changes)
                print(f"{first}-{away} {seed} {name}: {mark - got.value:.3f}; {ran}",
                      file=sys.stderr)  # fmt: skip
            progress.update(len(found[LATEST]), f"{first}-{away}-{first}")
    progress.finish()
    return {name: float(np.mean(losses)) for name, losses in found.items()}


def own_policy(player: Player, base: PolicyConfig, domain: str) -> PolicyConfig:
    """What evolution makes of the base policy in a domain; the base if nothing is better."""
    study = scene_study(Rehearsal(player.model), base, EVALUATIONS, 0)
    clip = scene_clip(f"standing-{domain}", OWN_SEED, PACE.window, player.model.config)
    images = [frame.rgb for frame in clip.frames]
    with one_thread():
        best: PolicyConfig | None = ended(study.search(images, 0, base, base))
    return best or base


def ended(job: Job) -> PolicyConfig | None:
    """Result of a job, made at once."""
    while True:
        try:
            next(job)
        except StopIteration as end:
            value: PolicyConfig | None = end.value
            return value


def single(policies: PolicySet, domain: str, own: PolicyConfig) -> PolicySet:
    """A set that knows one domain."""
    known = next(d for d in policies.domains if d.name == domain)
    return replace(policies, fallback=domain, domains=(replace(known, policy=own),))


def adapter_of(player: Player, known: PolicySet, *, latest: bool) -> Adapter:
    """An adapter that searches in step with the frames."""
    config = player.model.config
    study = scene_study(Rehearsal(player.model), known.base, EVALUATIONS, 0)
    evolver = Evolver(study, InStep(PER_FRAME), known.distance, PACE)
    return Adapter(known, config.height, config.width, evolver=evolver, latest=latest)


def stream(player: Player, first: str, away: str, seed: int, other: int) -> list[Frame]:
    """Three streets in a row."""
    parts = ((first, seed, FIRST), (away, seed, AWAY), (first, other, BACK))
    config = player.model.config
    return [
        frame
        for domain, street, count in parts
        for frame in scene_clip(f"standing-{domain}", street, count, config).frames
    ]


def played(
    player: Player, frames: Sequence[Frame], policy: PolicyConfig, guide: Guide | None
) -> Played:
    """The whole stream under a policy and a guide."""
    rule = "spikes" if policy.recovery else "none"
    return player.play(frames, Method("return", policy, rule), guide=guide)


def score(run: Played) -> Score:
    """The first frames after the return, against the labels."""
    start = FIRST + AWAY
    matrices = run.matrices[start : start + COUNTED].sum(0)
    # Work has no entry for the stream's first frame.
    work = run.work[start - 1 : start - 1 + COUNTED]
    return Score(100 - 100 * miou(matrices), float(work.mean()))
