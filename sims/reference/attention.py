"""Incremental linear attention (docs/fixed_point.md §5)."""

from __future__ import annotations

from operator import add

from conversion.nodes import LinearAttention
from sims.reference.guard import SIGMA_BITS, Guard
from sims.reference.integers import Row, clip, nonzero, rshift, zeros
from sims.reference.product import Products
from sims.reference.unit import Arrived, Outputs, Work


class AttentionUnit:
    """Keeps q, k, v and the sum of k·vᵀ of every head, and answers each open token.

    Args:
        node: The node.
        guard: Checks of its widths.
        first: Step at which frame 0 reaches it; without a gate it is closed before.
    """

    def __init__(self, node: LinearAttention, guard: Guard, first: int) -> None:
        self._node = node
        self._guard = guard
        self._first = first
        width = node.heads * node.head_dim
        self._q = zeros(node.tokens, width)
        self._k = zeros(node.tokens, width)
        self._v = zeros(node.tokens, width)
        self._heads = [range(h * node.head_dim, (h + 1) * node.head_dim) for h in range(node.heads)]
        self._sums = [zeros(node.head_dim, node.head_dim) for _ in self._heads]

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        node = self._node
        to_q, to_k, to_v = (arrived[port][0] for port in ("q", "k", "v"))
        gate = self._gate(step, arrived)
        changed = [i for i in range(node.tokens) if any(to_k[i]) or any(to_v[i])]
        for i in changed:
            self._add_outer_product(i, -1)
            self._k[i] = list(map(add, self._k[i], to_k[i]))
            self._v[i] = list(map(add, self._v[i], to_v[i]))
            self._add_outer_product(i, 1)
        for h, sums in enumerate(self._sums):
            for a, row in enumerate(sums):
                sums[a] = self._guard.within(row, SIGMA_BITS, "S", step, f"[{h}, {a}, ")
        self._q = [list(map(add, q, x)) for q, x in zip(self._q, to_q, strict=True)]
        matrices = [self._matrix(h) for h in range(node.heads)]
        silent = [0] * (node.heads * node.head_dim)
        out = [self._answer(q, matrices) if gate[i] else silent for i, q in enumerate(self._q)]
        out = self._guard.table(out, SIGMA_BITS, "product", step)
        per_token = node.heads * node.head_dim**2
        work = {
            "synaptic_operations": len(changed) * 2 * per_token + sum(gate) * per_token,
            "messages": nonzero(out),
        }
        return {"out": out}, work

    def _gate(self, step: int, arrived: Arrived) -> Row:
        """1 for each open token."""
        if self._node.gated:
            return [int(entry == 1) for entry in arrived["gate"][0][self._node.stage]]
        return [int(step >= self._first)] * self._node.tokens

    def _add_outer_product(self, i: int, sign: int) -> None:
        k, v = self._k[i], self._v[i]
        for head, sums in zip(self._heads, self._sums, strict=True):
            values = v[head.start : head.stop]
            for a, at in enumerate(head):
                if k[at]:
                    factor = sign * k[at]
                    sums[a] = [s + factor * x for s, x in zip(sums[a], values, strict=True)]

    def _matrix(self, h: int) -> Products:
        """A_h, ready to be multiplied by the q of a token."""
        shift, top = self._node.state_shift, self._node.state_max
        return Products([[clip(rshift(s, shift), -top, top) for s in row] for row in self._sums[h]])

    def _answer(self, q: Row, matrices: list[Products]) -> Row:
        out: Row = []
        for head, matrix in zip(self._heads, matrices, strict=True):
            out += matrix.times(q[head.start : head.stop])
        return out
