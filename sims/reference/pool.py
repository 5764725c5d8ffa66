"""SumPool (docs/fixed_point.md §4)."""

from __future__ import annotations

from conversion.nodes import SumPool
from sims.reference.grid import windows_over
from sims.reference.guard import SIGMA_BITS, Guard
from sims.reference.integers import Row, Table
from sims.reference.unit import Arrived, Outputs, Work


class SumPoolUnit:
    """For every window, the sum of what it covers, channel by channel."""

    def __init__(self, node: SumPool, guard: Guard) -> None:
        self._node = node
        self._guard = guard
        self._outputs_over = windows_over(node)

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        node, messages = self._node, arrived["in"][0]
        rows, columns = node.grid
        out: Table = [self._sum(messages, y, x) for y in range(rows) for x in range(columns)]
        out = self._guard.table(out, SIGMA_BITS, "product", step)
        met = sum(
            (node.channels - row.count(0)) * over
            for row, over in zip(messages, self._outputs_over, strict=True)
        )
        return {"out": out}, {"synaptic_operations": met}

    def _sum(self, messages: Table, y: int, x: int) -> Row:
        node = self._node
        top, left = (
            at * s - p for at, s, p in zip((y, x), node.strides, node.paddings, strict=True)
        )
        high, wide = node.kernels
        total = [0] * node.channels
        for row in range(max(0, top), min(node.height, top + high)):
            for column in range(max(0, left), min(node.width, left + wide)):
                for c, value in enumerate(messages[row * node.width + column]):
                    total[c] += value
        return [value << node.exponent for value in total]
