"""Searches of one command, one after another: store, executor, progress, and what they found."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_snn.cli.progress import Progress
from depth_snn.cli.search.command import STORE
from depth_snn.cli.search.settings import heldout_of
from depth_snn.errors import ConfigError
from depth_snn.search.algorithms import make_algorithm
from depth_snn.search.archive import REFERENCE, FrontPoint
from depth_snn.search.executors import make_executor
from depth_snn.search.hypervolume import hypervolume
from depth_snn.search.loop import Progress as Standing
from depth_snn.search.loop import Result, Search, check_search
from depth_snn.search.problem import PolicyProblem
from depth_snn.search.progress import progress_text
from depth_snn.search.store import Store
from depth_snn.search.types import Executor, Floats

RESERVE = 0.25
"""Share of the evaluations that goes to seeing the front again on further sets."""


@dataclass(frozen=True, eq=False)
class Session:
    """What one algorithm found.

    Attributes:
        algorithm: Its name.
        folder: Where its store is.
        front: Its front, by the first objective; estimates in units of scales.
        base: The base policy's estimates, likewise (k,).
        evaluations: How many were made.
        statuses: How they ended, by word.
        hypervolume: Of the search's own estimates.
        trace: Evaluations and hypervolume after every turn.
        seconds: Wall time of this process.
        evaluation_seconds: Wall time of all evaluations, those of earlier processes too.
    """

    algorithm: str
    folder: Path
    front: tuple[FrontPoint, ...]
    base: Floats
    evaluations: int
    statuses: dict[str, int]
    hypervolume: float
    trace: tuple[tuple[int, float], ...]
    seconds: float
    evaluation_seconds: float

    @property
    def losses(self) -> Floats:
        """Estimates of the front in units of scales (n, k)."""
        return np.array([point.losses for point in self.front]).reshape(-1, len(self.base))


def search_all(problem: PolicyProblem, args: argparse.Namespace) -> list[Session]:
    """The algorithm asked for, then those to compare it with, on one executor."""
    _check_all(problem, args)
    found = []
    with closing(make_executor(problem, args.workers, args.dask, args.deadline)) as executor:
        for name in (args.algorithm, *args.compare):
            folder = args.out if name == args.algorithm else args.out / name
            found.append(_search(problem, name, folder, executor, args))
    return found


def open_store(path: Path, facts: dict[str, object], resume: bool) -> Store:
    """A store that is continued if it should be and is there, and else made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return Store.open(path, facts, resume=resume and path.exists())


def _check_all(problem: PolicyProblem, args: argparse.Namespace) -> None:
    """Refuse whatever a search or held-out clips would, before a store or an evaluation is made.

    A store that is there keeps the mended command from its place, and what comes last would be
    refused after hours.

    Raises:
        ConfigError: naming what does not fit.
    """
    starts = problem.starts()
    check_search(problem, starts, args.evaluations, RESERVE)
    for name in (args.algorithm, *args.compare):
        make_algorithm(name, problem.dimensions, problem.objectives, starts, args.seed)
    heldout_of(problem, args.heldout_seeds)


def _search(
    problem: PolicyProblem, name: str, folder: Path, executor: Executor, args: argparse.Namespace
) -> Session:
    settings = {
        "algorithm": name, "seed": args.seed, "evaluations": args.evaluations, "reserve": RESERVE,
    }  # fmt: skip
    path = folder / STORE
    if args.resume and folder == args.out and not path.exists():
        raise ConfigError(f"--resume: there is no {path}; leave it out to begin a search")
    start = time.monotonic()
    with closing(open_store(path, {**problem.facts(), "search": settings}, args.resume)) as store:
        shown = Progress("evaluations", args.evaluations, left=False)

        def tell(now: Standing) -> None:
            note = progress_text(
                now.evaluations, now.total, now.front, now.hypervolume,
                time.monotonic() - start, store.resumed,
            )  # fmt: skip
            shown.update(now.evaluations, f"{name}, {note}")

        result = Search(
            problem, name, executor, store, seed=args.seed, evaluations=args.evaluations,
            reserve=RESERVE, tell=tell,
        ).run()  # fmt: skip
        shown.finish(f"{name}, front of {len(result.front)}")
        return _session(name, folder, result, store, time.monotonic() - start)


def _session(name: str, folder: Path, result: Result, store: Store, seconds: float) -> Session:
    kept = [found[1] for k in range(result.evaluations) if (found := store.get(k)) is not None]
    losses = np.array([point.losses for point in result.front])
    return Session(
        name, folder, result.front, result.archive.estimate(REFERENCE), result.evaluations,
        dict(Counter(outcome.status for outcome in kept)),
        hypervolume(losses) if len(losses) else 0.0,
        tuple((step.evaluations, step.hypervolume) for step in result.trace),
        seconds, sum(outcome.seconds for outcome in kept),
    )  # fmt: skip
