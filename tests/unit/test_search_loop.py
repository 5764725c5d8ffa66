"""The whole search on problems in closed form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

for package in ("deap", "comocma", "pymoo", "moocore"):
    pytest.importorskip(package)

from depth_snn.errors import ConfigError, InputError  # noqa: E402
from depth_snn.search.algorithms import NAMES, make_algorithm  # noqa: E402
from depth_snn.search.algorithms.cmaes import weights_of  # noqa: E402
from depth_snn.search.hypervolume import hypervolume  # noqa: E402
from depth_snn.search.loop import MIN_SETS, Progress, Result, Search  # noqa: E402
from depth_snn.search.types import OK  # noqa: E402

from .search_toys import Fragile, Here, Memory, Pruning, Three, Zdt1  # noqa: E402

NOISY = Zdt1(noise=0.05)


def searched(problem, name, seed=0, evaluations=60, store=None, backwards=False, **rest) -> Result:
    return Search(
        problem, name, Here(problem, backwards), store if store is not None else Memory(),
        seed=seed, evaluations=evaluations, **rest,
    ).run()  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_its_history_whatever_the_order_of_outcomes(name: str) -> None:
    stores = [Memory() for _ in range(3)]
    one = searched(NOISY, name, store=stores[0])
    two = searched(NOISY, name, store=stores[1], backwards=True)
    searched(NOISY, name, seed=1, store=stores[2])
    assert stores[0].history == stores[1].history != stores[2].history
    assert one.front == two.front
    assert one.evaluations == len(stores[0].kept) == 60


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("known", [0, 1, 7, 33, 59])
def test_a_cut_search_goes_on_to_the_same_end(name: str, known: int) -> None:
    whole, cut = Memory(), Memory()
    wanted = searched(NOISY, name, store=whole)
    cut.kept = {n: whole.kept[n] for n in whole.kept if n < known or n == known + 2}
    resumed = searched(NOISY, name, store=cut)
    assert (resumed.front, cut.history) == (wanted.front, whole.history)


def test_a_store_of_another_search_is_refused() -> None:
    store = Memory()
    searched(NOISY, "nsga2", store=store)
    with pytest.raises(InputError, match="of another search or version; start anew"):
        searched(NOISY, "nsga2", seed=3, store=store)


@pytest.mark.parametrize("name", NAMES)
def test_no_algorithm_writes_files_or_leaves_the_cube(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Memory()
    searched(replace(Pruning(), dimensions=6), name, evaluations=80, store=store)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")
    points = np.array([task.point for task, _ in store.history])
    assert points.shape[1] == 6 and points.min() >= 0 and points.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_starts_are_in_the_first_generation_once(name: str) -> None:
    problem, store = Pruning(dimensions=6), Memory()
    searched(problem, name, evaluations=40, store=store)
    history = [task for task, _ in store.history]
    assert [t.point for t in history[:6]] == [problem.starts()[0]] * 6
    assert [t.clips for t in history[:6]] == [0, 1, 2, 3, 4, 5]
    assert [t.point for t in history[6:8]] == problem.starts()[1:]
    pairs = [(t.candidate, t.clips) for t in history]
    assert len(set(pairs)) == len(pairs)
    assert all((t.point == problem.starts()[0]) == (t.candidate == 0) for t in history)
    first = make_algorithm(name, 6, problem.objectives, problem.starts(), 0).ask()
    assert not {tuple(p.tolist()) for p in first} & set(problem.starts())


def test_a_generation_shares_its_set_and_sets_take_turns() -> None:
    store = Memory()
    searched(Zdt1(sets=3), "random", evaluations=43, reserve=0.0, store=store)
    clips = [task.clips for task, _ in store.history[3:]]
    assert clips == [0] * 8 + [1] * 8 + [2] * 8 + [0] * 8 + [1] * 8


@pytest.mark.parametrize("evaluations", [7, 13, 61, 100])
@pytest.mark.parametrize("name", ["mocma", "random"])
def test_the_budget_is_exact_and_progress_ends_there(name: str, evaluations: int) -> None:
    heard: list[Progress] = []
    result = searched(NOISY, name, evaluations=evaluations, tell=heard.append)
    assert result.evaluations == evaluations == heard[-1].evaluations
    assert tuple(heard) == result.trace
    assert all(now.total == evaluations for now in heard)


def test_the_final_front_was_seen_often_enough() -> None:
    result = searched(NOISY, "mocma", evaluations=120)
    assert all(p.sets >= MIN_SETS and np.isfinite(p.spread).all() for p in result.front)
    assert result.archive.front(MIN_SETS) == [p.candidate for p in result.front]
    assert all(len(result.archive.sets(p.candidate)) == p.sets for p in result.front)


def test_with_budget_left_the_whole_front_has_every_set_and_search_goes_on() -> None:
    result = searched(Zdt1(sets=2), "nsga2", evaluations=200, reserve=0.6)
    assert all(p.sets == 2 for p in result.front)
    assert result.trace[-1].generation > 200 * 0.4 / 8


def median(problem, name: str, evaluations: int, seeds: range) -> float:
    volumes = []
    for seed in seeds:
        front = searched(problem, name, seed, evaluations).front
        volumes.append(hypervolume(np.array([problem.exact(p.point) for p in front])))
    return float(np.median(volumes))


def test_search_beats_random_search() -> None:
    problem = Zdt1(dimensions=6, noise=0.02)
    volumes = {n: median(problem, n, 250, range(3)) for n in ("mocma", "comocma", "nsga2")}
    floor = median(problem, "random", 250, range(3))
    assert all(volume > floor + 0.05 for volume in volumes.values()), (volumes, floor)


def test_cmaes_beats_random_search_on_its_weighted_sum() -> None:
    problem = Zdt1(dimensions=6, noise=0.02, scales=(100.0, 1.0))
    weights = weights_of(problem.objectives, problem.scales)

    def best(name: str) -> float:
        found = []
        for seed in range(3):
            front = searched(problem, name, seed, 150).front
            found.append(min(problem.exact(p.point) / problem.scales @ weights for p in front))
        return float(np.median(found))

    assert best("cmaes") < best("random")


def test_seeing_the_front_again_makes_it_less_optimistic() -> None:
    """Mean amount by which the final front's estimates are too good, both objectives alike."""

    def optimism(reserve: float, sets: int) -> float:
        problem, gaps = Zdt1(noise=0.1), []
        for seed in range(6):
            result = searched(problem, "random", seed, 120, reserve=reserve)
            for n in result.archive.front(sets):
                truth = problem.over_sets(result.archive.points[n])
                gaps.append((truth - result.archive.estimate(n)).mean())
        return float(np.mean(gaps))

    once, again = optimism(0.0, 1), optimism(0.4, MIN_SETS)
    assert once > 0.05
    assert again < 0.6 * once


