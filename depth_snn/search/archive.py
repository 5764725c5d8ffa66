"""Every candidate with its evaluations by set of clips, the estimates drawn from them, the front.

Sets of clips differ in difficulty far more than candidates differ, so estimates use the reference's
losses on the same sets as a control variate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from depth_snn.search.hypervolume import hypervolume, nondominated
from depth_snn.search.types import OK, Floats, Outcome

FAILED_LOSS = 3.0
"""Every objective of a failed candidate, in units of its scale."""
INFEASIBLE_LOSS = 2.0
"""What a violation, up to 1, is added to; losses of feasible candidates are told below it."""
REFERENCE = 0
"""Number of the candidate that the others are compared with."""


@dataclass(frozen=True)
class FrontPoint:
    """A candidate and what is known of it.

    Attributes:
        candidate: Its number in the history.
        point: Where it lies in the unit cube.
        losses: Estimates of the objectives, in units of their scales.
        spread: Standard error over sets of clips of each one's difference to the reference, whose
            own error is not in it; NaN where there is one set alone.
        sets: Number of sets it was measured on.
    """

    candidate: int
    point: tuple[float, ...]
    losses: tuple[float, ...]
    spread: tuple[float, ...]
    sets: int


@dataclass(frozen=True)
class _Seen:
    losses: Floats | None  # None if it failed
    violation: float


class Archive:
    """Candidates of a search.

    Args:
        objectives: Names of the measures to minimise.
        scales: Values of each that count as 1.
    """

    def __init__(self, objectives: Sequence[str], scales: Sequence[float]) -> None:
        self.objectives, self.scales = tuple(objectives), tuple(scales)
        self.points: list[tuple[float, ...]] = []
        self._numbers: dict[tuple[float, ...], int] = {}
        self._seen: list[dict[int, _Seen]] = []

    def add(self, point: Sequence[float]) -> int:
        """Number of the candidate at a point: the earlier one if the point is known."""
        key = tuple(float(u) for u in point)
        if key not in self._numbers:
            self._numbers[key] = len(self.points)
            self.points.append(key)
            self._seen.append({})
        return self._numbers[key]

    def record(self, candidate: int, clips: int, outcome: Outcome) -> None:
        """Note an evaluation; one with a missing or non-finite objective counts as failed."""
        losses = None
        if outcome.status == OK:
            raw = [outcome.measures.get(name, np.nan) for name in self.objectives]
            scaled = np.asarray(raw, dtype=np.float64) / self.scales
            losses = scaled if np.isfinite(scaled).all() else None
        violation = outcome.violation if np.isfinite(outcome.violation) else 1.0
        self._seen[candidate][clips] = _Seen(losses, max(float(violation), 0.0))

    def __len__(self) -> int:
        return len(self.points)

    def sets(self, candidate: int) -> set[int]:
        """Sets of clips a candidate was evaluated on."""
        return set(self._seen[candidate])

    def good_sets(self, candidate: int) -> set[int]:
        """Sets of clips on which an evaluation of it succeeded."""
        return set(self._values(candidate))

    def failed(self, candidate: int) -> bool:
        """Whether any evaluation of it failed."""
        return any(seen.losses is None for seen in self._seen[candidate].values())

    def feasible(self, candidate: int) -> bool:
        """Whether it was evaluated, never failed and never violated a constraint."""
        seen = self._seen[candidate].values()
        return bool(seen) and all(s.losses is not None and s.violation == 0 for s in seen)

    def _values(self, candidate: int) -> dict[int, Floats]:
        found = self._seen[candidate].items()
        return {clips: seen.losses for clips, seen in found if seen.losses is not None}

    def differences(self, candidate: int) -> Floats:
        """Its losses minus the reference's, on the sets both have (s, k)."""
        own, reference = self._values(candidate), self._values(REFERENCE)
        rows = [own[clips] - reference[clips] for clips in sorted(own) if clips in reference]
        return np.asarray(rows, dtype=np.float64).reshape(len(rows), len(self.objectives))

    def estimate(self, candidate: int) -> Floats:
        """Losses over all sets, in units of scales (k,); of a failed candidate ``FAILED_LOSS``.

        Mean difference to the reference on the candidate's own sets, plus the reference's mean over
        all of its sets: the difference estimator (a control variate with coefficient 1; Glasserman,
        Monte Carlo Methods in Financial Engineering, 2003, §4.1).
        """
        rows, reference = self.differences(candidate), self._values(REFERENCE)
        if self.failed(candidate) or len(rows) == 0:
            return np.full(len(self.objectives), FAILED_LOSS)
        mean = np.mean([reference[clips] for clips in sorted(reference)], axis=0)
        return np.asarray(rows.mean(axis=0) + mean, dtype=np.float64)

    def spread(self, candidate: int) -> Floats:
        """Standard error of the mean difference over sets (k,); NaN for fewer than two."""
        rows = self.differences(candidate)
        if len(rows) < 2:
            return np.full(len(self.objectives), np.nan)
        return np.asarray(rows.std(axis=0, ddof=1) / np.sqrt(len(rows)), dtype=np.float64)

    def told(self, candidate: int) -> Floats:
        """What an algorithm hears (k,): feasible below 2, infeasible from 2 to 3, failed 3.

        Feasible values above 1 become 2 − 1/x, which keeps their order and has slope 1 at 1.
        """
        if self.failed(candidate) or not self._seen[candidate]:
            return np.full(len(self.objectives), FAILED_LOSS)
        if not self.feasible(candidate):
            amount = float(np.mean([s.violation for s in self._seen[candidate].values()]))
            return np.full(len(self.objectives), INFEASIBLE_LOSS + min(amount, 1.0))
        value = self.estimate(candidate)
        return np.where(value <= 1, value, 2 - 1 / np.maximum(value, 1.0))

    def describe(self, candidate: int) -> FrontPoint:
        """All that is known of a candidate."""
        return FrontPoint(
            candidate=candidate,
            point=self.points[candidate],
            losses=tuple(float(v) for v in self.estimate(candidate)),
            spread=tuple(float(v) for v in self.spread(candidate)),
            sets=len(self._seen[candidate]),
        )

    def front(self, min_sets: int = 1) -> list[int]:
        """Feasible candidates with enough sets that no other such candidate dominates.

        Args:
            min_sets: Sets of clips a candidate needs to take part at all.

        Returns:
            Their numbers, by the first objective.
        """
        numbers = [
            n for n in range(len(self)) if self.feasible(n) and len(self._seen[n]) >= min_sets
        ]
        if not numbers:
            return []
        losses = np.array([self.estimate(n) for n in numbers])
        best = np.flatnonzero(nondominated(losses))
        return [numbers[i] for i in sorted(best.tolist(), key=lambda i: (tuple(losses[i]), i))]

    def hypervolume(self, min_sets: int = 1) -> float:
        """Hypervolume of the front's estimates below the corner (1, …, 1)."""
        front = self.front(min_sets)
        return hypervolume(np.array([self.estimate(n) for n in front])) if front else 0.0
