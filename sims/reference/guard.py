"""Checks that a node's integers stay within their registers (docs/fixed_point.md §9)."""

from __future__ import annotations

from dataclasses import dataclass

from depth_snn.errors import OverflowInGraph
from sims.reference.integers import Row, Table

MESSAGE_BITS = 24
SIGMA_BITS = 32
GATE_BITS = 64


@dataclass(frozen=True)
class Guard:
    """The width checks of one node.

    Args:
        node: Name of the node, for the message.
        kind: Its type.
        strict: False switches every check off; the integers then grow without bound.
    """

    node: str
    kind: str
    strict: bool

    def within(self, row: Row, bits: int, what: str, step: int, where: str) -> None:
        """Check signed integers against a two's complement register.

        Args:
            row: The integers.
            bits: Width of the register.
            what: Name of the quantity.
            step: The step they belong to.
            where: Index of the row, ending before the column: ``"[3, "`` or ``"["``.

        Raises:
            OverflowInGraph: naming node, quantity, index and step.
        """
        top = 1 << (bits - 1)
        self.between(row, -top, top - 1, what, step, where)

    def between(self, row: Row, lo: int, hi: int, what: str, step: int, where: str) -> None:
        """Check integers against lo … hi, both included; see ``within``."""
        if not self.strict or not row or (min(row) >= lo and max(row) <= hi):
            return
        column = next(c for c, x in enumerate(row) if not lo <= x <= hi)
        raise OverflowInGraph(
            f"node {self.node!r} ({self.kind}): {what}{where}{column}] is {row[column]} "
            f"at step {step}, outside {lo}..{hi}; lower its scale or its inputs"
        )

    def table(self, table: Table, bits: int, what: str, step: int) -> None:
        """Check every row of a table that is not all zero; see ``within``."""
        for i, row in enumerate(table):
            if any(row):
                self.within(row, bits, what, step, f"[{i}, ")
