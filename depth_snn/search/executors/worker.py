"""What a local worker process runs; it holds the problem, so that tasks travel alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from typing import TYPE_CHECKING

from depth_snn.search.executors.evaluate import evaluated
from depth_snn.search.types import Outcome, Task

if TYPE_CHECKING:
    from depth_snn.search.types import Problem

_HELD: list[Problem] = []


def hold(problem: Problem) -> None:
    """Begin as a worker: keep the problem, leave Ctrl-C to the parent, end when it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _HELD[:] = [problem]


def own_pid() -> int:
    """Process id, which the parent asks for to see that the worker has begun."""
    return os.getpid()


def work(task: Task) -> Outcome:
    """Evaluate a task on the problem that is held."""
    return evaluated(_HELD[0], task)


def _end_with_parent() -> None:
    # A parent that is killed cannot stop its workers, and they would wait for tasks for ever.
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
