"""The two simulators as engines; they share the graph, the inputs and no arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conversion.cases.case import Mode
from conversion.graph import Graph
from depth_snn.errors import EngineError, OverflowInGraph
from sims import fast, reference
from sims.conformance.answer import Answer, Engine, Inputs

Function = Callable[..., Any]


def reference_engine() -> Engine:
    """The reference simulator, which is what the others are compared with."""
    return Engine("reference", _reference)


def fast_engine() -> Engine:
    """The fast simulator."""
    return Engine("fast", _fast)


def _reference(graph: Graph, inputs: Inputs, mode: Mode) -> Answer:
    try:
        run = reference.simulate(graph, inputs, overflow=mode)
    except OverflowInGraph as fault:
        return Answer(overflow=str(fault))
    return Answer(run.result.values, run.by_step, run.result.counts)


def _fast(graph: Graph, inputs: Inputs, mode: Mode) -> Answer:
    try:
        run = fast.simulate(graph, inputs, overflow=mode)
    except OverflowInGraph as fault:
        return Answer(overflow=str(fault))
    return Answer(run.values, None, run.counts)


def engine_of(name: str, function: Function) -> Engine:
    """An engine from anybody's function.

    Args:
        name: What verdicts call it.
        function: ``function(graph, inputs, mode=...)`` returns integers (T, *shape) by
            ``"node.port"``, some ports or all of them, and raises OverflowError where a value
            leaves its register in mode ``"strict"``.

    Returns:
        The engine. What it shows is compared by frame; it counts nothing.
    """

    def answer(graph: Graph, inputs: Inputs, mode: Mode) -> Answer:
        try:
            shown = function(graph, dict(inputs), mode=mode)
        except (OverflowError, OverflowInGraph) as fault:
            return Answer(overflow=str(fault) or type(fault).__name__)
        arrays = {key: np.asarray(array) for key, array in shown.items()}
        for key, array in arrays.items():
            if array.dtype.kind not in "iub":
                raise EngineError(f"{key!r} is {array.dtype}; expected integers")
        return Answer({key: array.astype(np.int64) for key, array in arrays.items()})

    return Engine(name, answer, partial=True)
