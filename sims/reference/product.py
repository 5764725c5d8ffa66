"""Sums of products of plain integers, many at once.

One Python integer can hold a whole row of sums: field j, 64 bits wide, holds sum j, and adding or
multiplying the big integer does so in every field. As long as no sum leaves its field the result is
exact; where one might, ``plain_product`` is used.
"""

from __future__ import annotations

import struct
from itertools import compress
from operator import mul

from sims.reference.integers import Row, Table

FIELD_BITS = 64
HALF_FIELD = 1 << (FIELD_BITS - 1)


def plain_product(rows: Table, x: Row) -> Row:
    """``out[j] = Σ_c x[c]·rows[c][j]``, written as it is defined."""
    return [sum(map(mul, x, column)) for column in zip(*rows, strict=True)]


class Products:
    """A matrix, kept ready for ``out[j] = Σ_c x[c]·rows[c][j]``.

    Args:
        rows: The matrix, one row for each entry of x.
    """

    def __init__(self, rows: Table) -> None:
        self._rows = rows
        self._width = len(rows[0])
        self._packed = [_pack(row) for row in rows]
        self._offset = _pack([HALF_FIELD] * self._width)
        self._reach = max(sum(map(abs, column)) for column in zip(*rows, strict=True))
        self._layout = struct.Struct(f"<{self._width}Q")

    def times(self, x: Row) -> Row:
        """The row of sums for one x; exact for integers of any size."""
        if max(map(abs, x)) * self._reach >= HALF_FIELD:
            return plain_product(self._rows, x)
        total = sum(map(mul, compress(x, x), compress(self._packed, x)))
        # The offset lifts every signed sum to 0 … 2^64 − 1, so that no field borrows from the next.
        fields = (total + self._offset).to_bytes(self._layout.size, "little")
        return [field - HALF_FIELD for field in self._layout.unpack(fields)]


def _pack(row: Row) -> int:
    packed = 0
    for value in reversed(row):
        packed = (packed << FIELD_BITS) + value
    return packed
