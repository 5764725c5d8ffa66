"""MO-CMA-ES: what is wrong in DEAP is right here, and what DEAP draws stays its own affair."""

from __future__ import annotations

import random

import numpy as np
import pytest

cma = pytest.importorskip("deap.cma")

from depth_snn.search.algorithms import mocma  # noqa: E402
from depth_snn.search.algorithms.mocma import Individual, MoCma, Strategy  # noqa: E402

N, CCOV = 5, 0.2


def strategies(**settings) -> tuple[cma.StrategyMultiObjective, Strategy]:
    parents = [Individual(np.full(N, 0.5), 2)]
    return cma.StrategyMultiObjective(parents, 0.1, **settings), Strategy(parents, 0.1, **settings)


def a_factor() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.tril(rng.uniform(0.1, 0.5, (N, N))) + np.eye(N)


@pytest.mark.parametrize("sign", [1, -1])
def test_rank_one_update_is_the_published_one_for_either_sign(sign: int) -> None:
    A = a_factor()
    p = sign * A @ np.full(N, 0.7)  # A⁻¹·p is all positive, or all negative
    stock, ours = strategies(ccov=CCOV)
    inverse, factor = ours._rankOneUpdate(np.linalg.inv(A), A, 1 - CCOV, CCOV, p)
    wanted = (1 - CCOV) * A @ A.T + CCOV * np.outer(p, p)
    np.testing.assert_allclose(factor @ factor.T, wanted, rtol=1e-12)
    np.testing.assert_allclose(inverse @ factor, np.eye(N), atol=1e-12)
    untouched = stock._rankOneUpdate(np.linalg.inv(A), A, 1 - CCOV, CCOV, p)[1]
    assert np.array_equal(untouched, A) == (sign < 0)  # the defect of the library


def test_above_the_threshold_the_old_covariance_hardly_grows() -> None:
    A, cc = a_factor(), 0.3
    p = A @ np.full(N, 0.1)
    stock, ours = strategies(ccov=CCOV, cc=cc)
    asked = 1 - CCOV + cc * (2 - cc)  # what DEAP's update passes
    inverse, factor = ours._rankOneUpdate(np.linalg.inv(A), A, asked, CCOV, p)
    C = A @ A.T
    wanted = (1 - CCOV) * C + CCOV * (np.outer(p, p) + cc * (2 - cc) * C)
    np.testing.assert_allclose(factor @ factor.T, wanted, rtol=1e-12)
    np.testing.assert_allclose(inverse @ factor, np.eye(N), atol=1e-12)
    grown = stock._rankOneUpdate(np.linalg.inv(A), A, asked, CCOV, p)[1]
    assert np.trace(grown @ grown.T) > np.trace(C) > np.trace(factor @ factor.T)


def planted(strategy_class: type, retold: bool) -> list[float]:
    """Third coordinates after 5 generations that began with a parent of false fitness."""
    rng = np.random.default_rng(0)
    honest = [Individual(np.array([x, 1 - x, 0.2]), 2) for x in (0.2, 0.4, 0.8)]
    lucky = Individual(np.array([0.6, 0.4, 1.0]), 2)

    def losses(ind: Individual) -> tuple[float, float]:
        return tuple(np.array([ind[0], 1 - ind[0]]) + ind[2] + rng.normal(0, 0.01, 2))

    for ind in honest:
        ind.fitness.values = losses(ind)
    lucky.fitness.values = (-1.0, -1.0)
    lucky.candidate = 99
    strategy = strategy_class([*honest, lucky], 0.05, mu=4, lambda_=4)
    np.random.seed(5)  # noqa: NPY002 (what DEAP draws from)
    for _ in range(5):
        offspring = strategy.generate(lambda p: Individual(p, 2))
        for ind in offspring:
            ind.fitness.values = losses(ind)
        if retold:
            search = MoCma(2, [np.full(3, 0.5)], 0, 4)
            search._strategy, search._told = strategy, offspring
            search.retell({99: np.array(losses(lucky))})
        strategy.update(offspring)
    return [ind[2] for ind in strategy.parents]


