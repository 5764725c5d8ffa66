"""Choices from a front against brute force and against fronts whose answer is plain to see."""

from __future__ import annotations

import numpy as np
import pytest

from depth_snn.errors import ConfigError
from depth_snn.search.choosing import (
    choose_knee,
    choose_weighted,
    choose_within,
    thin,
    weighted_scores,
)
from depth_snn.search.types import Floats

NAMES = ("loss", "macs")
BASE = np.array([0.5, 0.3])


def random_front(seed: int, points: int) -> Floats:
    """Points that do not dominate each other, in no order."""
    rng = np.random.default_rng(seed)
    loss = np.sort(rng.uniform(0, 1, points))
    cost = np.sort(rng.uniform(0, 1, points))[::-1]
    return rng.permutation(np.stack([loss, cost], 1))


def area(losses: Floats) -> float:
    """Area below (1, 1) that two objectives dominate, counted on the grid of their own values."""
    xs, ys = (np.unique([*losses[:, k].clip(max=1), 1.0]) for k in (0, 1))
    return sum(
        (xs[i + 1] - xs[i]) * (ys[j + 1] - ys[j])
        for i in range(len(xs) - 1)
        for j in range(len(ys) - 1)
        if ((losses[:, 0] <= xs[i]) & (losses[:, 1] <= ys[j])).any()
    )


def test_the_weighted_rule_is_the_formula_of_the_proposal() -> None:
    """mIoU counted from the dense network's own, which moves every score alike."""
    losses = np.array([[0.5, 0.4], [2.0, 0.2], [9.0, 0.1]])
    dense = 0.85
    by_hand = [0.7 * (dense - loss / 100) + 0.3 * (1 - macs) for loss, macs in losses]
    scores = weighted_scores(losses, NAMES, BASE)
    assert np.allclose(np.diff(scores), np.diff(by_hand))
    assert choose_weighted(losses, NAMES, BASE) == int(np.argmax(by_hand)) == 1


def test_costs_other_than_macs_count_in_units_of_the_base_policy() -> None:
    losses = np.array([[1.0, 800.0], [1.0, 400.0]])
    scores = weighted_scores(losses, ("burst_loss", "energy_uj"), np.array([0.5, 1600.0]))
    assert np.allclose(scores, [0.7 * 0.99 + 0.3 * 0.5, 0.7 * 0.99 + 0.3 * 0.75])


def test_order_of_objectives_does_not_matter_to_the_weighted_rule() -> None:
    for seed in range(20):
        front = random_front(seed, 7)
        turned = choose_weighted(front[:, ::-1], NAMES[::-1], BASE[::-1])
        assert turned == choose_weighted(front, NAMES, BASE)


def test_the_knee_is_farthest_from_the_chord() -> None:
    """Distance by the area of the triangle that a point makes with the extremes."""
    bulges = 0
    for seed in range(50):
        front = random_front(seed, 9)
        a, b = front[front[:, 0].argmin()], front[front[:, 1].argmin()]
        edge = b - a
        heights = [edge[1] * (p - a)[0] - edge[0] * (p - a)[1] for p in front]
        if max(heights) > 1e-9:  # else nothing lies below the chord
            bulges += 1
            assert choose_knee(front) == int(np.argmax(heights))
    assert bulges > 25


def test_the_knee_of_three_objectives_is_below_the_plane_of_the_extremes() -> None:
    corners = np.eye(3)
    front = np.array([*corners, [0.3, 0.3, 0.3], [0.2, 0.2, 0.2], [0.1, 0.5, 0.3]])
    assert choose_knee(front) == 4


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ([[0.4, 0.6]], 0),
        ([[0.1, 0.9], [0.6, 0.2]], 1),  # no point between the two: the smaller sum
        ([[0.9, 0.1], [0.1, 0.9]], 1),  # equal sums: the first in order of losses
        ([[0.5, 0.5], [0.5, 0.5]], 0),
        ([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], 0),  # all on the chord
        ([[0.0, 1.0], [0.8, 0.8], [1.0, 0.0]], 0),  # nothing below it
        ([[1.0, 0.0], [0.1, 0.5], [0.0, 1.0], [0.1, 0.5]], 1),
    ],
)
def test_ties_and_short_fronts_have_a_rule(front: list[list[float]], expected: int) -> None:
    assert choose_knee(np.array(front)) == expected


def test_within_a_budget_the_most_accurate_that_passes() -> None:
    losses = np.array([[0.1, 0.9], [0.4, 0.5], [0.4, 0.4], [3.0, 0.1]])
    broken = np.array([0.2, 0.0, 0.0, 0.0])
    assert choose_within(losses, broken, NAMES) == 2  # as accurate as 1, and cheaper
    assert choose_within(losses[:, ::-1], broken, NAMES[::-1]) == 2
    assert choose_within(losses, np.ones(4), NAMES) is None
    rng = np.random.default_rng(3)
    for seed in range(30):
        front, kept = random_front(seed, 8), rng.uniform(size=8) < 0.4
        passing = sorted((*front[k], k) for k in range(8) if kept[k])
        found = choose_within(front, np.where(kept, 0.0, 0.1), NAMES)
        assert found == (passing[0][-1] if passing else None)


@pytest.mark.parametrize("bad", [np.zeros((0, 2)), np.array([[0.1, np.nan]]), np.zeros((3, 1))])
def test_a_front_without_a_choice_is_refused(bad: Floats) -> None:
    with pytest.raises(ConfigError, match="front"):
        choose_weighted(bad, NAMES, BASE)


def test_a_thinned_front_loses_the_least_area_at_every_step() -> None:
    for seed in range(10):
        front, always = random_front(seed, 8), {seed % 8}
        left = list(range(8))
        for count in range(7, 2, -1):
            tries = {k: area(front[[i for i in left if i != k]]) for k in left if k not in always}
            left.remove(max(tries, key=lambda k: tries[k]))
            assert thin(front, count, always, area) == left


def test_thinning_keeps_what_was_chosen_and_short_fronts() -> None:
    front = random_front(1, 6)
    assert thin(front, 1, {0, 3, 5}, area) == [0, 3, 5]
    assert thin(front, 9, (), area) == list(range(6))
