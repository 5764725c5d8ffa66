"""Softmax attention whose scores follow changes (docs/fixed_point.md, Host nodes)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.nodes import SoftmaxAttention
from sims.fast.body import Arrivals, Departures
from sims.fast.exact import product
from sims.fast.host import Operand, opened, register_of
from sims.fast.rows import Rows, as_rows
from sims.fast.tally import Tally
from sims.fast.width import Registers, Width

IntArray = npt.NDArray[np.int64]
LOOSE_SCORE = Width(62)
"""Without strict mode: the difference of two scores still fits 64 bits."""


class SoftmaxAttentionBody:
    """Keeps Q·Kᵀ exact under changes of a few tokens, and answers open tokens."""

    def __init__(self, node: SoftmaxAttention, registers: Registers) -> None:
        self._node = node
        self._shape = node.output_shape("out")
        operand = register_of(registers, Width(24), _room_for_values(node))
        self._q, self._k, self._v = (Operand(p, self._shape, operand) for p in "qkv")
        self._scores = np.zeros((node.heads, node.tokens, node.tokens), np.int64)
        unbounded = registers.overflow == "unbounded"
        self._score_width = LOOSE_SCORE if unbounded else registers.total
        self._width = registers.total
        # What lies beyond the table weighs nothing.
        self._table = np.append(node.exp_table, 0)
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: messages on q, k, v and gate (S, N), if gated, to values (N, H·d)."""
        node = self._node
        to_q, to_k, to_v = (as_rows(inputs[port][0]) for port in "qkv")
        met = self._learn(to_q, to_k)
        self._v.hear(to_v)
        tokens = opened(node, inputs)
        pairs = node.heads * node.tokens
        read = pairs * (node.head_dim + 1) + node.heads * node.head_dim
        self.tally.frame(macs_off_core=met * pairs * node.head_dim + tokens.size * read)
        out = self._read(tokens)
        self._width.keep_rows("out", tokens, out)
        return {"out": Rows(tokens, out, self._shape)}

    def _learn(self, to_q: Rows, to_k: Rows) -> int:
        """S += Δq·K_oldᵀ + Q_new·Δkᵀ; the number of tokens that changed, in q and in k."""
        terms = self._node.head_dim
        if to_q.tokens.size:
            keys = self._by_head(self._k.values).transpose(0, 2, 1)
            self._scores[:, to_q.tokens] += product(self._by_head(to_q.values), keys, terms, "S")
        self._q.hear(to_q)
        self._k.hear(to_k)
        if to_k.tokens.size:
            keys = self._by_head(to_k.values).transpose(0, 2, 1)
            queries = self._by_head(self._q.values)
            self._scores[:, :, to_k.tokens] += product(queries, keys, terms, "S")
        changed = int(to_q.tokens.size + to_k.tokens.size)
        if changed:
            self._score_width.check("S", self._scores)
        return changed

    def _read(self, tokens: IntArray) -> IntArray:
        """The answers (n, H·d), a head at a time so that its weights stay small."""
        node = self._node
        out = np.zeros((tokens.size, node.heads, node.head_dim), np.int64)
        if not tokens.size:
            return out.reshape(0, self._shape[1])
        values = self._by_head(self._v.values)
        half, last = (1 << node.exp_shift) >> 1, node.exp_table.size
        for h in range(node.heads):
            scores = self._scores[h, tokens]
            far = (scores.max(axis=1, keepdims=True) - scores + half) >> node.exp_shift
            weights = self._table[np.minimum(far, last)]
            whole = weights.sum(axis=1, keepdims=True)
            sums = node.gain * product(weights, values[h], node.tokens, "out")
            out[:, h] = (2 * sums + whole) // (2 * whole)
        return out.reshape(tokens.size, -1)

    def _by_head(self, rows: IntArray) -> IntArray:
        """Rows (n, H·d) as (H, n, d)."""
        return rows.reshape(-1, self._node.heads, self._node.head_dim).transpose(1, 0, 2)


def _room_for_values(node: SoftmaxAttention) -> int:
    """Bits of v at which twice the gained sum of a row still fits 62 bits."""
    most = node.tokens * int(node.exp_table[0]) * (2 * node.gain + 1)
    return 63 - most.bit_length()
