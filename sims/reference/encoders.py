"""Delta and SigmaDelta (docs/fixed_point.md §3)."""

from __future__ import annotations

from operator import add

from conversion.nodes import Delta
from sims.reference.arrays import table_of
from sims.reference.guard import MESSAGE_BITS, SIGMA_BITS, Guard
from sims.reference.integers import Row, Table, clip, nonzero, rshift, zeros
from sims.reference.unit import Arrived, Outputs, Work


class DeltaUnit:
    """Sends the change of an absolute input since it was last sent.

    Args:
        node: The node.
        guard: Checks of its widths.
        first: Step at which frame 0 reaches it; without a gate it is closed before.
    """

    def __init__(self, node: Delta, guard: Guard, first: int) -> None:
        self._node = node
        self._guard = guard
        self._first = first
        bias = table_of(node.bias)
        self._bias = bias if node.bias.ndim == 2 else bias * node.tokens
        self._sent = zeros(node.tokens, node.channels)

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        return self._encode(step, arrived["in"][0], self._gate(step, arrived))

    def _gate(self, step: int, arrived: Arrived) -> Row:
        """1 for each open token."""
        if self._node.gated:
            return [int(entry == 1) for entry in arrived["gate"][0][self._node.stage]]
        return [int(step >= self._first)] * self._node.tokens

    def _encode(self, step: int, values: Table, gate: Row) -> tuple[Outputs, Work]:
        silent = [0] * self._node.channels
        out = [self._message(i, row) if gate[i] else silent for i, row in enumerate(values)]
        out = self._guard.table(out, MESSAGE_BITS, "message", step)
        active = sum(gate) * self._node.channels
        work = {
            "messages": nonzero(out),
            "updates_active": active,
            "updates_idle": self._node.tokens * self._node.channels - active,
        }
        return {"out": out}, work

    def _message(self, i: int, row: Row) -> Row:
        node, sent = self._node, self._sent[i]
        out = [0] * node.channels
        for c, (x, bias) in enumerate(zip(row, self._bias[i], strict=True)):
            act = clip(rshift(x + bias, node.shift), node.lo, node.hi)
            delta = act - sent[c]
            if delta != 0 and abs(delta) >= node.threshold:
                out[c] = delta
                sent[c] += delta
        return out


class SigmaDeltaUnit(DeltaUnit):
    """Sums what arrives, open or closed, and sends the change of the sum."""

    def __init__(self, node: Delta, guard: Guard, first: int) -> None:
        super().__init__(node, guard, first)
        self._sigma = zeros(node.tokens, node.channels)

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        for i in range(self._node.tokens):
            tables = [table for table in arrived["in"] if any(table[i])]
            for table in tables:
                self._sigma[i] = list(map(add, self._sigma[i], table[i]))
            if tables:
                held = self._guard.within(self._sigma[i], SIGMA_BITS, "sigma", step, f"[{i}, ")
                self._sigma[i] = held
        return self._encode(step, self._sigma, self._gate(step, arrived))
