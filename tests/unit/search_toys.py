"""Small problems in closed form for what searches: noisy, failing, infeasible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from depth_snn.search.types import FAILED, OK, Outcome, Task


@dataclass(frozen=True)
class Zdt1:
    """ZDT1 (Zitzler, Deb, Thiele 2000), squeezed; clips differ in difficulty and per point."""

    dimensions: int = 4
    noise: float = 0.0
    sets: int = 6
    objectives: tuple[str, ...] = ("loss", "macs")
    scales: tuple[float, ...] = (1.0, 1.0)

    def exact(self, point: Sequence[float]) -> np.ndarray:
        u = np.asarray(point)
        g = 1 + 9 * u[1:].mean()
        return np.array([u[0], g * (1 - np.sqrt(u[0] / g))]) / np.array([1.0, 4.0])

    def evaluate(self, point: Sequence[float], clips: int) -> tuple[dict[str, float], float]:
        exact = self.exact(point)
        rng = np.random.default_rng([clips, *np.asarray(point, dtype=np.float64).view(np.uint32)])
        shared = np.random.default_rng(clips).normal(0, 3 * self.noise)
        noisy = exact + shared + self.noise * rng.standard_normal(2)
        return dict(zip(self.objectives, noisy.tolist(), strict=True)), 0.0

    def starts(self) -> list[tuple[float, ...]]:
        return [(0.5,) * self.dimensions]

    def facts(self) -> dict[str, Any]:
        return {"toy": "zdt1", "dimensions": self.dimensions, "noise": self.noise}


@dataclass(frozen=True)
class Pruning(Zdt1):
    """Like a pruned network: loss rises steeply past some gene's knee, cost falls in the same."""

    dimensions: int = 24
    noise: float = 0.02
    variant: int = 0

    def exact(self, point: Sequence[float]) -> np.ndarray:
        u = np.asarray(point)
        rng = np.random.default_rng([self.variant, 24])
        n = self.dimensions
        knee = rng.uniform(0.2, 0.8, n)
        steep = rng.uniform(0.3, 2.0, n)
        slope = rng.uniform(0.0, 0.06, n)
        weight = rng.dirichlet(np.ones(n)) * 0.8
        idle = rng.permutation(n)[: n // 4]
        steep[idle] = slope[idle] = weight[idle] = 0
        loss = (steep * np.maximum(u - knee, 0) ** 2 + slope * u).sum()
        return np.array([loss, 0.9 - (weight * u).sum() - 0.0])

    def starts(self) -> list[tuple[float, ...]]:
        return [(level,) * self.dimensions for level in (0.4, 0.15, 0.65)]


class Memory:
    """A store in memory."""

    def __init__(self) -> None:
        self.kept: dict[int, tuple[Task, Outcome]] = {}

    def get(self, number: int) -> tuple[Task, Outcome] | None:
        return self.kept.get(number)

    def append(self, task: Task, outcome: Outcome) -> None:
        assert task.number not in self.kept
        self.kept[task.number] = (task, outcome)


class Here:
    """Evaluates in this process; backwards if asked, as many workers might."""

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
