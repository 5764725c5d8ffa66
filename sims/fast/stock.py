"""StockSigmaDelta: Lava's sigma-delta neuron as it is (docs/fixed_point.md §3)."""

from __future__ import annotations

import numpy as np

from conversion.nodes import StockSigmaDelta
from sims.fast.body import Arrivals, Departures
from sims.fast.payload import payload_bits
from sims.fast.rows import dense
from sims.fast.tally import Tally
from sims.fast.width import HOST, Registers, Width


class StockSigmaDeltaBody:
    """Whole arrays: such networks are small, and every neuron works in every frame."""

    def __init__(self, node: StockSigmaDelta, registers: Registers) -> None:
        self._node = node
        shape = node.output_shape("out")
        strict = registers.overflow == "strict"
        self._message = Width(node.message_bits) if strict else registers.message
        self._total = registers.total
        # int32 holds everything in Lava; elsewhere there is room for what is not checked.
        self._inner = registers.total if registers.total.wraps else HOST
        self._bias = node.bias << node.scale
        self._sigma = np.zeros(shape, np.int64)
        self._act = np.zeros(shape, np.int64)
        self._residue = np.zeros(shape, np.int64)
        self.tally = Tally(node, neurons=self._act.size)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: values in (N, C), added, to messages (N, C)."""
        node, room = self._node, Width(HOST.bits - self._node.scale)
        arrived = sum((dense(signal) for signal in inputs["in"]), np.zeros_like(self._act))
        if self._inner.wraps:
            arrived = self._inner.keep("in", arrived)
        else:
            room.check("in", arrived)
        if node.absolute:
            act = arrived << node.scale
        else:
            self._sigma = self._total.keep("sigma", self._sigma + arrived)
            act = np.maximum(self._inner.keep("activation", self._sigma + self._bias), 0)
        act = self._total.keep("activation", act)
        change = self._inner.keep("change", act - self._act + self._residue)
        loud = np.abs(change) >= node.threshold << node.scale
        if self._inner.wraps:  # its magnitude does not fit, and is negative there
            loud &= change != self._inner.low
        sent = np.where(loud, change, 0)
        self._residue, self._act = change - sent, act
        message = self._message.keep("message", sent >> node.state_exp)
        count = int(np.count_nonzero(message))
        bits = payload_bits(message)
        self.tally.frame(messages=count, updates_active=message.size, message_bits=bits)
        return {"out": message}
