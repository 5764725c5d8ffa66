"""The integer operations docs/fixed_point.md writes its rules in, on plain Python integers."""

from __future__ import annotations

Row = list[int]
Table = list[Row]
"""A value of the graph: rows of integers. A vector of shape (R,) is a table with one row."""


def rshift(x: int, shift: int) -> int:
    """Right shift that rounds half up; ``shift`` 0 leaves x (docs/fixed_point.md, opening)."""
    return x if shift == 0 else (x + (1 << (shift - 1))) >> shift


def clip(x: int, lo: int, hi: int) -> int:
    """Bound x to lo … hi, both included."""
    return lo if x < lo else hi if x > hi else x


def decay(x: int, m: int) -> int:
    """``T0(x, m)`` of docs/fixed_point.md §6: (4096 − m)/4096 of x, truncated toward zero."""
    size = (abs(x) * (4096 - m)) >> 12
    return -size if x < 0 else size


def wrap(x: int, bits: int) -> int:
    """What a two's complement register of ``bits`` bits holds of x (docs/fixed_point.md §9)."""
    half = 1 << (bits - 1)
    return (x + half) % (2 * half) - half


def nonzero(table: Table) -> int:
    """Number of entries that are not zero."""
    return sum(len(row) - row.count(0) for row in table)


def zeros(rows: int, columns: int) -> Table:
    """A table of zeros; its rows are separate lists."""
    return [[0] * columns for _ in range(rows)]


def payload_bits(table: Table, *, spikes: bool) -> int:
    """Bits of all non-zero entries: 1 for a spike, else the shortest two's complement number."""
    sent = [x for row in table for x in row if x != 0]
    return len(sent) if spikes else sum(max(x, ~x).bit_length() + 1 for x in sent)
