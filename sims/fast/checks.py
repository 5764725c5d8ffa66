"""What is checked before a graph runs: the graph, what is asked for, and the inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph, unbalanced_edges
from conversion.nodes import Input
from depth_snn.errors import GraphError, InputError
from sims.fast.source import checked, expected

Key = tuple[str, str]


def require_runnable(graph: Graph) -> None:
    """Refuse a graph that cannot be run frame by frame.

    Raises:
        GraphError: saying why.
    """
    if graph.dialect != "quantised":
        raise GraphError(f"graph {graph.name!r} is {graph.dialect}; quantise it before simulating")
    faults = unbalanced_edges(graph)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise GraphError(f"graph {graph.name!r} is not balanced: {faults[0]}{more}; set the delays")
    # An Output shows its bias before frame 0 arrives, which a node behind it would take for data.
    for edge in graph.edges:
        if graph.by_name[edge.source].kind == "Output":
            raise GraphError(f"edge {edge.source} -> {edge.target}: nothing may follow an Output")


def probed(graph: Graph, probes: Collection[str] | None) -> dict[str, Key]:
    """Node and port of each probe, of all where there are none.

    Raises:
        GraphError: if a probe names no port.
    """
    ports = {f"{n.name}.{port}": (n.name, port) for n in graph.nodes for port in n.outputs}
    if probes is None:
        return ports
    for probe in probes:
        if probe not in ports:
            raise GraphError(f"graph {graph.name!r} has no value {probe!r}; name it node.port")
    return {text: key for text, key in ports.items() if text in probes}


def require_names(inputs: Mapping[str, object], names: Collection[str]) -> None:
    """Refuse inputs that are not exactly those a graph takes.

    Raises:
        InputError: naming what is missing or unknown.
    """
    missing = sorted(set(names) - inputs.keys())
    unknown = sorted(inputs.keys() - set(names))
    if missing or unknown:
        what = f"no value for {', '.join(missing)}" if missing else f"unknown {', '.join(unknown)}"
        raise InputError(f"inputs: {what}; this graph takes {', '.join(sorted(names))}")


def frames_of(
    graph: Graph, inputs: Mapping[str, npt.NDArray[np.integer[Any]]], *, ranged: bool
) -> int:
    """Number of frames, the inputs checked: their ranges too, unless a program does that.

    Raises:
        InputError: saying which input is wrong and what is expected.
    """
    nodes = [n for n in graph.nodes if isinstance(n, Input)]
    require_names(inputs, [n.name for n in nodes])
    lengths = {n.name: len(inputs[n.name]) for n in nodes}
    if len(set(lengths.values())) != 1:
        raise InputError(f"inputs: the numbers of frames differ: {lengths}")
    frames = next(iter(lengths.values()))
    check = checked if ranged else expected
    for node in nodes:
        check(node, inputs[node.name], (frames, *node.shape))
    return frames
