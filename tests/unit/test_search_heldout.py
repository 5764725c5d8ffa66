"""Held-out values: intervals against scipy's own, evaluations made once and kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from scipy import stats

from depth_snn.cli.depth.score import interval
from depth_snn.errors import InputError
from depth_snn.search.heldout import (
    Measured,
    evaluate_heldout,
    interval95,
    optimism,
    paired,
)
from depth_snn.search.types import FAILED, OK, Outcome, Task


class Shelf:
    """Evaluations in memory."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[Task, Outcome]] = {}

    @property
    def count(self) -> int:
        return len(self.rows)

    def get(self, number: int) -> tuple[Task, Outcome] | None:
        return self.rows.get(number)

    def append(self, task: Task, outcome: Outcome) -> None:
        assert task.number not in self.rows
        self.rows[task.number] = task, outcome


class Backwards:
    """An executor whose outcomes come in the reverse order; it dies after ``limit`` of them."""

    def __init__(self, limit: int = 1000) -> None:
        self.limit, self.made = limit, 0

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        for task in reversed(tasks):
            if self.made == self.limit:
                raise KeyboardInterrupt
            self.made += 1
            yield task, outcome_of(task.point, task.clips)

    def close(self) -> None:
        """Nothing was started."""


def outcome_of(point: tuple[float, ...], clips: int) -> Outcome:
    if point[0] > 0.9 and clips == 1:
        return Outcome(FAILED, error="ValueError: no")
    return Outcome(OK, {"loss": 10 * point[0] + clips, "macs": 1 - point[0]}, point[0])


POINTS = [(0.5,), (0.25,), (0.5,), (0.95,)]


def test_intervals_are_those_of_students_t() -> None:
    rng = np.random.default_rng(0)
    for count in (2, 3, 8, 40):
        values = rng.normal(3, 2, count)
        found = interval95(values.tolist())
        low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert np.allclose([found.mean - found.half, found.mean + found.half], [low, high])
        assert math.isclose(found.error, stats.sem(values))
        assert math.isclose(found.half, interval(values.tolist()).half, rel_tol=1e-3)


def test_few_and_missing_values() -> None:
    nothing, one = interval95([float("nan")]), interval95([float("nan"), 2.0])
    assert math.isnan(nothing.mean) and nothing.text() == "–"
    assert one.mean == 2.0 and math.isnan(one.half) and one.text(1) == "2.0"
    assert interval95([1.0, 3.0, float("nan")]).mean == 2.0


def test_every_point_has_every_set_and_failures_are_told() -> None:
    found = evaluate_heldout(POINTS, 3, Backwards(), Shelf())
    assert [m.point for m in found] == POINTS
    assert found[0] == found[2]  # one point, measured once
    assert found[1].values == {"loss": (2.5, 3.5, 4.5), "macs": (0.75, 0.75, 0.75)}
    assert found[1].violation == 0.25 and not found[1].errors
    assert found[3].errors == ("failed: ValueError: no",)
    assert np.isnan(found[3].means(["loss"])).all(), "the sets that are left may be the easy ones"
    assert np.isfinite(found[1].means(["loss"])).all()
    assert math.isnan(found[3].values["loss"][1])
    assert found[3].interval("loss").mean == 10.5
    assert math.isclose(paired(found[3], found[1], "loss").mean, 7.0)


def test_what_is_kept_is_not_measured_again_after_a_stop_with_gaps() -> None:
    whole = evaluate_heldout(POINTS, 3, Backwards(), Shelf())
    for stop in range(1, 9):
        shelf, first = Shelf(), Backwards(stop)
        with pytest.raises(KeyboardInterrupt):
            evaluate_heldout(POINTS, 3, first, shelf)
        second, told = Backwards(), list[tuple[int, int]]()
        found = evaluate_heldout(POINTS, 3, second, shelf, lambda *now, told=told: told.append(now))
        assert repr(found) == repr(whole)  # NaN equals itself in a text
        assert second.made == 9 - stop and told[0] == (stop, 9) and told[-1] == (9, 9)
        more = Backwards()
        evaluate_heldout([(0.1,), *POINTS], 3, more, shelf)
        assert more.made == 3


def test_a_store_that_lost_evaluations_is_refused() -> None:
    class Torn(Shelf):
        @property
        def count(self) -> int:
            return len(self.rows) + 1

    with pytest.raises(InputError, match="not there"):
        evaluate_heldout(POINTS, 3, Backwards(), Torn())


def test_optimism_is_what_the_search_promised_too_much() -> None:
    assert math.isclose(optimism([1.0, 2.0], [1.5, 2.1]), 0.003)
    assert math.isclose(optimism([1.0, 2.0], [float("nan"), 2.1]), 0.001)
    assert math.isnan(optimism([], []))


def test_differences_are_taken_set_by_set() -> None:
    ours = Measured((0.0,), {"loss": (1.0, 5.0, float("nan"))}, 0.0)
    base = Measured((0.0,), {"loss": (0.5, 4.5, 1.0)}, 0.0)
    found = paired(ours, base, "loss")
    assert found.mean == 0.5 and found.half == 0.0


def test_a_violation_that_is_no_number_is_one_wherever_it_comes() -> None:
    class Broken:
        def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
            for task in tasks:
                yield task, Outcome(OK, {"loss": 1.0}, math.nan if task.clips == 1 else 0.0)

        def close(self) -> None:
            pass

    (found,) = evaluate_heldout([(0.5,)], 3, Broken(), Shelf())
    assert found.violation == 1.0
