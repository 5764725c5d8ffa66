"""One search for a policy on frames that have passed, and one fair comparison with the fallback."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from depth_snn.adapt.library import CHANGING
from depth_snn.adapt.rehearsal import Image, Rehearsal, Score, Window
from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError, DepthError
from depth_snn.search.types import Algorithm

Floats = npt.NDArray[np.float64]
FAILED = 3.0
"""Loss, in every objective, of a candidate that could not be played."""
LOSSES = ("loss", "macs")
"""What the losses are called: disagreement with the dense network in points of mIoU, and work."""
SCALES = (5.0, 1.0)
"""Points of disagreement, and share of the dense work, that count as 1 to the algorithm."""


class Genes(Protocol):
    """What a point of the unit cube means; a :class:`~depth_snn.search.genome.Genome` is one."""

    def decode(self, point: Sequence[float]) -> Candidate:
        """The policy at a point."""

    def encode(self, policy: PolicyConfig) -> Sequence[float]:
        """The point of a policy, its values clipped to the genes' bounds."""


class Candidate(Protocol):
    """What is decoded."""

    @property
    def policy(self) -> PolicyConfig:
        """What is pruned."""


@dataclass(frozen=True)
class Trial:
    """One comparison on frames that no search had seen.

    Attributes:
        found: Score of the policy that was found.
        fallback: Score of the fallback on the same frames.
    """

    found: Score
    fallback: Score

    @property
    def passed(self) -> bool:
        """Whether what was found is no worse than the fallback."""
        return self.found.value >= self.fallback.value


@dataclass(frozen=True)
class Study:
    """How to search, and how much.

    Attributes:
        rehearsal: Plays policies.
        genes: What may change.
        algorithm: Makes the algorithm of the n-th search, given n and the point to start from.
        evaluations: Plays one search may make.
    """

    rehearsal: Rehearsal
    genes: Genes
    algorithm: Callable[[int, tuple[float, ...]], Algorithm]
    evaluations: int

    def __post_init__(self) -> None:
        if self.evaluations < 2:
            raise ConfigError(
                f"{self.evaluations} evaluations: expected 2 or more, of which one is the fallback"
            )

    def search(
        self, images: Sequence[Image], number: int, start: PolicyConfig, fallback: PolicyConfig
    ) -> Generator[None, None, PolicyConfig | None]:
        """Look for a policy that scores above the fallback on frames; yields after each play.

        The algorithm sees two losses, disagreement and work; of all it tried, the best by the
        proposal's scalar is taken.

        Args:
            images: Frames (H, W, 3), two or more.
            number: Of the search; it seeds the algorithm.
            start: Policy to start from.
            fallback: Policy to beat.

        Returns:
            The best policy; None if none beat the fallback.
        """
        window = self.rehearsal.label(images)
        mark, best = self.rehearsal.play(window, fallback).value, None
        yield
        first = tuple(self.genes.encode(start))
        algorithm, used, told = self.algorithm(number, first), 1, 0
        points = [np.array(first)]
        while used < self.evaluations:
            points += algorithm.ask()
            losses = []
            for point in points[: self.evaluations - used]:
                policy = self._limited(point, fallback)
                score = self._played(window, policy)
                losses.append(_losses(score))
                if score is not None and score.value > mark:
                    mark, best = score.value, policy
                used += 1
                yield
            if len(losses) == len(points):
                algorithm.tell(range(told, told + len(points)), points, np.array(losses))
            told, points = told + len(points), []
        return best

    def compare(
        self, images: Sequence[Image], policy: PolicyConfig, fallback: PolicyConfig
    ) -> Generator[None, None, Trial]:
        """Play both on the same frames; yields after each play."""
        window = self.rehearsal.label(images)
        found = self.rehearsal.play(window, policy)
        yield
        return Trial(found, self.rehearsal.play(window, fallback))

    def _limited(self, point: Floats, fallback: PolicyConfig) -> PolicyConfig:
        """Policy at a point; whatever the genes say, only what may change in a stream changes."""
        policy = self.genes.decode(tuple(float(v) for v in point)).policy
        return replace(fallback, **{key: getattr(policy, key) for key in CHANGING})

    def _played(self, window: Window, policy: PolicyConfig) -> Score | None:
        try:
            return self.rehearsal.play(window, policy)
        except DepthError:
            return None  # one candidate that cannot run must not end the search


def _losses(score: Score | None) -> tuple[float, float]:
    if score is None:
        return FAILED, FAILED
    return score.disagreement / SCALES[0], score.work / SCALES[1]
