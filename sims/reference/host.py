"""HostNorm and HostTable (docs/fixed_point.md, Host nodes)."""

from __future__ import annotations

from math import isqrt
from operator import add

from conversion.nodes import HostNode, HostNorm, HostTable
from sims.reference.arrays import table_of
from sims.reference.guard import Guard
from sims.reference.integers import Row, Table, clip, zeros
from sims.reference.unit import Arrived, Outputs, Work

NORM_BITS = 16
TABLE_BITS = 24
ROOT_BITS = 4
"""Bits that the root keeps behind its binary point."""


def divide(n: int, d: int) -> int:
    """The quotient n / d rounded half up, for d > 0."""
    return (2 * n + d) // (2 * d)


class Opening:
    """Which tokens of a host node are open at a step.

    Args:
        node: The node.
        first: Step at which frame 0 reaches it; without a gate it is closed before.
    """

    def __init__(self, node: HostNode, first: int) -> None:
        self._node = node
        self._first = first

    def at(self, step: int, arrived: Arrived) -> Row:
        """1 for each open token."""
        if self._node.gated:
            return [int(entry == 1) for entry in arrived["gate"][0][self._node.stage]]
        return [int(step >= self._first)] * self._node.tokens


class _Sums:
    """What a node has heard, added up, within a register."""

    def __init__(self, tokens: int, channels: int, guard: Guard, bits: int, what: str) -> None:
        self.rows = zeros(tokens, channels)
        self._guard, self._bits, self._what = guard, bits, what

    def hear(self, step: int, messages: Table) -> Row:
        """Add the messages; the tokens for which there were some."""
        changed = [i for i, row in enumerate(messages) if any(row)]
        for i in changed:
            self.rows[i] = list(map(add, self.rows[i], messages[i]))
            self._guard.within(self.rows[i], self._bits, self._what, step, f"[{i}, ")
        return changed


class NormUnit:
    """Mean 0 and variance 1 for the channels of each open token."""

    def __init__(self, node: HostNorm, guard: Guard, first: int) -> None:
        self._node = node
        self._opening = Opening(node, first)
        self._sums = _Sums(node.tokens, node.channels, guard, NORM_BITS, "x")

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        self._sums.hear(step, arrived["in"][0])
        gate, silent = self._opening.at(step, arrived), [0] * self._node.channels
        out = [self._norm(x) if gate[i] else silent for i, x in enumerate(self._sums.rows)]
        return {"out": out}, {"macs_off_core": 3 * sum(gate) * self._node.channels}

    def _norm(self, x: Row) -> Row:
        count, total = self._node.channels, sum(x)
        spread = count * sum(value * value for value in x) - total * total
        root = isqrt((spread + self._node.floor) << (2 * ROOT_BITS))
        gain = self._node.gain << ROOT_BITS
        return [divide(gain * (count * value - total), root) for value in x]


class TableUnit:
    """The table's entry for each channel of each open token."""

    def __init__(self, node: HostTable, guard: Guard, first: int) -> None:
        self._node = node
        self._opening = Opening(node, first)
        self._sums = _Sums(node.tokens, node.channels, guard, TABLE_BITS, "x")
        self._table = table_of(node.table)[0]

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        self._sums.hear(step, arrived["in"][0])
        gate, silent = self._opening.at(step, arrived), [0] * self._node.channels
        last, lo = len(self._table) - 1, self._node.lo
        out = [
            [self._table[clip(value - lo, 0, last)] for value in x] if gate[i] else silent
            for i, x in enumerate(self._sums.rows)
        ]
        return {"out": out}, {"macs_off_core": sum(gate) * self._node.channels}
