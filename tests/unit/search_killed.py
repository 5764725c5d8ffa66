"""A program that searches, to be killed: ``python -m tests.unit.search_killed STORE WORKERS NAP``.

It says a line when its store is open and after each evaluation, and its front at the end.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

import numpy as np

from depth_snn.search.executors import make_executor
from depth_snn.search.store import Store
from depth_snn.search.types import Executor, Outcome, Task
from tests.unit.search_mishaps import Toy

EVALUATIONS = 32
SEED = 5


def search(problem: Toy, executor: Executor, store: Store) -> list[tuple[float, ...]]:
    """Generations of four around the best so far; returns points that none dominates."""
    history: list[tuple[Task, Outcome]] = []
    for generation in range(EVALUATIONS // 4):
        rng = np.random.default_rng([SEED, generation])
        best = min(history, key=lambda pair: sum(pair[1].measures.values()), default=None)
        mean = problem.starts()[0] if best is None else best[0].point
        points = np.clip(mean + 0.1 * rng.standard_normal((4, problem.dimensions)), 0, 1)
        tasks = [
            Task(4 * generation + k, 4 * generation + k, tuple(point), generation % problem.sets)
            for k, point in enumerate(points.tolist())
        ]
        history += evaluations(tasks, executor, store)
    losses = {task.point: [*outcome.measures.values()][:2] for task, outcome in history}
    return [
        point for point, (near, far) in losses.items()
        if not any(a < near and b < far for a, b in losses.values())
    ]  # fmt: skip


def evaluations(tasks: list[Task], executor: Executor, store: Store) -> list[tuple[Task, Outcome]]:
    found = {task.number: store.get(task.number) for task in tasks}
    for pair in executor.run([task for task in tasks if found[task.number] is None]):
        store.append(*pair)
        print("evaluated", flush=True)
        found[pair[0].number] = pair
    return [pair for pair in found.values() if pair is not None]


def main(path: Path, workers: int, nap_s: float) -> None:
    problem = Toy(nap_s)
    with (
        Store.open(path, problem.facts(), resume=path.exists()) as store,
        closing(make_executor(problem, workers)) as executor,
    ):
        print("open", flush=True)
        print(json.dumps(search(problem, executor, store)), flush=True)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
    except KeyboardInterrupt:
        sys.exit(130)