def test_failing_and_infeasible_candidates_do_not_stop_a_search() -> None:
    problem = Fragile()
    for name in NAMES:
        store = Memory()
        result = searched(problem, name, evaluations=80, store=store)
        assert result.evaluations == 80
        assert all(p.point[1] >= 0.1 and p.point[2] >= 0.3 for p in result.front)
    assert {outcome.status for _, outcome in store.history} == {OK, "failed"}
    assert result.trace[-1].failures > 0


def test_a_set_on_which_the_reference_fails_is_used_no_more() -> None:
    class OneBad(Zdt1):
        def evaluate(self, point, clips):
            if clips == 1:
                raise ValueError("no such clip")
            return super().evaluate(point, clips)

    store = Memory()
    result = searched(OneBad(sets=3), "mocma", evaluations=40, store=store)
    assert [t.number for t, _ in store.history if t.clips == 1] == [1]
    assert result.front


def test_a_reference_that_never_works_is_an_error_of_one_line() -> None:
    class Bad(Zdt1):
        def evaluate(self, point, clips):
            raise ValueError("no\nnetwork")

    with pytest.raises(InputError, match=r"could not be evaluated: no\\nnetwork; mend it"):
        searched(Bad(), "random")


def test_a_search_with_nothing_new_to_propose_ends() -> None:
    class Stuck:
        name = "stuck"

        def ask(self):
            return [np.full(4, 0.25)]

        def tell(self, candidates, points, losses) -> None: ...

        def retell(self, losses) -> None: ...

        def kept(self):
            return []

    result = searched(Zdt1(), Stuck(), evaluations=60)
    assert 12 <= result.evaluations < 60


@pytest.mark.parametrize("name", ["mocma", "nsga2", "random"])
def test_three_objectives(name: str) -> None:
    problem = Three()
    result = searched(problem, name, seed=2)
    assert len(result.front[0].losses) == 3
    assert result.trace[-1].hypervolume > result.trace[0].hypervolume


def test_weights_are_those_of_the_rule() -> None:
    """0.7·mIoU + 0.3·(1 − MACs) falls by 0.007 for a point of mIoU, by 0.03 for a tenth of MACs."""
    weights = weights_of(("loss", "macs"), (5.0, 1.0))
    assert np.array([1 / 5, 0.0]) @ weights == pytest.approx(0.007)
    assert np.array([0.0, 0.1]) @ weights == pytest.approx(0.03)
    assert weights_of(("loss", "burst_loss", "energy_uj"), (5, 5, 700)).tolist() == [
        pytest.approx(0.0175), pytest.approx(0.0175), pytest.approx(0.3),
    ]  # fmt: skip
    # The loss of the integer network is a loss of accuracy too.
    assert (weights_of(("loss_int", "macs")) == weights_of(("loss", "macs"))).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"evaluations": 6}, "give 7 or more"),
        ({"reserve": 1.0}, r"within \[0, 1\)"),
        ({"name": "tabu"}, "choose from mocma"),
        ({"size": 3}, "4 points a generation"),
        ({"seed": -1}, "a seed from 0"),
    ],
)
def test_bad_settings_are_one_line(wrong: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        searched(Zdt1(), wrong.pop("name", "mocma"), **wrong)


def test_bad_starts_and_objectives_are_one_line() -> None:
    class Outside(Zdt1):
        def starts(self):
            return [(0.5,) * 4, (1.5,) * 4]

    with pytest.raises(ConfigError, match="start 1 of the search"):
        searched(Outside(), "mocma")
    with pytest.raises(ConfigError, match="comocma needs 2 objectives; got 3"):
        make_algorithm("comocma", 4, ("loss", "macs", "cores"), [(0.5,) * 4], 0)


def test_a_duplicate_uses_what_is_known() -> None:
    class Twice:
        name = "twice"

        def __init__(self) -> None:
            self.heard: list[np.ndarray] = []

        def ask(self):
            return [np.full(4, 0.5), np.full(4, 0.2), np.full(4, 0.2)]

        def tell(self, candidates, points, losses) -> None:
            self.heard.append(losses)

        def retell(self, losses) -> None: ...

        def kept(self):
            return []

    algorithm, store = Twice(), Memory()
    searched(Zdt1(sets=2), algorithm, evaluations=4, reserve=0.0, store=store)
    assert [(t.candidate, t.clips) for t, _ in store.history] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [len(rows) for rows in algorithm.heard] == [2, 2]
