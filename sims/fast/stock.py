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
        strict = registers.message != HOST
        self._message = Width(node.message_bits) if strict else HOST
        self._total = registers.total
        self._bias = node.bias << node.scale
        self._sigma = np.zeros(shape, np.int64)
        self._act = np.zeros(shape, np.int64)
        self._residue = np.zeros(shape, np.int64)
        self.tally = Tally(node, neurons=self._act.size)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: values in (N, C), added, to messages (N, C)."""
        node, room = self._node, Width(HOST.bits - self._node.scale)
        arrived = sum((dense(signal) for signal in inputs["in"]), np.zeros_like(self._act))
        room.check("in", arrived)
        if node.absolute:
            act = arrived << node.scale
        else:
            self._sigma = self._sigma + arrived
            self._total.check("sigma", self._sigma)
            act = np.maximum(self._sigma + self._bias, 0)
        self._total.check("activation", act)
        change = act - self._act + self._residue
        sent = np.where(np.abs(change) >= node.threshold << node.scale, change, 0)
        self._residue, self._act = change - sent, act
        message = sent >> node.state_exp
        self._message.check("message", message)
        count = int(np.count_nonzero(message))
        bits = payload_bits(message)
        self.tally.frame(messages=count, updates_active=message.size, message_bits=bits)
        return {"out": message}
