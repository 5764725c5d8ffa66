"""Small problems in closed form for what searches, with what else a search needs, in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from depth_snn.search.types import FAILED, OK, Outcome, Task


@dataclass(frozen=True)
class Zdt1:
    """ZDT1 (Zitzler, Deb and Thiele 2000), its second objective ÷ 4.

    Sets of clips shift both objectives of everyone alike by three times the noise, and of each
    point by the noise.
    """

    dimensions: int = 4
    noise: float = 0.0
    sets: int = 6
    objectives: tuple[str, ...] = ("loss", "macs")
    scales: tuple[float, ...] = (1.0, 1.0)

    def exact(self, point: Sequence[float]) -> np.ndarray:
        u = np.asarray(point)
        g = 1 + 9 * u[1:].mean()
        return np.array([u[0], g * (1 - np.sqrt(u[0] / g)) / 4])

    def shift(self, clips: int) -> np.ndarray:
        return 3 * self.noise * np.random.default_rng([clips, 5]).standard_normal(2)

    def evaluate(self, point: Sequence[float], clips: int) -> tuple[dict[str, float], float]:
        words = np.asarray(point, dtype=np.float64).view(np.uint32)
        own = self.noise * np.random.default_rng([clips, *words]).standard_normal(2)
        losses = self.exact(point) + self.shift(clips) + own
        return dict(zip(self.objectives, losses.tolist(), strict=True)), 0.0

    def over_sets(self, point: Sequence[float]) -> np.ndarray:
        """What an estimate aims at: losses with the mean shift of all sets, without own noise."""
        return self.exact(point) + np.mean([self.shift(k) for k in range(self.sets)], axis=0)

    def starts(self) -> list[tuple[float, ...]]:
        return [(0.5,) * self.dimensions]

    def facts(self) -> dict[str, Any]:
        return {"toy": type(self).__name__, "dimensions": self.dimensions, "noise": self.noise}


@dataclass(frozen=True)
class Pruning(Zdt1):
    """Like a pruned network: every gene past its knee costs accuracy steeply, and saves work.

    A quarter of the genes do nothing. Starts lie along the front, as hand-set ones do, each gene
    off by up to 0.15.
    """

    dimensions: int = 24
    noise: float = 0.02
    variant: int = 0

    def exact(self, point: Sequence[float]) -> np.ndarray:
        u, n = np.asarray(point), self.dimensions
        rng = np.random.default_rng([self.variant, 24])
        knee, steep = rng.uniform(0.2, 0.8, n), rng.uniform(0.3, 2.0, n)
        slope, weight = rng.uniform(0.0, 0.06, n), rng.dirichlet(np.ones(n)) * 0.8
        works = rng.permutation(n) >= n // 4
        loss = works * (steep * np.maximum(u - knee, 0) ** 2 + slope * u)
        return np.array([loss.sum(), 0.9 - (works * weight * u).sum()])

    def starts(self) -> list[tuple[float, ...]]:
        rng = np.random.default_rng([self.variant, 7])
        off = rng.uniform(-0.15, 0.15, (3, self.dimensions))
        return [
            tuple(np.clip(level + row, 0, 1).tolist())
            for level, row in zip((0.4, 0.15, 0.65), off, strict=True)
        ]


@dataclass(frozen=True)
class Fragile(Zdt1):
    """Some points fail, some are infeasible: both where ZDT1 would be best."""

    def evaluate(self, point: Sequence[float], clips: int) -> tuple[dict[str, float], float]:
        if point[1] < 0.1:
            raise ValueError("too little of the second gene")
        return super().evaluate(point, clips)[0], max(0.0, 0.3 - point[2])


@dataclass(frozen=True)
class Three(Zdt1):
    """ZDT1 with a third objective that falls where its second gene rises."""

    objectives: tuple[str, ...] = ("loss", "macs", "cores")
    scales: tuple[float, ...] = (1.0, 1.0, 10.0)

    def evaluate(self, point: Sequence[float], clips: int) -> tuple[dict[str, float], float]:
        loss, macs = self.exact(point).tolist()
        return {"loss": loss, "macs": macs, "cores": 10 * (1 - point[1])}, 0.0


class Memory:
    """A store in memory."""

    def __init__(self) -> None:
        self.kept: dict[int, tuple[Task, Outcome]] = {}

    def get(self, number: int) -> tuple[Task, Outcome] | None:
        return self.kept.get(number)

    def append(self, task: Task, outcome: Outcome) -> None:
        assert task.number not in self.kept
        self.kept[task.number] = (task, outcome)

    @property
    def history(self) -> list[tuple[Task, Outcome]]:
        return [self.kept[number] for number in sorted(self.kept)]


class Here:
    """Evaluates in this process; backwards if asked, as the last of many workers may be first."""

    def __init__(self, problem: Any, backwards: bool = False) -> None:
        self.problem, self.backwards = problem, backwards

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        for task in reversed(tasks) if self.backwards else tasks:
            try:
                measures, violation = self.problem.evaluate(task.point, task.clips)
                yield task, Outcome(OK, measures, violation)
            except ValueError as error:
                yield task, Outcome(FAILED, error=str(error))

    def close(self) -> None:
        pass
