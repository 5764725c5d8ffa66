"""Softmax attention whose scores follow changes (docs/fixed_point.md, Host nodes)."""

from __future__ import annotations

from operator import add, mul

from conversion.nodes import SoftmaxAttention
from sims.reference.arrays import table_of
from sims.reference.guard import SIGMA_BITS, Guard
from sims.reference.host import Opening, divide
from sims.reference.integers import Row, Table, rshift, zeros
from sims.reference.unit import Arrived, Outputs, Work

OPERAND_BITS = 24


class SoftmaxUnit:
    """Keeps q, k, v and the scores of every head, and answers each open token."""

    def __init__(self, node: SoftmaxAttention, guard: Guard, first: int) -> None:
        self._node = node
        self._guard = guard
        self._opening = Opening(node, first)
        width = node.heads * node.head_dim
        self._held = {port: zeros(node.tokens, width) for port in "qkv"}
        self._heads = [slice(h * node.head_dim, (h + 1) * node.head_dim) for h in range(node.heads)]
        self._scores = [zeros(node.tokens, node.tokens) for _ in self._heads]
        self._table = table_of(node.exp_table)[0]

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        node = self._node
        to_q, to_k, to_v = (arrived[port][0] for port in "qkv")
        asking = self._rows_with(to_q)
        offering = self._rows_with(to_k)
        self._meet(asking, to_q, range(node.tokens), self._held["k"])
        for port, messages in (("q", to_q), ("k", to_k), ("v", to_v)):
            self._hear(port, messages, step)
        self._meet(range(node.tokens), self._held["q"], offering, to_k)
        if asking or offering:
            for h, scores in enumerate(self._scores):
                for i, row in enumerate(scores):
                    self._guard.within(row, SIGMA_BITS, "S", step, f"[{h}, {i}, ")
        gate = self._opening.at(step, arrived)
        silent = [0] * (node.heads * node.head_dim)
        out = [self._answer(i) if opened else silent for i, opened in enumerate(gate)]
        self._guard.table(out, SIGMA_BITS, "out", step)
        pairs = node.heads * node.tokens
        met = (len(asking) + len(offering)) * pairs * node.head_dim
        read = pairs * (node.head_dim + 1) + node.heads * node.head_dim
        return {"out": out}, {"macs_off_core": met + sum(gate) * read}

    @staticmethod
    def _rows_with(messages: Table) -> Row:
        return [i for i, row in enumerate(messages) if any(row)]

    def _hear(self, port: str, messages: Table, step: int) -> None:
        held = self._held[port]
        for i in self._rows_with(messages):
            held[i] = list(map(add, held[i], messages[i]))
            self._guard.within(held[i], OPERAND_BITS, port, step, f"[{i}, ")

    def _meet(self, of: Row | range, q: Table, to: Row | range, k: Table) -> None:
        """S[i, j] += q[i] · k[j] for i in ``of`` and j in ``to``, in every head."""
        for head, scores in zip(self._heads, self._scores, strict=True):
            for i in of:
                asked = q[i][head]
                if any(asked):
                    for j in to:
                        scores[i][j] += sum(map(mul, asked, k[j][head]))

    def _answer(self, i: int) -> Row:
        out: Row = []
        for head, scores in zip(self._heads, self._scores, strict=True):
            weights = self._weights(scores[i])
            whole = sum(weights)
            columns = zip(*(row[head] for row in self._held["v"]), strict=True)
            sums = [sum(map(mul, weights, column)) for column in columns]
            out += [divide(self._node.gain * total, whole) for total in sums]
        return out

    def _weights(self, scores: Row) -> Row:
        """What each token weighs in a row: the exponential of its distance from the largest."""
        top = max(scores)
        far = [rshift(top - s, self._node.exp_shift) for s in scores]
        return [self._table[t] if t < len(self._table) else 0 for t in far]
