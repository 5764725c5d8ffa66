"""Which cores a value reaches: through the synapses of a connection, or straight on an edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from conversion.graph import Edge, Graph
from conversion.node import IntArray
from conversion.nodes import Conv, Dense, LinearAttention, Node, Regroup, Skip, Sparse, SumPool
from conversion.placement import NOWHERE

CONNECTIONS = (Dense, Sparse, Conv, SumPool, Skip, Regroup)


@dataclass(frozen=True, eq=False)
class Reach:
    """Synapses from values to cores; values that reach the same are one unit.

    Args:
        divisor: Value v belongs to unit v // divisor.
        unit, core, synapses: (pairs,): a unit, a core it reaches, and the synapses there of each
            value of the unit. No pair of unit and core stands twice.
    """

    divisor: int
    unit: IntArray
    core: IntArray
    synapses: IntArray

    def by_value(self) -> tuple[IntArray, IntArray]:
        """Pairs of value and core, (pairs · divisor,) each."""
        value = (self.unit * self.divisor)[:, None] + np.arange(self.divisor)
        return value.reshape(-1), np.repeat(self.core, self.divisor)


def _reach(divisor: int, unit: IntArray, core: IntArray, synapses: IntArray) -> Reach:
    """Merge pairs that stand several times."""
    if not unit.size:
        return Reach(divisor, unit, core, synapses)
    span = int(core.max()) + 2  # NOWHERE is −1
    keys = unit * span + core + 1
    if (keys[1:] < keys[:-1]).any():
        order = np.argsort(keys, kind="stable")  # runs that rise already are merged, not sorted
        keys, synapses = keys[order], synapses[order]
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    total = np.add.reduceat(synapses, first)
    unit, core = (np.asarray(n, np.int64) for n in np.divmod(keys[first], span))
    return Reach(divisor, unit, core - 1, total)


def synapses_of(node: Node, home: IntArray) -> Reach:
    """The synapses of a connection, by the core of the receiving neuron.

    Args:
        node: One of :data:`CONNECTIONS`.
        home: Core of each of its outputs, (values,).

    Returns:
        From its inputs to cores.
    """
    if isinstance(node, Dense):
        outputs = int(node.weight.shape[0])
        unit = np.repeat(np.arange(home.size // outputs), outputs)
        return _reach(int(node.weight.shape[1]), unit, home, np.ones(home.size, np.int64))
    if isinstance(node, Sparse):
        source = np.repeat(np.arange(node.sources), np.diff(node.starts))
        return _reach(1, source, home[node.targets], np.ones(node.synapses, np.int64))
    if isinstance(node, Conv):
        return _convolution(node, home)
    if isinstance(node, SumPool):
        position, output = taps_of(node)
        channel = np.arange(node.channels)
        unit = (position[:, None] * node.channels + channel).reshape(-1)
        core = home.reshape(-1, node.channels)[output].reshape(-1)
        return _reach(1, unit, core, np.ones(unit.size, np.int64))
    if isinstance(node, Regroup):
        read = node.index.reshape(-1)
        channel = np.arange(node.channels)
        taken = np.repeat(read >= 0, node.channels)
        unit = (read[:, None] * node.channels + channel).reshape(-1)[taken]
        return _reach(1, unit, home[taken], np.ones(unit.size, np.int64))
    return _straight(home)


def _straight(home: IntArray) -> Reach:
    """Value i reaches neuron i alone."""
    return Reach(1, np.arange(home.size), home, np.ones(home.size, np.int64))


def _convolution(node: Conv, home: IntArray) -> Reach:
    outputs = int(node.weight.shape[0])
    row = np.repeat(np.arange(home.size // outputs), outputs)
    of_row = _reach(1, row, home, np.ones(home.size, np.int64))
    first = np.searchsorted(of_row.unit, np.arange(home.size // outputs + 1))
    position, output = taps_of(node)
    many = (first[1:] - first[:-1])[output]
    start = np.repeat(first[output] - np.cumsum(many) + many, many)
    pair = start + np.arange(int(many.sum()))
    unit = np.repeat(position, many)
    return _reach(int(node.weight.shape[1]), unit, of_row.core[pair], of_row.synapses[pair])


def taps_of(node: Conv | SumPool) -> tuple[IntArray, IntArray]:
    """Pairs of an input position and an output whose window covers it, (pairs,) each."""
    sides = zip(
        (node.height, node.width), node.grid, node.kernels, node.strides, node.paddings, strict=True
    )
    along = []
    for size, outputs, kernel, stride, padding in sides:
        at = np.arange(outputs)[:, None] * stride - padding + np.arange(kernel)
        inside = (at >= 0) & (at < size)
        along.append((at[inside], np.broadcast_to(np.arange(outputs)[:, None], at.shape)[inside]))
    (y, row), (x, column) = along
    position = (y[:, None] * node.width + x).reshape(-1)
    output = (row[:, None] * node.grid[1] + column).reshape(-1)
    return position, output


def destinations(
    graph: Graph, homes: Mapping[str, IntArray], source: str
) -> tuple[IntArray, IntArray]:
    """Every pair of a neuron and a core that holds a target of it.

    Args:
        graph: The graph.
        homes: Core of each value by node, as :func:`conversion.placement.homes` gives them.
        source: A node that sends.

    Returns:
        Values of the node's port ``out`` and cores, (pairs,) each, no pair twice;
        :data:`~conversion.placement.NOWHERE` is a target outside the mesh.
    """
    size = prod(graph.by_name[source].output_shape("out"))
    values, cores = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for edge in graph.edges:
        if edge.source == source and edge.source_port == "out":
            value, core = _along(graph, homes, edge)
            values.append(value)
            cores.append(core)
    every = np.concatenate(values)
    reached = _reach(1, every, np.concatenate(cores), np.ones(every.size, np.int64))
    assert not reached.unit.size or int(reached.unit.max()) < size
    return reached.unit, reached.core


def _along(graph: Graph, homes: Mapping[str, IntArray], edge: Edge) -> tuple[IntArray, IntArray]:
    target = graph.by_name[edge.target]
    home = homes[edge.target]
    if isinstance(target, CONNECTIONS):
        return synapses_of(target, home).by_value()
    if target.kind == "Delay":
        return destinations(graph, homes, edge.target)
    if isinstance(target, LinearAttention):
        return _into_attention(target, home, edge.port)
    if target.runs_on != "neurocore":
        home = np.full(prod(graph.by_name[edge.source].output_shape("out")), NOWHERE)
    return np.arange(home.size), home


def _into_attention(node: LinearAttention, home: IntArray, port: str) -> tuple[IntArray, IntArray]:
    """A query goes to its token's outputs of that head; keys and values to the whole head."""
    by_head = home.reshape(node.tokens, node.heads, node.head_dim)
    inputs = np.arange(home.size).reshape(by_head.shape)
    values, cores = [], []
    for h in range(node.heads):
        if port == "q":
            pairs = np.broadcast_arrays(inputs[:, h, :, None], by_head[:, h, None, :])
        else:
            pairs = np.broadcast_arrays(inputs[:, h, :, None], np.unique(by_head[:, h]))
        values.append(pairs[0].reshape(-1))
        cores.append(pairs[1].reshape(-1))
    return np.concatenate(values), np.concatenate(cores)
