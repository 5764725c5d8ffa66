"""Delta and SigmaDelta (docs/fixed_point.md §3)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.nodes import Delta, SigmaDelta
from sims.fast.body import Arrivals, Departures, open_tokens
from sims.fast.kernels import add_rows, encode, first_outside
from sims.fast.payload import payload_bits
from sims.fast.rows import Rows, as_rows
from sims.fast.tally import Tally
from sims.fast.width import Registers, TooWide, Width

IntArray = npt.NDArray[np.int64]
CONSTANT = Width(62)
"""Bound on constants, so that no sum inside the encoder leaves 64 bits."""


class DeltaBody:
    """Sends the change of an absolute input, for open tokens only.

    Attributes:
        frame: Number of the frame that comes next; below 0 while a network warms up.
    """

    def __init__(self, node: Delta, registers: Registers) -> None:
        self._stage = node.stage if node.gated else None
        self._shape = (node.tokens, node.channels)
        self._bias = np.array(np.atleast_2d(node.bias), np.int64, order="C")
        for what, value in (("bias", self._bias), ("lo", node.lo), ("hi", node.hi)):
            CONSTANT.check(what, np.asarray(value, dtype=object))
        self._rule = (node.shift, node.lo, node.hi, min(node.threshold, CONSTANT.high))
        message = registers.message
        self._message = None if node.hi - node.lo <= message.high else message
        self._sent = np.zeros(self._shape, np.int64)
        self._out = np.zeros(self._shape, np.int64)
        self._out_tokens = np.zeros(node.tokens, np.int64)
        self.frame = 0
        self.tally = Tally(node, neurons=node.tokens * node.channels)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: ports in (N, C) and gate (S, N), if gated, to messages."""
        tokens = np.flatnonzero(self._opened(inputs))
        (signal,) = inputs["in"]
        if isinstance(signal, Rows):
            return self._send(signal.values, signal.positions_of(tokens), tokens, tokens.size)
        return self._send(signal, tokens, tokens, tokens.size)

    def _opened(self, inputs: Arrivals) -> npt.NDArray[np.bool_]:
        """Open tokens (N,): all of them where there is no gate, from frame 0 on."""
        self.frame += 1
        if self._stage is None:
            return np.full(self._shape[0], self.frame > 0)
        return open_tokens(inputs, self._stage)

    def _send(self, source: IntArray, rows: IntArray, tokens: IntArray, opened: int) -> Departures:
        count, messages = 0, 0
        if tokens.size:
            count, messages = encode(
                source,
                rows,
                tokens,
                self._bias,
                self._rule,
                self._sent,
                self._out,
                self._out_tokens,
            )
        sent_by, out = self._out_tokens[:count], self._out[:count]
        tight = True
        if self._message is not None:
            kept = self._message.keep_rows("message", sent_by, out)
            if kept is not out:  # what wrapped may be 0
                out, tight, messages = kept, False, int(np.count_nonzero(kept))
        total, channels = self._shape
        self.tally.frame(
            messages=messages,
            updates_active=opened * channels,
            updates_idle=(total - opened) * channels,
            message_bits=payload_bits(out),
        )
        return {"out": Rows(sent_by, out, self._shape, tight=tight, nonzero=messages)}


class SigmaDeltaBody(DeltaBody):
    """Sums what arrives and sends what changed.

    A token that was evaluated while open has nothing left to send until something arrives for it:
    what it still differs by is below the threshold. So only open tokens with arrivals since then
    are evaluated.
    """

    def __init__(self, node: SigmaDelta, registers: Registers) -> None:
        super().__init__(node, registers)
        self._width = registers.total
        self._sigma = np.zeros(self._shape, np.int64)
        self._waiting = np.ones(node.tokens, np.bool_)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: values on port in, added, and gate (S, N), if gated, to messages."""
        arrived = [as_rows(signal) for signal in inputs["in"]]
        for rows in arrived:
            add_rows(self._sigma, rows.tokens, rows.values, self._waiting)
        for rows in arrived:
            self._keep(rows.tokens)
        opened = self._opened(inputs)
        tokens = np.flatnonzero(opened & self._waiting)
        self._waiting[tokens] = False
        return self._send(self._sigma, tokens, tokens, int(np.count_nonzero(opened)))

    def _keep(self, tokens: IntArray) -> None:
        flat = first_outside(self._sigma, tokens, self._width.low, self._width.high)
        if flat >= 0 and self._width.wraps:
            self._sigma[tokens] = self._width.keep("sigma", self._sigma[tokens])
        elif flat >= 0:
            index = divmod(flat, self._shape[1])
            raise TooWide("sigma", index, int(self._sigma[index]), self._width.bits)
