"""A run of the reference simulator from frames to aligned results."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from conversion.graph import Graph
from depth_snn.errors import GraphError
from sims.overflow import Overflow
from sims.reference.arrays import IntArray, array_of, counts_of, frames_of, stack
from sims.reference.machine import Machine, empty_table
from sims.reference.unit import Work
from sims.result import SimResult


@dataclass(frozen=True, eq=False)
class ReferenceResult:
    """What a run showed, at every step and by frame.

    Args:
        by_step: int64 (T + largest lag, *shape) by ``"node.port"``; row t is
            what the port shows at step t.
        result: The same aligned by frame, with the counts.
    """

    by_step: Mapping[str, IntArray]
    result: SimResult


def simulate(
    graph: Graph,
    inputs: Mapping[str, npt.NDArray[Any]],
    *,
    overflow: Overflow = "strict",
    probes: Collection[str] | None = None,
    on_step: Callable[[int], None] | None = None,
) -> ReferenceResult:
    """Run a quantised graph step by step, in plain Python integers (docs/fixed_point.md).

    Frame f enters at step f; after the last frame the inputs are zero while it passes through.

    Args:
        graph: A graph of the quantised dialect. It need not be balanced.
        inputs: Integers (T, *shape) by the name of the Input node.
        overflow: What a value outside its register does: ``"strict"`` raises, ``"chip"`` wraps as
            Lava does, ``"unbounded"`` lets integers grow.
        probes: The ``"node.port"`` to keep, all by default.
        on_step: Called with the number of each step when it is done.

    Returns:
        The values by step and by frame, and the counts by frame.

    Raises:
        InputError: if the inputs do not fit the graph.
        GraphError: if the graph is not quantised, or a probe names no port.
        OverflowInGraph: if strict and a value does not fit its register.
    """
    if graph.dialect != "quantised":
        raise GraphError(f"graph {graph.name!r} is {graph.dialect}; quantise it first")
    frames = frames_of(graph, inputs)
    total = len(next(iter(frames.values())))
    shapes = {f"{n.name}.{p}": n.output_shape(p) for n in graph.nodes for p in n.outputs}
    kept = _kept_ports(shapes, probes)
    rest = {name: empty_table(graph.by_name[name].output_shape("out")) for name in frames}
    machine = Machine(graph, overflow)
    shown: dict[str, list[IntArray]] = {key: [] for key in kept}
    work: dict[str, list[Work]] = {n.name: [] for n in graph.nodes}
    for step in range(total + max(graph.lags.values())):
        frame = {k: f[step] for k, f in frames.items()} if step < total else rest
        values, done = machine.step(step, frame)
        for key in kept:
            shown[key].append(array_of(key, values[key], shapes[key]))
        for name, made in done.items():
            work[name].append(made)
        if on_step is not None:
            on_step(step)
    by_step = {key: stack(arrays) for key, arrays in shown.items()}
    return ReferenceResult(by_step, _align(graph, total, by_step, work))


def _kept_ports(shapes: Mapping[str, Any], probes: Collection[str] | None) -> list[str]:
    unknown = sorted(set(probes or ()) - set(shapes))
    if unknown:
        raise GraphError(f"there is no node and port {unknown[0]!r}; a probe reads 'node.port'")
    return [key for key in shapes if probes is None or key in probes]


def _align(
    graph: Graph, total: int, by_step: Mapping[str, IntArray], work: Mapping[str, list[Work]]
) -> SimResult:
    values = {}
    for key, array in by_step.items():
        lag = graph.lags[key.rpartition(".")[0]]
        values[key] = array[lag : lag + total]
    by_frame = {}
    for node in graph.nodes:
        # With latency, the work for a frame is done one step before the frame shows.
        first = graph.lags[node.name] - node.latency
        by_frame[node.name] = work[node.name][first : first + total]
    return SimResult(frames=total, values=values, counts=counts_of(graph, total, by_frame))
