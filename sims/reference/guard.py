"""What registers do with a node's integers (docs/fixed_point.md §9)."""

from __future__ import annotations

from dataclasses import dataclass

from depth_snn.errors import OverflowInGraph
from sims.overflow import Overflow
from sims.reference.integers import Row, Table, wrap

MESSAGE_BITS = 24
SIGMA_BITS = 32
GATE_BITS = 64
CHIP_BITS = 32
"""In chip mode every register of a node on the chip has as many, as in Lava."""


@dataclass(frozen=True)
class Guard:
    """The registers of one node.

    Args:
        node: Name of the node, for the message.
        kind: Its type.
        overflow: What a value outside does; unbounded integers grow without bound.
    """

    node: str
    kind: str
    overflow: Overflow

    @property
    def wraps(self) -> bool:
        """Whether registers wrap."""
        return self.overflow == "chip"

    def within(self, row: Row, bits: int, what: str, step: int, where: str) -> Row:
        """What a two's complement register holds of signed integers.

        Args:
            row: The integers.
            bits: Width of the register.
            what: Name of the quantity.
            step: The step they belong to.
            where: Index of the row, ending before the column: ``"[3, "`` or ``"["``.

        Returns:
            The integers, wrapped where registers wrap.

        Raises:
            OverflowInGraph: naming node, quantity, index and step.
        """
        if self.wraps:
            return [wrap(x, CHIP_BITS) for x in row]
        top = 1 << (bits - 1)
        self.between(row, -top, top - 1, what, step, where)
        return row

    def between(self, row: Row, lo: int, hi: int, what: str, step: int, where: str) -> None:
        """In strict mode, check integers against lo … hi, both included; see ``within``."""
        if self.overflow != "strict" or not row or (min(row) >= lo and max(row) <= hi):
            return
        column = next(c for c, x in enumerate(row) if not lo <= x <= hi)
        raise OverflowInGraph(
            f"node {self.node!r} ({self.kind}): {what}{where}{column}] is {row[column]} "
            f"at step {step}, outside {lo}..{hi}; lower its scale or its inputs"
        )

    def table(self, table: Table, bits: int, what: str, step: int) -> Table:
        """``within`` for every row of a table that is not all zero."""
        return [
            self.within(row, bits, what, step, f"[{i}, ") if any(row) else row
            for i, row in enumerate(table)
        ]
