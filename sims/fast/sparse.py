"""Sparse: event-driven over the synapses of each source (docs/fixed_point.md §4)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.nodes import Sparse
from depth_snn.compiled import compiled
from sims.fast.body import Arrivals, Departures, whole
from sims.fast.exact import peak
from sims.fast.tally import Tally
from sims.fast.width import HOST, Registers

IntArray = npt.NDArray[np.int64]


@compiled
def add_synapses(
    active: IntArray,
    values: IntArray,
    starts: IntArray,
    targets: npt.NDArray[np.int32],
    weight: npt.NDArray[np.int8],
    total: IntArray,
) -> int:
    """Add what the sources ``active`` send to ``total`` (R',); returns the synapses met.

    Args:
        active: Numbers of the sources with a message.
        values: What every source sends (R,).
        starts: Where each source's synapses begin (R + 1,).
        targets: Where each synapse leads (K,).
        weight: Of each synapse (K,).
        total: Sums, added to in place.
    """
    met = 0
    for j in range(active.shape[0]):
        source = active[j]
        value = values[source]
        for k in range(starts[source], starts[source + 1]):
            total[targets[k]] += np.int64(weight[k]) * value
        met += starts[source + 1] - starts[source]
    return met


class SparseBody:
    """Sums along the synapses of the sources that sent something."""

    def __init__(self, node: Sparse, registers: Registers) -> None:
        self._node = node
        self._width = registers.total if node.exponent else registers.halved
        self._row_sum = node.sum_bound
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: messages in (R,) to values out (R',)."""
        node, values = self._node, whole(inputs, "in")
        active = np.flatnonzero(values)
        bound = max(self._row_sum, 1) * peak(values) << node.exponent
        out = np.zeros(node.count, np.int64)
        if self._width.wraps or bound <= HOST.high:  # what wraps may wrap at 64 bits first
            met = add_synapses(active, values, node.starts, node.targets, node.weight, out)
            out <<= node.exponent
        else:
            out, met = self._unbounded(active, values)
        self.tally.frame(synaptic_operations=int(met))
        if bound > self._width.high:
            out = self._width.keep("out", out)
        return {"out": out}

    def _unbounded(self, active: IntArray, values: IntArray) -> tuple[IntArray, int]:
        """The same in Python integers; slow, for values no network should have."""
        node, met = self._node, 0
        total: npt.NDArray[Any] = np.zeros(node.count, object)
        for source in active.tolist():
            synapses = slice(int(node.starts[source]), int(node.starts[source + 1]))
            weight = node.weight[synapses].astype(object)
            total[node.targets[synapses]] += weight * int(values[source])
            met += weight.size
        total = total * (1 << node.exponent)
        HOST.check("out", total)
        return total.astype(np.int64), met
