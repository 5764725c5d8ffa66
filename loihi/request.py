"""What a Lava run is asked to do, checked before anything is started."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.nodes import LIF, Input
from depth_snn.errors import GraphError, InputError
from loihi.integers import IntArray

Blocks = Literal["apart", "leaf", "sub"]
"""A process for each node; or one for each attention and MLP, by its leaf or its sub-processes."""


@dataclass(frozen=True)
class Request:
    """A checked run: graph, inputs by node, what to record, and which processes to use."""

    graph: Graph
    inputs: Mapping[str, IntArray]
    frames: int
    probes: tuple[str, ...]
    stock: bool
    blocks: Blocks
    wraps: bool = False

    @property
    def steps(self) -> int:
        """Steps until the last frame has left the slowest node."""
        return self.frames + max(self.graph.lags.values())


def make_request(
    graph: Graph,
    inputs: Mapping[str, npt.ArrayLike],
    *,
    probes: Collection[str] | None,
    stock: bool,
    blocks: Blocks = "apart",
) -> Request:
    """Check graph, inputs and probes.

    Raises:
        GraphError: if the graph is not quantised.
        InputError: if an input is missing, unknown, of the wrong shape or outside its range, or a
            probe names no port, or ``blocks`` is no word for how blocks run.
    """
    if blocks not in get_args(Blocks):
        raise InputError(f"blocks {blocks!r}: expected {', '.join(get_args(Blocks))}")
    if graph.dialect != "quantised":
        raise GraphError(f"graph {graph.name!r} is {graph.dialect}; Lava runs quantised graphs")
    arrays = _checked_inputs(graph, inputs)
    wanted = _checked_probes(graph, probes, stock=stock)
    frames = len(next(iter(arrays.values())))
    return Request(
        graph=graph, inputs=arrays, frames=frames, probes=wanted, stock=stock, blocks=blocks
    )


def membrane_read(graph: Graph, name: str) -> bool:
    """Whether an edge starts at the membrane of LIF ``name``."""
    return any(e.source == name and e.source_port == "membrane" for e in graph.edges)


def _checked_probes(
    graph: Graph, probes: Collection[str] | None, *, stock: bool
) -> tuple[str, ...]:
    """``node.port`` keys to record; by default all but the membrane that a stock LIF hides."""
    keys = [f"{n.name}.{port}" for n in graph.nodes for port in n.outputs]
    if probes is None:
        zeroing = [n.name for n in graph.nodes if isinstance(n, LIF) and n.reset == "zero"]
        silent = {
            f"{name}.membrane" for name in zeroing if stock and not membrane_read(graph, name)
        }
        return tuple(key for key in keys if key not in silent)
    unknown = sorted(set(probes) - set(keys))
    if unknown:
        raise InputError(f"graph {graph.name!r} has no output port {', '.join(unknown)} to record")
    if not probes:
        raise InputError(f"graph {graph.name!r}: no port to record was named")
    return tuple(key for key in keys if key in set(probes))


def _checked_inputs(graph: Graph, inputs: Mapping[str, npt.ArrayLike]) -> dict[str, IntArray]:
    nodes = [node for node in graph.nodes if isinstance(node, Input)]
    names = [node.name for node in nodes]
    if not names:
        raise GraphError(f"graph {graph.name!r} has no Input node")
    if set(names) != set(inputs):
        raise InputError(
            f"graph {graph.name!r} takes inputs {', '.join(sorted(names))}, "
            f"got {', '.join(sorted(inputs)) or 'none'}"
        )
    arrays = {node.name: _checked_input(node, np.asarray(inputs[node.name])) for node in nodes}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise InputError(f"inputs must have one number of frames, at least one; got {lengths}")
    return arrays


def _checked_input(node: Input, array: npt.NDArray[np.generic]) -> IntArray:
    if array.dtype.kind not in "iub":
        raise InputError(f"input {node.name!r}: expected integers, got {array.dtype}")
    if array.shape[1:] != node.shape or array.ndim != len(node.shape) + 1:
        want = ("frames", *node.shape)
        raise InputError(f"input {node.name!r}: expected shape {want}, got {array.shape}")
    values = array.astype(np.int64)
    if values.size and (int(values.min()) < node.lo or int(values.max()) > node.hi):
        raise InputError(
            f"input {node.name!r}: values {values.min()}..{values.max()} leave {node.lo}..{node.hi}"
        )
    return values
