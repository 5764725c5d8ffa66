"""The border to numpy: arrays to tables of Python integers, and tables back to arrays.

Nothing is computed here, and numpy is used nowhere else in the reference simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.nodes import Input
from depth_snn.errors import InputError, OverflowInGraph
from sims.counts import COUNT_FIELDS, NodeCounts
from sims.footprint import state_bytes, weight_bytes
from sims.reference.integers import Table
from sims.reference.unit import Work

IntArray = npt.NDArray[np.int64]


def table_of(array: npt.NDArray[Any]) -> Table:
    """Rows of Python integers of an array; a vector becomes one row."""
    rows: Table = array.reshape(-1, array.shape[-1]).tolist()
    return rows


def array_of(key: str, table: Table, shape: tuple[int, ...]) -> IntArray:
    """A table as int64 of some shape.

    Raises:
        OverflowInGraph: if an integer does not fit 64 bits, which only happens when not strict.
    """
    if not any(map(any, table)):
        return np.zeros(shape, np.int64)
    try:
        return np.array(table, dtype=np.int64).reshape(shape)
    except OverflowError:
        raise OverflowInGraph(
            f"values of {key!r} do not fit 64 bits; run in strict mode to see where it began"
        ) from None


def stack(arrays: list[IntArray]) -> IntArray:
    """One array per step in, a read-only (steps, *shape) array out."""
    out = np.stack(arrays)
    out.setflags(write=False)
    return out


def frames_of(graph: Graph, inputs: Mapping[str, npt.NDArray[Any]]) -> dict[str, list[Table]]:
    """Check the inputs of a run and turn them into one table per frame.

    Args:
        graph: The graph; every one of its Input nodes needs an array.
        inputs: Integers of shape (T, *shape) by the name of the Input node.

    Returns:
        Tables by name, T each.

    Raises:
        InputError: if an input is missing, unknown, of another shape or length, or outside lo … hi.
    """
    nodes = [node for node in graph.nodes if isinstance(node, Input)]
    if not nodes:
        raise InputError(f"graph {graph.name!r} has no Input node, so there is nothing to run")
    unknown = sorted(set(inputs) - {node.name for node in nodes})
    if unknown:
        raise InputError(f"graph {graph.name!r} has no Input named {unknown[0]!r}; leave it out")
    out = {node.name: _frames_of_one(node, inputs.get(node.name)) for node in nodes}
    first = nodes[0].name
    for name, tables in out.items():
        if len(tables) != len(out[first]):
            raise InputError(
                f"input {name!r} has {len(tables)} frames and {first!r} has {len(out[first])}; "
                "give all inputs the same number"
            )
    return out


def _frames_of_one(node: Input, given: npt.NDArray[Any] | None) -> list[Table]:
    if given is None:
        raise InputError(f"input {node.name!r} is missing; give (T, {_sizes(node.shape)}) integers")
    array = np.asarray(given)
    if array.dtype.kind not in "iub":
        raise InputError(f"input {node.name!r} is {array.dtype}; give integers")
    if array.ndim < 1 or array.shape[1:] != node.shape or array.shape[0] < 1:
        raise InputError(
            f"input {node.name!r} has shape {array.shape}; "
            f"give (T, {_sizes(node.shape)}) with one frame or more"
        )
    lowest, highest = int(array.min()), int(array.max())
    if lowest < node.lo or highest > node.hi:
        raise InputError(
            f"input {node.name!r} spans {lowest}..{highest}, "
            f"outside its range {node.lo}..{node.hi}; scale or clip it"
        )
    return [table_of(frame) for frame in array.astype(np.int64)]


def _sizes(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def counts_of(graph: Graph, frames: int, work: Mapping[str, list[Work]]) -> dict[str, NodeCounts]:
    """Pack the work of each node.

    Args:
        graph: The graph.
        frames: Number of frames T.
        work: By node, the work of each frame, T long.

    Returns:
        Counts by node name (docs/fixed_point.md §10).
    """
    out = {}
    for node in graph.nodes:
        holds_neurons = node.kind in ("Delta", "SigmaDelta", "LIF", "StockSigmaDelta")
        size = int(np.prod(node.output_shape("out"))) if holds_neurons else 0
        series = {
            key: np.array([work[node.name][f].get(key, 0) for f in range(frames)], np.int64)
            for key in COUNT_FIELDS
        }
        out[node.name] = NodeCounts(
            node=node.name, kind=node.kind, runs_on=node.runs_on, neurons=size,
            state_bytes=state_bytes(node), weight_bytes=weight_bytes(node), **series,
        )  # fmt: skip
    return out
