"""What a policy does on a set of clips: loss against the dense network, and work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from depth_snn.config import PolicyConfig
from depth_snn.data.bursts import burst_window
from depth_snn.data.metrics import Counts, miou
from depth_snn.motion.base import Image, Motion, Vectors
from depth_snn.motion.sources import make_source
from depth_snn.search.clips import Clip, ClipSet
from depth_snn.search.genome import Candidate

if TYPE_CHECKING:
    from depth_snn.pruning.play import Played, Player

MEASURES = ("loss", "burst_loss", "miou", "macs", "extra_worst")
"""What :func:`measure_policy` gives."""


@dataclass(frozen=True, eq=False)
class Known:
    """What is the same for every policy on a clip, worked out once.

    Attributes:
        dense: Confusion matrix of every frame under the dense network (T, C, C).
        motions: Motion of every frame after the first (T − 1).
    """

    dense: Counts
    motions: tuple[Motion, ...]


class KnownMotion:
    """The motion of a clip, found before; for one run from the clip's first frame."""

    def __init__(self, name: str, motions: Sequence[Motion]) -> None:
        self.name, self._rest = name, iter(motions)

    def measure(self, before: Image, now: Image, vectors: Vectors | None = None) -> Motion:
        """See :class:`~depth_snn.motion.base.MotionSource`."""
        return next(self._rest)


def known_of(clip: Clip, player: Player, motion: str) -> Known:
    """Work out a clip's :class:`Known`.

    Args:
        clip: The clip.
        player: Of the network.
        motion: The motion source's name, as in a policy.
    """
    source = make_source(motion, player.model.config)
    pairs = pairwise(clip.frames)
    motions = tuple(source.measure(one.rgb, two.rgb, two.vectors) for one, two in pairs)
    return Known(player.dense_matrices(clip.frames), motions)


def measure_policy(
    candidate: Candidate, clip_set: ClipSet, player: Player, known: Sequence[Known] | None = None
) -> dict[str, float]:
    """Measure a candidate's policy; its thresholds play no part in float.

    Confusion matrices of all clips are added before any ratio is taken. ``loss`` is in points of
    mIoU (percent) below the dense network, negative if above; ``burst_loss`` the same over the
    windows after sudden events; ``miou`` in percent; ``macs`` executed ÷ dense, motion and gates
    included, mean over the frames after each clip's first; ``extra_worst`` the largest restored ÷
    own work of a frame, percent.

    Args:
        candidate: What to measure.
        clip_set: Where.
        player: Of the network, nothing cut.
        known: What :func:`known_of` gave for each clip; None to work it out now.

    Raises:
        ConfigError: if the policy does not suit the network.
    """
    policy = candidate.policy
    if known is None:
        known = [known_of(clip, player, policy.motion) for clip in clip_set.clips]
    pairs = list(zip(clip_set.clips, known, strict=True))
    played = [_play(clip, facts, policy, player) for clip, facts in pairs]
    ours = sum(p.matrices.sum(0) for p in played)
    theirs = sum(facts.dense.sum(0) for facts in known)
    burst, lag = None, clip_set.last_lag
    for p, (clip, facts) in zip(played, pairs, strict=True):
        window = burst_window(p.matrices, facts.dense, clip.events, lag)
        burst = window if burst is None else burst + window
    assert burst is not None and burst.bursts, "sets of fewer frames are refused"
    return {
        "loss": 100 * (miou(theirs) - miou(ours)),
        "burst_loss": 100 * miou(burst.reference.sum(0)) - 100 * miou(burst.stream.sum(0)),
        "miou": 100 * miou(ours),
        "macs": float(np.concatenate([p.work for p in played]).mean()),
        "extra_worst": 100 * float(max(p.extra.max() for p in played)),
    }


def cap_violation(measures: dict[str, float], policy: PolicyConfig) -> float:
    """Relative excess of restored work over the policy's cap; 0 unless the cap were broken."""
    worst, cap = measures["extra_worst"], policy.gate.cap_percent
    excess = worst / cap - 1 if cap else worst
    return excess if excess > ROUNDING else 0.0


ROUNDING = 1e-9
"""Relative error of a ratio of integers, in floats, that is no excess."""


def _play(clip: Clip, facts: Known, policy: PolicyConfig, player: Player) -> Played:
    from depth_snn.pruning.play import Method

    method = Method("candidate", policy, "spikes" if policy.recovery else "none")
    return player.play(clip.frames, method, KnownMotion(policy.motion, facts.motions))
