"""The whole search: generations on changing sets of clips, then the front seen again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from depth_snn.errors import ConfigError, InputError, one_line
from depth_snn.search.algorithms import make_algorithm
from depth_snn.search.archive import REFERENCE, Archive, FrontPoint
from depth_snn.search.types import Algorithm, Executor, Floats, Outcome, Problem, Task

MIN_SETS = 3
"""Sets of clips that a candidate of the final front was seen on, unless the problem has fewer."""
BARREN_TURNS = 50
"""Turns without an evaluation after which a search has nothing left to propose."""
CHUNK = 8
"""Candidates of the front that are seen again before the front is drawn anew."""


class Store(Protocol):
    """Where evaluations are kept; an appended one survives the process."""

    def get(self, number: int) -> tuple[Task, Outcome] | None:
        """The evaluation with a number, or None."""

    def append(self, task: Task, outcome: Outcome) -> None:
        """Keep an evaluation; it is on disk when this returns."""


@dataclass(frozen=True)
class Progress:
    """Where a search stands.

    Attributes:
        evaluations: How many were made.
        total: How many will be made.
        generation: Generations that were told so far.
        front: Candidates on the front.
        hypervolume: Of the front's estimates, in units of scales, below the corner (1, …, 1).
        failures: Candidates with an evaluation that failed.
    """

    evaluations: int
    total: int
    generation: int
    front: int
    hypervolume: float
    failures: int


@dataclass(frozen=True)
class Result:
    """What a search found.

    Attributes:
        front: The final front, by the first objective.
        evaluations: How many were made.
        trace: Progress after every turn.
        archive: Every candidate with its evaluations.
    """

    front: tuple[FrontPoint, ...]
    evaluations: int
    trace: tuple[Progress, ...]
    archive: Archive


class Search:
    """A search, from the first evaluation to the front.

    The reference (the first start) is evaluated on every set of clips. Generation g, the other
    starts in its first, is evaluated on set g mod sets, the same for all (common random numbers),
    and some of the candidates that the algorithm keeps are seen on one more set. The last part of
    the budget goes to the front, fewest sets first, until all of it has every set; if evaluations
    are left then, generations go on. Nothing depends on time or on the order in which evaluations
    end, so a stopped search is resumed by running it again on what its store has.

    Args:
        problem: What is searched.
        algorithm: A name of ``algorithms.NAMES``, or an algorithm, seeded by its maker.
        executor: Makes the evaluations.
        store: Keeps them.
        seed: Seeds an algorithm given by its name.
        evaluations: Size of the budget; never exceeded, and met unless nothing is left to propose.
        reserve: Share of the budget kept for the front, within [0, 1).
        size: Points per generation of an algorithm given by its name.
        tell: Called after every turn.

    Raises:
        ConfigError: for a budget that does not cover the reference and one candidate more; for a
            reserve outside its range; for starts that are missing or outside the cube.
    """

    def __init__(
        self,
        problem: Problem,
        algorithm: Algorithm | str,
        executor: Executor,
        store: Store,
        *,
        seed: int = 0,
        evaluations: int,
        reserve: float = 0.25,
        size: int = 8,
        tell: Callable[[Progress], None] | None = None,
    ) -> None:
        self._starts = [tuple(float(u) for u in point) for point in problem.starts()]
        check_search(problem, self._starts, evaluations, reserve)
        if isinstance(algorithm, str):
            algorithm = make_algorithm(
                algorithm, problem.dimensions, problem.objectives, self._starts, seed, size,
                problem.scales,
            )  # fmt: skip
        self.problem, self.algorithm = problem, algorithm
        self._executor, self._store, self._tell = executor, store, tell
        self._total = evaluations
        self._limit = evaluations - int(reserve * evaluations)
        self._archive = Archive(problem.objectives, problem.scales)
        self._done = self._generation = 0
        self._sets: list[int] = []
        self._offspring: list[int] = []
        self._waiting: list[tuple[int, int]] = []  # of the offspring: not yet evaluated
        self._trace: list[Progress] = []

    def run(self) -> Result:
        """Make the search.

        Raises:
            InputError: if the reference fails on every set, or the store holds another search.
        """
        self._measure_reference()
        barren = 0
        while self._done < self._total and barren < BARREN_TURNS:
            before = self._done
            again = [] if self._done < self._limit else self._to_see_again()
            if again:
                self._evaluate(again, self._total)
            else:
                self._advance(self._limit if self._done < self._limit else self._total)
            barren = 0 if self._done > before else barren + 1
            self._report()
        front = tuple(self._archive.describe(n) for n in self._final_front())
        return Result(front, self._done, tuple(self._trace), self._archive)

    def _measure_reference(self) -> None:
        number = self._archive.add(self._starts[0])
        last = self._evaluate([(number, k) for k in range(self.problem.sets)], self._total)
        self._sets = sorted(self._archive.good_sets(REFERENCE))
        if not self._sets:
            raise InputError(
                "the search's first start, which others are compared with, could not be evaluated:"
                f" {one_line(last.error if last else '') or 'no reason given'}; mend it, or give"
                " other starts"
            )

    def _advance(self, limit: int) -> None:
        """Ask for a generation, or go on with one that the limit cut, and tell it when done."""
        clips = self._sets[self._generation % len(self._sets)]
        if not self._offspring:
            points: list[Sequence[float]] = [tuple(p.tolist()) for p in self.algorithm.ask()]
            if self._generation == 0:
                points = [*self._starts, *points]
            self._offspring = list(dict.fromkeys(self._archive.add(p) for p in points))
            self._waiting = [
                (n, clips) for n in self._offspring if clips not in self._archive.sets(n)
            ]
        room = max(limit - self._done, 0)
        now, self._waiting = self._waiting[:room], self._waiting[room:]
        self._evaluate(now, limit)
        if not self._waiting:
            self._tell_generation(clips, limit)

    def _tell_generation(self, clips: int, limit: int) -> None:
        self.algorithm.tell(
            self._offspring,
            [self._array(n) for n in self._offspring],
            self._losses(self._offspring),
        )
        kept = sorted(
            (n for n in dict.fromkeys(self.algorithm.kept()) if self._unseen(n)),
            key=lambda n: (len(self._archive.sets(n)), n),
        )[: len(self._offspring) // 2]
        self._evaluate([(n, self._next_set(n, clips)) for n in kept], limit)
        known = self.algorithm.kept()
        self.algorithm.retell({n: self._archive.told(n) for n in known})
        self._offspring = []
        self._generation += 1

    def _array(self, candidate: int) -> Floats:
        return np.asarray(self._archive.points[candidate], dtype=np.float64)

    def _losses(self, candidates: Sequence[int]) -> Floats:
        rows = [self._archive.told(n) for n in candidates]
        return np.asarray(rows, dtype=np.float64).reshape(len(rows), len(self.problem.objectives))

    def _unseen(self, candidate: int) -> list[int]:
        """Sets it may still be seen on: none once it failed or was infeasible."""
        if not self._archive.feasible(candidate):
            return []
        return [k for k in self._sets if k not in self._archive.sets(candidate)]

    def _next_set(self, candidate: int, preferred: int) -> int:
        unseen = self._unseen(candidate)
        return preferred if preferred in unseen else unseen[0]

    def _to_see_again(self) -> list[tuple[int, int]]:
        """Of the front, the next candidates to evaluate on one more set.

        Those with the fewest sets go first. Where the budget cannot bring the whole front to the
        sets that it needs, those that need the fewest more go first, since the rest is lost anyway.
        """
        front = [n for n in self._archive.front() if self._unseen(n)]
        counts = {n: len(self._archive.sets(n)) for n in front}
        needed = {n: max(self._min_sets - counts[n], 0) for n in front}
        if sum(needed.values()) > self._total - self._done:
            front = [n for n in front if needed[n]]
            front.sort(key=lambda n: (needed[n], n))
        else:
            front.sort(key=lambda n: (counts[n], n))
        return [(n, self._unseen(n)[0]) for n in front[:CHUNK]]

    @property
    def _min_sets(self) -> int:
        return min(MIN_SETS, len(self._sets))

    def _final_front(self) -> list[int]:
        for sets in range(self._min_sets, 0, -1):
            if front := self._archive.front(sets):
                return front
        return []

    def _evaluate(self, wanted: Sequence[tuple[int, int]], limit: int) -> Outcome | None:
        """Evaluate candidates on sets, as far as the limit goes; record in order of number."""
        tasks = [
            Task(self._done + i, n, self._archive.points[n], clips)
            for i, (n, clips) in enumerate(wanted[: max(limit - self._done, 0)])
        ]
        outcomes = {task.number: found for task in tasks if (found := self._stored(task))}
        missing = [task for task in tasks if task.number not in outcomes]
        if missing:
            for task, outcome in self._executor.run(missing):
                self._store.append(task, outcome)
                outcomes[task.number] = outcome
        for task in tasks:
            self._archive.record(task.candidate, task.clips, outcomes[task.number])
        self._done += len(tasks)
        return outcomes[tasks[-1].number] if tasks else None

    def _stored(self, task: Task) -> Outcome | None:
        found = self._store.get(task.number)
        if found is None:
            return None
        if found[0] != task:
            raise InputError(
                f"the store's evaluation {task.number} is of candidate {found[0].candidate} on set"
                f" {found[0].clips}, where this search makes candidate {task.candidate} on set"
                f" {task.clips} at another point: it is of another search or version; start anew"
            )
        return found[1]

    def _report(self) -> None:
        archive = self._archive
        now = Progress(
            self._done, self._total, self._generation, len(archive.front()),
            archive.hypervolume(), sum(archive.failed(n) for n in range(len(archive))),
        )  # fmt: skip
        self._trace.append(now)
        if self._tell is not None:
            self._tell(now)


def check_search(
    problem: Problem, starts: Sequence[tuple[float, ...]], evaluations: int, reserve: float
) -> None:
    """Refuse what :class:`Search` refuses, before there is a store.

    Raises:
        ConfigError: see :class:`Search`.
    """
    if evaluations <= problem.sets:
        raise ConfigError(
            f"a search of {evaluations} evaluations does not cover the reference on"
            f" {problem.sets} sets of clips and one candidate: give {problem.sets + 1} or more"
        )
    if not 0 <= reserve < 1:
        raise ConfigError(f"the front's share of the budget is {reserve}; give one within [0, 1)")
    if not starts:
        raise ConfigError("a search needs at least one start, which the others are compared with")
    for k, point in enumerate(starts):
        if len(point) != problem.dimensions or not all(0 <= u <= 1 for u in point):
            raise ConfigError(
                f"start {k} of the search: expected {problem.dimensions} numbers within [0, 1]"
            )
