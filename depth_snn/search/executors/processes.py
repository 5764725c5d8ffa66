"""Evaluations in local processes, which deadlines can kill and crashes can take.

Each worker is a pool of one process of the standard library, with one task at a time: a process
that ends, with whatever exit code, then belongs to exactly one task. (Pebble 5.2 never reports a
task whose process ends with exit code 0, so a search without a deadline would wait for ever.)
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.reduction import ForkingPickler
from typing import Any

from depth_snn.errors import ConfigError, EngineError
from depth_snn.search.executors.environment import for_children
from depth_snn.search.executors.evaluate import crashed, described, timed_out
from depth_snn.search.executors.worker import hold, own_pid, work
from depth_snn.search.types import FAILED, Outcome, Problem, Task

START_S = 300.0
"""How long a worker may take to begin, imports included."""


class Processes:
    """An executor of local worker processes, which start when there is work for them.

    Args:
        problem: What is searched; it is sent once to each worker.
        workers: Number of processes.
        deadline_s: Wall time an evaluation may take, in seconds, or None. Its process is killed
            then, and another one takes its place.

    Raises:
        ConfigError: If the problem cannot be sent to other processes.
    """

    def __init__(self, problem: Problem, workers: int, deadline_s: float | None = None) -> None:
        check_sendable(problem)
        self._workers = [_Worker(problem) for _ in range(workers)]
        self._deadline_s = deadline_s

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Outcomes in the order in which they come.

        Raises:
            EngineError: If a worker cannot start.
        """
        waiting = deque(tasks)
        try:
            while waiting or any(worker.task for worker in self._workers):
                for worker in self._workers:
                    if waiting and worker.future is None:
                        _give(worker, waiting)
                self._wait()
                for worker in self._workers:
                    task = worker.task
                    outcome = worker.collect(self._deadline_s)
                    if task is not None and outcome is not None:
                        yield task, outcome
        finally:
            for worker in self._workers:
                if worker.task is not None:
                    worker.stop()

    def close(self) -> None:
        """End every worker and wait until it is gone."""
        for worker in self._workers:
            worker.stop()

    def _wait(self) -> None:
        """Wait until a future is done or the next deadline passes."""
        busy = [worker for worker in self._workers if worker.future is not None]
        now = time.perf_counter()
        left = [worker.until(self._deadline_s) - now for worker in busy]
        finite = [max(seconds, 0.0) for seconds in left if seconds != float("inf")]
        futures = [worker.future for worker in busy if worker.future is not None]
        wait(futures, min(finite, default=None), return_when=FIRST_COMPLETED)


def _give(worker: _Worker, waiting: deque[Task]) -> None:
    """Hand a worker the next task; start it if it has not begun, or ended while it was idle."""
    if worker.process is not None and worker.process.is_alive():
        try:
            worker.give(waiting[0])
        except BrokenProcessPool:
            pass  # it ended just now
        else:
            waiting.popleft()
            return
    worker.stop()
    worker.start()


class _Worker:
    """One process, and what it is at: nothing, starting (a future without a task), or a task."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._pool: ProcessPoolExecutor | None = None
        self._since = 0.0
        self.process: Any = None
        self.future: Future[Any] | None = None
        self.task: Task | None = None

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, context, hold, (self._problem,))
        with for_children():
            self._submit(own_pid)

    def give(self, task: Task) -> None:
        self._submit(work, task)
        self.task = task

    def until(self, deadline_s: float | None) -> float:
        limit = START_S if self.task is None else deadline_s
        return float("inf") if limit is None else self._since + limit

    def collect(self, deadline_s: float | None) -> Outcome | None:
        """The outcome of the task, if it has one by now."""
        if self.future is None:
            return None
        seconds = time.perf_counter() - self._since
        if not self.future.done():
            return self._late(deadline_s, seconds)
        future, task = self.future, self.task
        self.future = self.task = None
        if task is None:
            self._begin(future)
            return None
        return self._finished(future, seconds)

    def stop(self) -> None:
        pool, process = self._pool, self.process
        self._pool = self.process = self.future = self.task = None
        if process is not None:
            process.kill()
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, function: Any, *words: Any) -> None:
        assert self._pool is not None
        self.future = self._pool.submit(function, *words)
        self._since = time.perf_counter()

    def _begin(self, future: Future[Any]) -> None:
        try:
            pid = future.result()
        except BrokenProcessPool:
            self.stop()
            raise EngineError(
                "a worker process ended while it started; see what it printed above. A script that "
                'searches with workers needs `if __name__ == "__main__":` around what it does'
            ) from None
        children = multiprocessing.active_children()
        self.process = next((child for child in children if child.pid == pid), None)
        if self.process is None:  # it ended right after it had begun
            self.stop()

    def _late(self, deadline_s: float | None, seconds: float) -> Outcome | None:
        if time.perf_counter() < self.until(deadline_s):
            return None
        starting = self.task is None
        self.stop()
        if starting:
            raise EngineError(f"a worker process did not start within {START_S:g} s; use fewer")
        assert deadline_s is not None
        return timed_out(deadline_s, seconds)

    def _finished(self, future: Future[Any], seconds: float) -> Outcome:
        try:
            outcome = future.result()
        except BrokenProcessPool:
            process = self.process
            process.join()
            self.stop()
            return crashed(f"its process {exit_words(process.exitcode)}", seconds)
        except Exception as error:  # an answer that could not be sent back
            return Outcome(FAILED, error=described(error), seconds=seconds)
        assert isinstance(outcome, Outcome)
        return outcome


def check_sendable(problem: Problem) -> None:
    """Raise a ConfigError unless the problem can be sent to other processes."""
    try:
        ForkingPickler.dumps(problem)
    except Exception as error:
        raise ConfigError(
            f"the problem cannot be sent to worker processes ({described(error)}); "
            "search in this process, without workers"
        ) from error


def exit_words(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None:
        return "ended"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
