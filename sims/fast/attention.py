"""Incremental linear attention (docs/fixed_point.md §5)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.nodes import LinearAttention
from sims.fast.body import Arrivals, Departures, open_tokens
from sims.fast.exact import product
from sims.fast.payload import payload_bits
from sims.fast.rows import Rows, as_rows
from sims.fast.tally import Tally
from sims.fast.width import Width

IntArray = npt.NDArray[np.int64]


class LinearAttentionBody:
    """Keeps Σ k·vᵀ exact under changes of a few tokens, and reads it out for open tokens."""

    def __init__(self, node: LinearAttention, width: Width) -> None:
        self._node = node
        self._width = width
        # Sums and answers are told modulo the register, so q, k and v may wrap with them.
        self._wraps = width.wraps
        self._shape = node.output_shape("out")
        self._q, self._k, self._v = (np.zeros(self._shape, np.int64) for _ in range(3))
        square = (node.heads, node.head_dim, node.head_dim)
        self._state = np.zeros(square, np.int64)
        self._scaled = np.zeros(square, np.int64)
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: messages on q, k, v and gate (S, N) to values (N, H·d)."""
        changed = self._learn(as_rows(inputs["k"][0]), as_rows(inputs["v"][0]))
        queries = as_rows(inputs["q"][0])
        self._hear(self._q, queries)
        tokens = self._opened(inputs)
        out = self._read(tokens)
        events = int(np.count_nonzero(out))
        per_token = self._node.heads * self._node.head_dim**2
        self.tally.frame(
            synaptic_operations=(2 * changed + tokens.size) * per_token,
            messages=events,
            message_bits=payload_bits(out),
        )
        return {"out": Rows(tokens, out, self._shape, nonzero=events)}

    def _opened(self, inputs: Arrivals) -> IntArray:
        """The open tokens: all of them where there is no gate."""
        if not self._node.gated:
            return np.arange(self._shape[0])
        return np.flatnonzero(open_tokens(inputs, self._node.stage))

    def _learn(self, k: Rows, v: Rows) -> int:
        """Steps 1 and 3: bring k, v, S and A up to date; the number of changed tokens."""
        tokens = np.union1d(k.tokens, v.tokens)
        if not tokens.size:
            return 0
        k_old, v_old = self._k[tokens], self._v[tokens]
        self._hear(self._k, k)
        self._hear(self._v, v)
        # One product for both halves: S += k_newᵀ·v_new − k_oldᵀ·v_old.
        keys = self._by_head(np.concatenate((self._k[tokens], -k_old))).transpose(0, 2, 1)
        values = self._by_head(np.concatenate((self._v[tokens], v_old)))
        change = product(keys, values, 2 * tokens.size, "S", self._wraps)
        self._state = self._width.keep("S", self._state + change)
        self._rescale()
        return int(tokens.size)

    def _hear(self, held: IntArray, rows: Rows) -> None:
        held[rows.tokens] += rows.values
        if self._wraps:
            held[rows.tokens] = self._width.keep("", held[rows.tokens])

    def _rescale(self) -> None:
        """Step 3: A = clip(rshift(S))."""
        shift, limit = self._node.state_shift, self._node.state_max
        half = (1 << shift) >> 1
        self._scaled = np.clip((self._state + half) >> shift, -limit, limit)

    def _read(self, tokens: IntArray) -> IntArray:
        """Step 4: q · A for these tokens, (n, H·d)."""
        node = self._node
        if not tokens.size:
            return np.zeros((0, self._shape[1]), np.int64)
        queries = self._by_head(self._q[tokens])
        by_head = product(queries, self._scaled, node.head_dim, "out", self._wraps)
        out = np.ascontiguousarray(by_head.transpose(1, 0, 2)).reshape(tokens.size, -1)
        return self._width.keep_rows("out", tokens, out)

    def _by_head(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Rows (n, H·d) as (H, n, d)."""
        return rows.reshape(-1, self._node.heads, self._node.head_dim).transpose(1, 0, 2)
