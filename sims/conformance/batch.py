"""Several cases in one run of an engine that is slow to start, and their answers apart again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from conversion.cases.building import Case
from conversion.cases.case import ConformanceCase
from conversion.cases.merging import merged, tag
from conversion.graph import Graph
from sims.conformance.answer import Answer, Engine, Inputs

ALONE_FROM = 10**6
"""Integers of a case that is too large to share a run with others."""

LONG_FROM = 30
"""Steps beyond which a case shares its run with such only."""


@dataclass(frozen=True, eq=False)
class Task:
    """A case that waits for an engine, with the answer it is measured by."""

    case: ConformanceCase
    graph: Graph
    inputs: Inputs
    expected: Answer

    @property
    def alone(self) -> bool:
        """Whether it must not share a run: it ends the run, or is large."""
        size = sum(array.size for array in self.expected.values.values())
        return bool(self.expected.overflow) or self.case.mode == "unbounded" or size > ALONE_FROM

    @property
    def nodes(self) -> int:
        """Nodes of its graph."""
        return len(self.graph.nodes)

    @property
    def long(self) -> bool:
        """Whether it takes many steps; short cases beside it would wait for it."""
        return self.frames + max(self.graph.lags.values()) > LONG_FROM

    @property
    def frames(self) -> int:
        """Frames T of its inputs."""
        return len(next(iter(self.inputs.values())))


Outcome = tuple[Answer | str, float]
"""An answer, or in words how the engine failed; and the seconds it took."""


def answers(engine: Engine, tasks: Sequence[Task]) -> list[Outcome]:
    """Run tasks side by side; where that fails, one by one, so that only one of them is blamed."""
    if len(tasks) > 1:
        cases: dict[str, Case] = {t.case.name: (t.graph, dict(t.inputs)) for t in tasks}
        graph, inputs = merged(cases)
        whole, seconds = _attempt(engine, graph, inputs, tasks[0])
        if isinstance(whole, Answer) and not whole.overflow:
            share = seconds / len(tasks)
            return [(part_of(whole, index, task), share) for index, task in enumerate(tasks)]
    return [_attempt(engine, task.graph, task.inputs, task) for task in tasks]


def _attempt(engine: Engine, graph: Graph, inputs: Inputs, task: Task) -> Outcome:
    start = time.perf_counter()
    try:
        outcome: Answer | str = engine.answer(graph, inputs, task.case.mode)
    except Exception as error:  # anybody's engine: how it fails is its verdict, not our end
        outcome = f"failed with {type(error).__name__}: {' '.join(str(error).split())}"
    return outcome, time.perf_counter() - start


def part_of(whole: Answer, index: int, task: Task) -> Answer:
    """One case's share of the answer to the merged graph: its nodes, its frames, its steps."""
    lead, frames = tag(index), task.frames
    steps = frames + max(task.graph.lags.values())
    values = {
        key[len(lead) :]: array[:frames]
        for key, array in whole.values.items()
        if key.startswith(lead)
    }
    by_step = None
    if whole.by_step is not None:
        by_step = {
            key[len(lead) :]: array[:steps]
            for key, array in whole.by_step.items()
            if key.startswith(lead)
        }
    return Answer(values, by_step)
