"""A program that searches, to be killed: ``python -m tests.unit.search_killed STORE WORKERS NAP``.

It says a line when its store is open and after each evaluation, and its front at the end.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

from depth_snn.search.executors import make_executor
from depth_snn.search.loop import Search
from depth_snn.search.store import Store
from depth_snn.search.types import Executor, Outcome, Task
from tests.unit.search_mishaps import Toy

EVALUATIONS = 32
ALGORITHM = "mocma"


class Telling:
    """A store that says when it has kept something."""

    def __init__(self, store: Store) -> None:
        self.get, self._store = store.get, store

    def append(self, task: Task, outcome: Outcome) -> None:
        self._store.append(task, outcome)
        print("evaluated", flush=True)


def search(problem: Toy, executor: Executor, store: Store) -> list[tuple[float, ...]]:
    """Points of the front."""
    result = Search(
        problem, ALGORITHM, executor, Telling(store), seed=5, evaluations=EVALUATIONS, size=4
    ).run()
    return [tuple(point.point) for point in result.front]


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
