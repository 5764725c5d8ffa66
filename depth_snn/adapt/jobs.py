"""Work that goes on beside a stream: in step with its frames, or in a thread."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from depth_snn.errors import ConfigError
from depth_snn.search.threads import one_thread

Job = Generator[None, None, Any]
"""Yields after every evaluation; what it returns is its result."""


class Worker(Protocol):
    """Does one job at a time."""

    def submit(self, job: Job) -> None:
        """Begin a job; one that is under way is given up."""

    def poll(self) -> tuple[bool, Any]:
        """Called once a frame: whether the job has ended, and its result if it has."""

    def cancel(self) -> None:
        """Give up what is under way."""

    def close(self) -> None:
        """Give up what is under way; nothing is submitted any more."""


class InStep:
    """So many evaluations at every frame, so that the same stream always ends the same.

    Args:
        evaluations_per_frame: 1 or more.
    """

    def __init__(self, evaluations_per_frame: int) -> None:
        if evaluations_per_frame < 1:
            raise ConfigError(f"evaluations_per_frame {evaluations_per_frame}: expected 1 or more")
        self.evaluations_per_frame = evaluations_per_frame
        self._job: Job | None = None

    def submit(self, job: Job) -> None:
        """Begin a job."""
        self.cancel()
        self._job = job

    def poll(self) -> tuple[bool, Any]:
        """Go on by one frame's share."""
        if self._job is None:
            return False, None
        try:
            with one_thread():  # so that it rounds alike wherever it runs
                for _ in range(self.evaluations_per_frame):
                    next(self._job)
        except StopIteration as end:
            self._job = None
            return True, end.value
        return False, None

    def cancel(self) -> None:
        """Give up the job."""
        if self._job is not None:
            self._job.close()
        self._job = None

    close = cancel


class InThread:
    """As fast as one thread gets on; the network's arithmetic runs outside the interpreter's lock.

    When a job ends depends on the machine, so a stream need not end the same twice.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "adapt")
        self._future: Future[Any] | None = None
        self._stop = threading.Event()

    def submit(self, job: Job) -> None:
        """Begin a job, after the evaluation that a given up one is in."""
        self.cancel()
        self._stop = threading.Event()
        self._future = self._pool.submit(_exhaust, job, self._stop)

    def poll(self) -> tuple[bool, Any]:
        """Look whether the job has ended; an error in it is raised here."""
        if self._future is None or not self._future.done():
            return False, None
        future, self._future = self._future, None
        return True, future.result()

    def close(self) -> None:
        """Give up the job and end the thread after the evaluation it is in."""
        self.cancel()
        self._pool.shutdown(wait=True)

    def cancel(self) -> None:
        """Give up the job."""
        self._stop.set()
        self._future = None


def _exhaust(job: Job, stop: threading.Event) -> Any:
    while not stop.is_set():
        try:
            next(job)
        except StopIteration as end:
            return end.value
    job.close()
    return None
