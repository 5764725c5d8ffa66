"""Hypervolumes, estimates and fronts against closed forms and brute force."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("moocore")

from depth_snn.search.archive import Archive
from depth_snn.search.hypervolume import contributions, hypervolume, nondominated
from depth_snn.search.types import CRASHED, OK, Outcome


def staircase(losses: np.ndarray) -> float:
    """Area below (1, 1), by sweeping: the witness."""
    corners = sorted({(a, b) for a, b in losses.tolist() if a < 1 and b < 1})
    area, low = 0.0, 1.0
    for (a, b), (right, _) in pairwise([*corners, (1.0, 0.0)]):
        low = min(low, b)
        area += (right - a) * (1 - low)
    return area


def test_hypervolume_of_boxes() -> None:
    assert hypervolume(np.array([[0.25, 0.5]])) == 0.75 * 0.5
    assert hypervolume(np.array([[0.5, 0.5, 0.5], [0.0, 0.9, 0.9]])) == pytest.approx(
        0.125 + 0.01 - 0.5 * 0.1 * 0.1
    )
    assert hypervolume(np.array([[-1.0, 0.5]])) == 1.0
    assert hypervolume(np.array([[1.0, 0.0], [0.2, 1.5]])) == 0.0
    assert hypervolume(np.zeros((0, 2))) == 0.0


def test_hypervolume_against_a_sweep_and_pymoo() -> None:
    indicator = pytest.importorskip("pymoo.indicators.hv").HV
    rng = np.random.default_rng(1)
    for _ in range(20):
        losses = rng.uniform(-0.2, 1.2, (12, 2))
        assert hypervolume(losses) == pytest.approx(staircase(losses), abs=1e-12)
        three = rng.random((9, 3))
        assert hypervolume(three) == pytest.approx(indicator(ref_point=np.ones(3))(three))


def test_hypervolume_of_a_fine_front_nears_the_integral() -> None:
    x = np.linspace(0, 1, 2001)
    assert hypervolume(np.stack([x, 1 - np.sqrt(x)], axis=1)) == pytest.approx(2 / 3, abs=1e-3)


def test_contributions_are_what_is_lost() -> None:
    losses = np.array([[0.1, 0.8], [0.4, 0.4], [0.9, 0.2], [0.5, 0.5]])
    whole = hypervolume(losses)
    wanted = [whole - hypervolume(np.delete(losses, i, axis=0)) for i in range(4)]
    np.testing.assert_allclose(contributions(losses, np.ones(2)), wanted, atol=1e-12)


def dominated(row: np.ndarray, rows: np.ndarray) -> bool:
    return any((other <= row).all() and (other < row).any() for other in rows)


def test_nondominated_against_brute_force() -> None:
    rng = np.random.default_rng(2)
    for k in (2, 3, 4):
        rows = rng.integers(0, 5, (40, k)).astype(float)
        first: set[tuple[float, ...]] = set()
        wanted = []
        for row in rows:
            wanted.append(not dominated(row, rows) and tuple(row) not in first)
            first.add(tuple(row))
        assert nondominated(rows).tolist() == wanted


def archive_of(values: dict[int, dict[int, tuple[float, float]]]) -> Archive:
    archive = Archive(("loss", "macs"), (2.0, 1.0))
    for number, seen in values.items():
        assert archive.add((number / 10, 0.0)) == number
        for clips, (loss, macs) in seen.items():
            archive.record(number, clips, Outcome(OK, {"loss": loss, "macs": macs}))
    return archive


def test_an_estimate_is_the_reference_plus_the_difference_on_shared_sets() -> None:
    archive = archive_of({
        0: {0: (1.0, 0.5), 1: (3.0, 0.7), 2: (5.0, 0.6)},
        1: {1: (2.0, 0.9)},
        2: {0: (1.0, 0.3), 2: (7.0, 0.2)},
    })  # fmt: skip
    np.testing.assert_allclose(archive.estimate(0), [1.5, 0.6])
    np.testing.assert_allclose(archive.estimate(1), [1.5 - 0.5, 0.6 + 0.2])
    np.testing.assert_allclose(archive.estimate(2), [1.5 + 0.5, 0.6 - 0.3])
    spread = archive.spread(2)  # differences (0, −0.2) and (1, −0.4)
    np.testing.assert_allclose(spread, [0.5, 0.1])
    assert np.isnan(archive.spread(1)).all()


def test_common_difficulty_cancels() -> None:
    """The control variate: sets a hundred times harder than candidates differ change nothing."""
    rng = np.random.default_rng(4)
    hard = rng.normal(0, 100, 6)
    own = {0: 0.5, 1: 0.2, 2: 0.9}
    seen = {0: range(6), 1: (0, 3), 2: (5,)}
    archive = archive_of({n: {k: (own[n] + hard[k], 0.5) for k in seen[n]} for n in own})
    got = [2 * (archive.estimate(n)[0] - archive.estimate(0)[0]) for n in own]
    np.testing.assert_allclose(got, [0.0, -0.3, 0.4], atol=1e-9)


def test_the_front_against_brute_force() -> None:
    rng = np.random.default_rng(5)
    archive = archive_of({
        n: {k: tuple(rng.random(2)) for k in range(1 + (n == 0) * 3 + n % 4)} for n in range(40)
    })  # fmt: skip
    for sets in (1, 2, 3):
        able = [n for n in range(40) if len(archive.sets(n)) >= sets]
        rows = np.array([archive.estimate(n) for n in able])
        wanted = {n for n, row in zip(able, rows, strict=True) if not dominated(row, rows)}
        front = archive.front(sets)
        assert set(front) == wanted
        assert front == sorted(front, key=lambda n: archive.estimate(n)[0])
    assert archive.front(9) == []


def test_told_losses_keep_feasible_before_infeasible_before_failed() -> None:
    archive = archive_of({0: {0: (1.0, 0.5)}, 1: {0: (200.0, 1.0)}, 2: {0: (2.2, 0.5)}})
    barely = archive.add((0.5, 0.5))
    archive.record(barely, 0, Outcome(OK, {"loss": 0.0, "macs": 0.0}, violation=0.01))
    far = archive.add((0.6, 0.5))
    archive.record(far, 0, Outcome(OK, {"loss": 0.0, "macs": 0.0}, violation=9.0))
    failed = archive.add((0.7, 0.5))
    archive.record(failed, 0, Outcome(CRASHED, error="gone"))
    empty = archive.add((0.8, 0.5))
    archive.record(empty, 0, Outcome(OK, {"loss": math.nan, "macs": 0.1}))
    first = [float(archive.told(n)[0]) for n in (0, 2, 1, barely, far, failed, empty)]
    assert first == sorted(first)
    assert first[0] == 0.5 and first[2] < 2 < first[3] < first[4] == first[5] == first[6] == 3.0
    assert archive.front() == [0]
    assert archive.failed(failed) and archive.failed(empty) and not archive.feasible(barely)


def test_a_known_point_keeps_its_number() -> None:
    archive = archive_of({0: {0: (1.0, 0.5)}})
    assert archive.add((0.0, 0.0)) == 0
    assert archive.add((0.3, 0.0)) == 1
    assert archive.add((0.3, 0.0)) == 1
    assert len(archive) == 2
