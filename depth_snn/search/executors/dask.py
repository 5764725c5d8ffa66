"""Evaluations on the workers of a Dask cluster, wherever they run.

Each worker gets one task at a time, tied to it: Dask then does not try a candidate that crashes on
one worker after another. Dask's own cancelling does not stop what runs, so a deadline is kept on
the worker by a watchdog that ends its process, also where native code hangs; a nanny, which
`dask worker` and LocalCluster start by default, starts the worker again.
"""

from __future__ import annotations

import asyncio
import faulthandler
import importlib
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from depth_snn.errors import ConfigError, EngineError, MissingDependency, one_line
from depth_snn.search.executors.evaluate import crashed, described, evaluated, timed_out
from depth_snn.search.types import FAILED, Outcome, Problem, Task

CONNECT_S = 10.0
"""How long a scheduler may take to answer."""
ABSENT_S = 300.0
"""How long a search waits while the cluster has no worker."""
POLL_S = 0.2
"""How often the list of workers is asked for while nothing is done."""


class DaskWorkers:
    """An executor that uses a Dask cluster; it leaves the cluster as it is when it closes.

    The problem travels with each task (it is small), so that no worker's end can lose it. Workers
    may come and go. What still runs when a search is interrupted runs to its end there.

    Args:
        problem: What is searched; its package must be installed where the workers are.
        address: The scheduler's, such as ``tcp://host:8786``.
        deadline_s: Wall time an evaluation may take on its worker, in seconds, or None.

    Raises:
        ConfigError: If no scheduler answers there.
        MissingDependency: If Dask is not installed.
    """

    def __init__(self, problem: Problem, address: str, deadline_s: float | None = None) -> None:
        self._distributed = _distributed()
        self._problem, self._deadline_s = problem, deadline_s
        self._address = one_line(address)
        self._client = self._connected(address)
        self._begun: set[str] = set()
        self._busy: dict[str, _Running] = {}

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Outcomes in the order in which they come.

        Raises:
            EngineError: If the scheduler goes away, no worker is there for long, or a worker cannot
                load the problem.
        """
        waiting = deque(tasks)
        seen = time.perf_counter()
        try:
            while waiting or any(running.task for running in self._busy.values()):
                alive = self._alive()
                yield from self._lost(alive)
                for address in sorted(alive - set(self._busy)):
                    if waiting:
                        self._give(address, waiting)
                seen = time.perf_counter() if alive else seen
                if time.perf_counter() - seen > ABSENT_S:
                    raise EngineError(
                        f"{self._address}: no worker for {ABSENT_S:g} s; start some with "
                        "`dask worker`, and resume"
                    )
                yield from self._finished()
        finally:
            for running in self._busy.values():
                running.future.cancel()
            self._busy.clear()

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()

    def _connected(self, address: str) -> Any:
        silent: tuple[type[Exception], ...] = (
            OSError,
            ValueError,
            OverflowError,
            *_timeouts(self._distributed),
        )
        try:
            # A client waits for ever for whom it reaches but who does not answer as a scheduler.
            with ThreadPoolExecutor(1) as apart:  # this thread may have an event loop already
                apart.submit(asyncio.run, _reach(self._distributed, address)).result()
            return self._distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except silent as error:
            raise ConfigError(
                f"{self._address or 'an empty address'}: no Dask scheduler answers there "
                f"({described(error)}); give host:port of one, which `dask scheduler` starts"
            ) from error

    def _alive(self) -> set[str]:
        try:
            return set(self._client.nthreads())
        except Exception as error:
            raise self._gone(described(error)) from error

    def _gone(self, what: str) -> EngineError:
        return EngineError(
            f"{self._address}: the Dask scheduler went away ({what}); start it again, and resume"
        )

    def _lost(self, alive: set[str]) -> Iterator[tuple[Task, Outcome]]:
        """Tasks whose worker is there no more."""
        for address in sorted(set(self._busy) - alive):
            running = self._busy.pop(address)
            running.future.cancel()
            self._begun.discard(address)
            if running.task is not None:
                yield running.task, self._ended(running)

    def _ended(self, running: _Running) -> Outcome:
        seconds = time.perf_counter() - running.since
        if self._deadline_s is not None and seconds >= self._deadline_s:
            return timed_out(self._deadline_s, seconds)
        return crashed("its Dask worker ended", seconds)

    def _give(self, address: str, waiting: deque[Task]) -> None:
        """Let a new worker load the problem, or hand it the next task."""
        if address in self._begun:
            task: Task | None = waiting.popleft()
            words: tuple[Any, ...] = (_watched, self._problem, task, self._deadline_s)
        else:
            task, words = None, (_load, self._problem)
        future = self._client.submit(
            *words, workers=[address], allow_other_workers=False, pure=False
        )
        self._busy[address] = _Running(task, future, time.perf_counter())

    def _finished(self) -> Iterator[tuple[Task, Outcome]]:
        futures = [running.future for running in self._busy.values()]
        if not futures:
            time.sleep(POLL_S)
            return
        try:
            with self._client.as_current():
                self._distributed.wait(futures, POLL_S, return_when="FIRST_COMPLETED")
        except _timeouts(self._distributed):
            return
        except Exception as error:  # futures of a scheduler that went away
            raise self._gone(described(error)) from error
        done = [address for address, running in self._busy.items() if running.future.done()]
        for address in done:
            running = self._busy.pop(address)
            outcome = self._outcome(address, running)
            if running.task is not None and outcome is not None:
                yield running.task, outcome

    def _outcome(self, address: str, running: _Running) -> Outcome | None:
        if running.future.cancelled():
            raise self._gone("it cancelled an evaluation")
        try:
            result = running.future.result()
        except self._distributed.KilledWorker:
            return self._ended(running)
        except Exception as error:
            if running.task is None:
                raise EngineError(
                    f"{address}: this Dask worker cannot load the problem ({described(error)}); "
                    "install the same depth-snn there"
                ) from error
            seconds = time.perf_counter() - running.since
            return Outcome(FAILED, error=described(error), seconds=seconds)
        if running.task is None:
            self._begun.add(address)
            return None
        assert isinstance(result, Outcome)
        return result


@dataclass(frozen=True)
class _Running:
    """What a worker is at: a task, or without one, loading the problem."""

    task: Task | None
    future: Any
    since: float


async def _reach(distributed: Any, address: str) -> None:
    """Shake hands with a scheduler, and leave."""
    words = distributed.Security().get_connection_args("client")
    comm = await asyncio.wait_for(
        distributed.core.connect(address, timeout=CONNECT_S, **words), CONNECT_S
    )
    await comm.close()


def _timeouts(distributed: Any) -> tuple[type[Exception], ...]:
    return TimeoutError, asyncio.TimeoutError, distributed.TimeoutError


def _load(problem: Problem) -> int:
    """Runs on a worker before its first task: imports count towards no deadline."""
    return problem.dimensions


def _watched(problem: Problem, task: Task, deadline_s: float | None) -> Outcome:
    """Runs on a worker."""
    if deadline_s is None:
        return evaluated(problem, task)
    # The watchdog needs a file to write to, and what it writes would read like a crash.
    with open(os.devnull, "w", encoding="ascii") as nowhere:
        faulthandler.dump_traceback_later(deadline_s, exit=True, file=nowhere)
        try:
            return evaluated(problem, task)
        finally:
            faulthandler.cancel_dump_traceback_later()


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise MissingDependency(
            "a Dask cluster needs the package distributed: pip install 'depth-snn[search]'"
        ) from error
