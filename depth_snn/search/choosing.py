"""One point of a front for one purpose: by the weighted rule, at the knee, within a budget.

A choice rests on what the search itself estimated. Held-out clips would no longer be held out once
something was chosen by them; they only report on what was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from depth_snn.errors import ConfigError
from depth_snn.search.scalar import ACCURACY, ACCURACY_WEIGHT, COST_WEIGHT
from depth_snn.search.types import Floats


def weighted_scores(losses: Floats, objectives: Sequence[str], base: Floats) -> Floats:
    """0.7·mIoU + 0.3·(1 − FLOPs/FLOPs_base) of every point (n,); more is better (DEPTH, §search).

    mIoU counts from 0 to 1, as 1 − loss/100: the dense network's own is the same for all points
    and moves all scores alike. ``macs`` is a share of the dense network's already; any other cost
    is taken as a share of what the base policy costs. Several objectives of one kind are averaged.

    Args:
        losses: Objectives in their own units (n, k).
        objectives: Their names (k).
        base: The base policy's (k).

    Raises:
        ConfigError: The front is empty, or a number is not finite.
    """
    _check(losses, len(objectives))
    score = np.zeros(len(losses))
    accurate = [k for k, name in enumerate(objectives) if name in ACCURACY]
    costs = [k for k in range(len(objectives)) if k not in accurate]
    if accurate:
        score += ACCURACY_WEIGHT * (1 - losses[:, accurate].mean(1) / 100)
    if costs:
        units = np.array([1.0 if objectives[k] == "macs" else base[k] for k in costs])
        score += COST_WEIGHT * (1 - (losses[:, costs] / units).mean(1))
    return score


def choose_weighted(losses: Floats, objectives: Sequence[str], base: Floats) -> int:
    """The point with the largest weighted score; of equal ones the first in order of losses.

    Args:
        losses: Objectives in their own units (n, k).
        objectives: Their names (k).
        base: The base policy's (k).
    """
    return _best(-weighted_scores(losses, objectives, base), losses)


def choose_knee(losses: Floats) -> int:
    """The point farthest below the chord that joins the extremes (Das 1999, "bulge").

    With more than two objectives the chord is the plane through the points best in each. Where
    the extremes do not span one (fewer than k different points) every distance counts as 0. Of
    points at equal distance the one with the smallest sum of losses is taken, then the first in
    order of losses: so of two points that with the smaller sum, and of one that one.

    Args:
        losses: Objectives in units of their scales (n, k).
    """
    _check(losses, losses.shape[1] if losses.ndim == 2 else 0)
    depth = _below_chord(losses)
    order = losses.sum(1)
    near = depth >= depth.max() - 1e-12 * max(1.0, float(np.abs(losses).max()))
    return _best(np.where(near, order, np.inf), losses)


def choose_within(losses: Floats, violations: Floats, objectives: Sequence[str]) -> int | None:
    """The most accurate point that violates nothing, or None; of equal ones the cheapest.

    A budget says what may be spent, so the choice spends it on accuracy. Without an objective of
    accuracy it is the cheapest in the first objective.

    Args:
        losses: Objectives in their own units (n, k).
        violations: By how much each point violates its constraints (n,), 0 for none.
        objectives: Names (k).
    """
    _check(losses, len(objectives))
    if not (violations <= 0).any():
        return None
    first = next((k for k, name in enumerate(objectives) if name in ACCURACY), 0)
    return _best(np.where(violations <= 0, losses[:, first], np.inf), losses)


def thin(
    losses: Floats, count: int, always: Collection[int], volume: Callable[[Floats], float]
) -> list[int]:
    """A front reduced to ``count`` points by taking out, one by one, whatever adds least.

    Args:
        losses: Objectives in units of their scales (n, k).
        count: How many to keep, unless ``always`` names more.
        always: Points that stay.
        volume: Hypervolume of points (m, k).

    Returns:
        What is left, in the order given.
    """
    left = list(range(len(losses)))
    while len(left) > max(count, len(set(always))):
        free = [i for i in left if i not in always]
        # Without the one that adds least, most is left; of equal ones the last goes.
        without = [volume(losses[[k for k in left if k != i]]) for i in free]
        left.remove(free[len(free) - 1 - int(np.argmax(without[::-1]))])
    return left


def _below_chord(losses: Floats) -> Floats:
    """Distance of each point to the plane through the extremes, positive towards the origin."""
    extremes = losses[[_best(losses[:, k], losses) for k in range(losses.shape[1])]]
    edges = extremes[1:] - extremes[0]
    _, sizes, rows = np.linalg.svd(edges, full_matrices=True)
    if not len(sizes) or sizes.min() <= 1e-12 * max(1.0, float(sizes.max())):
        return np.zeros(len(losses))
    normal = rows[-1] * (-1.0 if rows[-1].sum() > 0 else 1.0)
    out: Floats = (losses - extremes[0]) @ normal
    return out


def _best(values: Floats, losses: Floats) -> int:
    """Smallest value; of equal ones the first in order of losses, then of numbers."""
    keys = [losses[:, k] for k in reversed(range(losses.shape[1]))]
    return int(np.lexsort((*keys, values))[0])


def _check(losses: Floats, objectives: int) -> None:
    if losses.ndim != 2 or not len(losses) or losses.shape[1] != objectives:
        raise ConfigError(
            f"a front of shape {losses.shape} has no choice; expected points × {objectives} losses"
        )
    if not np.isfinite(losses).all():
        raise ConfigError("a front holds a loss that is not a finite number; leave that point out")