def test_a_lucky_elite_is_dropped_once_it_is_told_again_and_never_in_deap() -> None:
    state = np.random.get_state()  # noqa: NPY002
    assert max(planted(Strategy, retold=True)) < 0.6
    assert max(planted(cma.StrategyMultiObjective, retold=False)) == 1.0
    np.random.set_state(state)  # noqa: NPY002


def generation(search: MoCma, first: int = 0) -> list[np.ndarray]:
    points = search.ask()
    rows = np.array([[p.mean(), 1 - p.mean()] for p in points])
    search.tell(range(first, first + len(points)), points, rows)
    return points


def test_an_elite_told_again_is_no_parent_any_more() -> None:
    search = MoCma(2, [np.full(3, 0.5)], 1, 8)
    points = [np.full(3, 0.5), *search.ask()]
    rows = np.array([[p.mean(), 1 - p.mean()] for p in points])
    rows[2] = -1.0
    search.tell(range(len(points)), points, rows)
    assert 2 in search.kept()
    generation(search, 10)
    assert 2 in search.kept()
    search.retell({2: np.array([2.0, 2.0]), 12345: np.zeros(2)})
    assert 2 not in search.kept()
    search.ask()
    assert 2 not in search.kept()


def test_global_generators_are_left_as_they_were() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    wanted = random.random(), np.random.rand()  # noqa: NPY002
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    search = MoCma(2, [np.full(3, 0.5)], 1, 8)
    for _ in range(3):
        generation(search)
    assert (random.random(), np.random.rand()) == wanted  # noqa: NPY002


def test_what_others_draw_in_between_changes_nothing() -> None:
    runs = []
    for disturb in (False, True):
        search = MoCma(2, [np.full(3, 0.5)], 4, 8)
        points = []
        for _ in range(4):
            points += generation(search)
            if disturb:
                np.random.rand(7)  # noqa: NPY002
        runs.append(np.array(points))
    np.testing.assert_array_equal(*runs)


def test_steps_are_taken_from_the_projected_points() -> None:
    search = MoCma(2, [np.zeros(3), np.ones(3)], 2, 8)
    generation(search)
    points = np.array(generation(search))
    assert points.min() == 0 and points.max() <= 1
    offspring = np.array([list(ind) for ind in search._told])
    np.testing.assert_array_equal(points, offspring)


def test_clones_of_a_parent_do_not_crowd_others_out() -> None:
    best = Individual(np.full(3, 0.5), 2)
    strategy = Strategy([best], 0.1, mu=2, lambda_=3)
    best._ps = "p", 0
    others = [Individual(np.full(3, 0.5), 2) for _ in range(2)]
    worse = Individual(np.full(3, 0.1), 2)
    for ind in (best, *others):
        ind.fitness.values = (0.1, 0.1)
    worse.fitness.values = (0.5, 0.5)
    chosen, rest = strategy._select([*others, worse, best])
    assert [id(ind) for ind in chosen] == [id(best), id(worse)]
    assert len(rest) == 2
    assert cma.StrategyMultiObjective._select(strategy, [*others, worse, best])[0] == others


def test_the_least_contributor_is_deaps_own() -> None:
    from deap import tools

    rng = np.random.default_rng(8)
    for k in (2, 3):
        front = []
        for _ in range(6):
            ind = Individual(rng.random(3), k)
            direction = np.abs(rng.standard_normal(k))
            ind.fitness.values = tuple(1 - direction / np.linalg.norm(direction))
            front.append(ind)
        ref = np.full(k, 1.5)
        assert mocma.least_contributor(front, ref) == tools.hypervolume(front, ref=ref)


def test_the_first_covariance_lies_along_the_starts() -> None:
    starts = [np.full(4, level) for level in (0.2, 0.5, 0.8)]
    A = mocma.first_shape(starts)
    values, vectors = np.linalg.eigh(A @ A.T)
    assert values.sum() == pytest.approx(4)
    np.testing.assert_allclose(values[:3], 1 - mocma.ALONG)
    np.testing.assert_allclose(np.abs(vectors[:, 3]), 0.5)
    np.testing.assert_array_equal(mocma.first_shape(starts[:1]), np.eye(4))
