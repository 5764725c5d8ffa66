"""One evaluation, with whatever a candidate raises turned into an outcome."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

from depth_snn.errors import one_line
from depth_snn.search.types import CRASHED, FAILED, OK, TIMEOUT, Outcome, Problem, Task

MAX_ERROR = 500
"""Characters kept of what an error says."""


def evaluated(problem: Problem, task: Task) -> Outcome:
    """Evaluate a task here.

    Args:
        problem: What is searched.
        task: The evaluation to make.

    Returns:
        ``OK`` if every objective was measured and is finite; otherwise ``FAILED`` with one line.
        KeyboardInterrupt passes through.
    """
    start = time.perf_counter()
    try:
        measures, violation = problem.evaluate(task.point, task.clips)
        found = {str(name): float(value) for name, value in measures.items()}
        excess = float(violation)
        fault = _fault(problem.objectives, found, excess)
    # A candidate that asks the interpreter to leave must not take the search with it.
    except (Exception, SystemExit) as error:
        found, excess, fault = {}, 0.0, described(error)
    seconds = time.perf_counter() - start
    if fault:
        return Outcome(FAILED, error=fault, seconds=seconds)
    return Outcome(OK, found, excess, seconds=seconds)


def timed_out(deadline_s: float, seconds: float) -> Outcome:
    """Outcome of an evaluation that ran past its deadline."""
    return Outcome(TIMEOUT, error=f"not done within {deadline_s:g} s", seconds=seconds)


def crashed(what: str, seconds: float) -> Outcome:
    """Outcome of an evaluation that took its process with it."""
    return Outcome(CRASHED, error=what, seconds=seconds)


def described(error: BaseException) -> str:
    """An error as one short line, ``Type: message``."""
    words = " ".join(str(error).split())
    text = one_line(f"{type(error).__name__}: {words}" if words else type(error).__name__)
    return text if len(text) <= MAX_ERROR else f"{text[: MAX_ERROR - 1]}…"


def _fault(objectives: tuple[str, ...], measures: Mapping[str, float], violation: float) -> str:
    for name in objectives:
        if name not in measures:
            return f"the objective {name} was not measured"
        if not math.isfinite(measures[name]):
            return f"the objective {name} came out as {measures[name]}"
    return f"the violation came out as {violation}" if not math.isfinite(violation) else ""
