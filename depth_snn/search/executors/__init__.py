"""Where evaluations are made: in this process, in local processes, or on a Dask cluster."""

from __future__ import annotations

from depth_snn.errors import ConfigError
from depth_snn.search.executors.inprocess import InProcess
from depth_snn.search.types import Executor, Problem

__all__ = ["make_executor"]

MAX_WORKERS = 1024


def make_executor(
    problem: Problem,
    workers: int = 0,
    dask: str | None = None,
    deadline_s: float | None = None,
) -> Executor:
    """The executor that is asked for; whoever asks must close it.

    Args:
        problem: What is searched.
        workers: Local processes; 0 evaluates in this process, where a candidate that crashes ends
            the search (it can be resumed).
        dask: Address of a Dask scheduler, or None. Its workers are used then.
        deadline_s: Wall time an evaluation may take, in seconds, or None.

    Returns:
        An executor; outcomes do not depend on which.

    Raises:
        ConfigError: If a value is out of range, two places are asked for, or the place cannot be
            used as asked.
        MissingDependency: If Dask is asked for and not installed.
    """
    if not 0 <= workers <= MAX_WORKERS:
        raise ConfigError(f"{workers} workers: give a number from 0 to {MAX_WORKERS}")
    if deadline_s is not None and not 0 < deadline_s <= 1e6:
        raise ConfigError(f"a deadline of {deadline_s:g} s: give seconds above 0, at most 1000000")
    if dask is not None and workers:
        raise ConfigError("workers are either local or Dask's: give one of the two")
    if dask is not None:
        from depth_snn.search.executors.dask import DaskWorkers

        return DaskWorkers(problem, dask, deadline_s)
    if workers:
        from depth_snn.search.executors.processes import Processes

        return Processes(problem, workers, deadline_s)
    return InProcess(problem, deadline_s)
