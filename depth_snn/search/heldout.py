"""What points are worth on clips their search never saw: means, intervals, paired differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from depth_snn.errors import InputError
from depth_snn.search.types import OK, Executor, Floats, Outcome, Task

LEVEL = 0.95
"""Confidence of the intervals."""


@dataclass(frozen=True)
class Interval:
    """Mean over sets of clips and how sure it is.

    Attributes:
        mean: The mean; NaN where nothing is known.
        error: Standard error of the mean; NaN for fewer than two sets.
        half: Half width of the 95 % interval by Student's t; likewise.
    """

    mean: float
    error: float
    half: float

    def text(self, digits: int = 2, factor: float = 1.0) -> str:
        """``mean ± half`` in other units."""
        if math.isnan(self.mean):
            return "–"
        mean = f"{factor * self.mean:.{digits}f}"
        return mean if math.isnan(self.half) else f"{mean} ± {factor * self.half:.{digits}f}"


@dataclass(frozen=True)
class Measured:
    """One point on every held-out set.

    Attributes:
        point: Where it lies.
        values: By name of the measure, one number for each set; NaN where the evaluation failed.
        violation: The largest violation on any set.
        errors: What went wrong, one line for each set that failed.
    """

    point: tuple[float, ...]
    values: Mapping[str, tuple[float, ...]]
    violation: float
    errors: tuple[str, ...] = ()

    def interval(self, name: str) -> Interval:
        """Mean and interval of a measure over sets."""
        return interval95(self.values.get(name, ()))

    def means(self, names: Sequence[str]) -> Floats:
        """Means of several measures (k,); NaN where unknown, or where it failed on any set.

        The sets that are left may be the easy ones.
        """
        if self.errors:
            return np.full(len(names), np.nan)
        return np.array([self.interval(name).mean for name in names])


class Shelf(Protocol):
    """Where evaluations are kept; :class:`depth_snn.search.store.Store` is one."""

    @property
    def count(self) -> int:
        """How many there are."""

    def get(self, number: int) -> tuple[Task, Outcome] | None:
        """The evaluation of that number, if it is there."""

    def append(self, task: Task, outcome: Outcome) -> None:
        """Keep one; it is on disk when this returns."""


def interval95(values: Sequence[float]) -> Interval:
    """Mean, standard error and 95 % interval by Student's t, of the values that are known."""
    from scipy.stats import t as student

    known = np.array([v for v in values if not math.isnan(v)])
    if not len(known):
        return Interval(float("nan"), float("nan"), float("nan"))
    if len(known) == 1:
        return Interval(float(known[0]), float("nan"), float("nan"))
    error = float(known.std(ddof=1) / math.sqrt(len(known)))
    width = float(student.ppf(0.5 + LEVEL / 2, len(known) - 1))
    return Interval(float(known.mean()), error, width * error)


def paired(one: Measured, base: Measured, name: str) -> Interval:
    """How much more a point has of a measure than another, set by set."""
    pairs = zip(one.values.get(name, ()), base.values.get(name, ()), strict=False)
    return interval95([a - b for a, b in pairs])


def optimism(searched: Sequence[float], heldout: Sequence[float]) -> float:
    """Mean over points of (held-out − searched loss)/100: mIoU, 0 to 1, that the search promised.

    Points without a held-out loss are left out; NaN where none is left.

    Args:
        searched: What the search estimated, points of mIoU lost.
        heldout: What held-out clips say, likewise.
    """
    gaps = [h - s for s, h in zip(searched, heldout, strict=True) if not math.isnan(h - s)]
    return float(np.mean(gaps)) / 100 if gaps else float("nan")


def evaluate_heldout(
    points: Sequence[tuple[float, ...]],
    sets: int,
    executor: Executor,
    store: Shelf,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> list[Measured]:
    """Measure points on every set, each as it comes put into the store, none of them twice.

    Args:
        points: Where they lie.
        sets: Number of sets.
        executor: Makes the evaluations.
        store: What is known of these points and sets already; its numbers follow one another, in
            whatever order evaluations came.
        tell: Told how many evaluations are there, and of how many.

    Raises:
        InputError: The store holds fewer evaluations than it counts.
    """
    known, free = _known(store)
    wanted = [(k, point, s) for k, point in enumerate(points) for s in range(sets)]
    missing = dict.fromkeys((point, s) for _, point, s in wanted if (point, s) not in known)
    places = {point: k for k, point, _ in reversed(wanted)}
    tasks = [Task(free + n, places[point], point, s) for n, (point, s) in enumerate(missing)]
    total = len({(point, s) for _, point, s in wanted})
    tell(total - len(tasks), total)
    for done, (task, outcome) in enumerate(executor.run(tasks) if tasks else (), start=1):
        store.append(task, outcome)
        known[task.point, task.clips] = outcome
        tell(total - len(tasks) + done, total)
    return [_measured(point, [known[point, s] for s in range(sets)]) for point in points]


def _known(store: Shelf) -> tuple[dict[tuple[tuple[float, ...], int], Outcome], int]:
    """Outcomes by point and set, and the first number nobody has."""
    known: dict[tuple[tuple[float, ...], int], Outcome] = {}
    left, number = store.count, 0
    # A killed run may have left gaps, of no more numbers than were asked for at once.
    while left and number < 2 * store.count + 100_000:
        found = store.get(number)
        if found is not None:
            task, outcome = found
            known[tuple(task.point), task.clips] = outcome
            left -= 1
        number += 1
    if left:
        raise InputError(
            f"the store of held-out clips counts {store.count} evaluations and {left} of them are "
            "not there; give another --out"
        )
    return known, number


def _measured(point: tuple[float, ...], outcomes: Sequence[Outcome]) -> Measured:
    names = dict.fromkeys(name for outcome in outcomes for name in outcome.measures)
    nothing = float("nan")
    values = {
        name: tuple(float(outcome.measures.get(name, nothing)) for outcome in outcomes)
        for name in names
    }
    errors = tuple(f"{o.status}: {o.error}" for o in outcomes if o.status != OK)
    # As in a search, a violation that is no number is one.
    over = [o.violation if math.isfinite(o.violation) else 1.0 for o in outcomes]
    return Measured(point, values, max(over, default=0.0), errors)
