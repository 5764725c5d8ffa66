"""Evaluations in this process, one after another."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType

from depth_snn.errors import ConfigError
from depth_snn.search.executors.evaluate import evaluated, timed_out
from depth_snn.search.types import Outcome, Problem, Task


class _DeadlinePassed(BaseException):
    """Not an Exception, so that a candidate's own handlers do not swallow it."""


class InProcess:
    """An executor without processes.

    A deadline is kept by a timer signal, which interrupts Python code; native code that hangs is
    only stopped where evaluations have processes of their own.

    Args:
        problem: What is searched.
        deadline_s: Wall time an evaluation may take, in seconds, or None.

    Raises:
        ConfigError: If a deadline is asked for where there is no timer signal.
    """

    def __init__(self, problem: Problem, deadline_s: float | None = None) -> None:
        if deadline_s is not None and not _can_interrupt():
            raise ConfigError(
                "a deadline in this process needs the main thread of a POSIX system; "
                "ask for at least one worker, or leave the deadline out"
            )
        self._problem, self._deadline_s = problem, deadline_s

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Outcomes in the order of the tasks."""
        for task in tasks:
            if self._deadline_s is None:
                yield task, evaluated(self._problem, task)
            else:
                yield task, self._interruptible(task, self._deadline_s)

    def close(self) -> None:
        """Nothing was started."""

    def _interruptible(self, task: Task, deadline_s: float) -> Outcome:
        start = time.perf_counter()
        handler = signal.signal(signal.SIGALRM, _raise_deadline)
        delay, interval = signal.getitimer(signal.ITIMER_REAL)
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, deadline_s)
                return evaluated(self._problem, task)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except _DeadlinePassed:
            return timed_out(deadline_s, time.perf_counter() - start)
        finally:
            signal.signal(signal.SIGALRM, handler)
            if delay > 0:  # a timer that was running before goes on
                left = delay - (time.perf_counter() - start)
                signal.setitimer(signal.ITIMER_REAL, max(left, 1e-3), interval)


def _raise_deadline(_number: int, _frame: FrameType | None) -> None:
    raise _DeadlinePassed


def _can_interrupt() -> bool:
    main = threading.current_thread() is threading.main_thread()
    return main and hasattr(signal, "setitimer")
