"""Dense and Conv over a chunk of frames (docs/fixed_point.md §4).

Rows are gathered in blocks that stay in the cache, and a block meets the weights in one product of
single precision. A product is exact while every sum of magnitudes stays below 2^24. Where values
are larger, they are cut into parts of fewer bits, each part's product is exact, and the parts are
added as integers: what leaves 32 bits on the way comes back, since the bounds of the graph prove
that the sum fits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import part
from sims.fast.tokens.move import nonzero
from sims.fast.tokens.tables import SYNAPSES, Pools, Scratch, Values

INT = np.int32
SINGLE_EXACT = 1 << 24
LEFT_ITEMS = 1 << 16
"""Numbers gathered at a time: a quarter of a MiB, so that they stay in the L2 cache."""
SMALL_GROUP = 16
"""Channels of a group that is multiplied without looking whether it says anything."""
Words = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@part
def parts_of(rows: Words, row_sum: int) -> tuple[int, int]:
    """How many parts values must be cut into, and the bits of all but the last."""
    least, most = INT(0), INT(0)
    for i in range(rows.shape[0]):
        least, most = min(least, rows[i]), max(most, rows[i])
    peak = max(np.int64(most), -np.int64(least))
    bits = 0
    while (row_sum << (bits + 1)) < SINGLE_EXACT and bits < 23:
        bits += 1
    if peak * max(row_sum, 1) < SINGLE_EXACT:
        return 1, bits
    count = 2
    while ((peak >> (bits * (count - 1))) + 1) * row_sum >= SINGLE_EXACT:
        count += 1
    return count, bits


@part
def take(given: Words, at: int, out: Floats, to: int, n: int, shift: Any, mask: Any) -> None:
    """One part of n entries; unsigned, there is nothing to wrap around."""
    first, place = np.uint64(at), np.uint64(to)
    if shift == INT(0) and mask == INT(-1):
        for c in range(np.uint64(n)):
            out[place + c] = np.float32(given[first + c])
        return
    for c in range(np.uint64(n)):
        value = INT(given[first + c] >> INT(shift & INT(31)))
        out[place + c] = np.float32(INT(value & mask))


@part
def put(made: Floats, row: Words, shift: int, more: bool) -> None:
    """``made << shift`` into a row, or added to it."""
    places = INT(shift & 31)
    if more:
        for c in range(row.shape[0]):
            row[c] = INT(row[c] + INT(INT(made[c]) << places))
    else:
        for c in range(row.shape[0]):
            row[c] = INT(INT(made[c]) << places)


@part
def multiply(op: Any, pools: Pools, scratch: Scratch, n: int) -> None:
    """``right = left · W`` for n gathered rows."""
    left = scratch.left[: n * op.terms].reshape((n, op.terms))
    right = scratch.right[: n * op.c_out].reshape((n, op.c_out))
    weight = pools.weight[op.weight : op.weight + op.terms * op.c_out]
    np.dot(left, weight.reshape((op.terms, op.c_out)), right)


@part
def cut(k: int, cuts: tuple[int, int]) -> tuple[Any, Any]:
    """Shift and mask of part k."""
    count, bits = cuts
    last = k == count - 1
    return INT(k * bits), INT(-1) if last else INT((1 << bits) - 1)


@part
def dense(
    op: Any, values: Values, pools: Pools, scratch: Scratch, frames: int, counts: IntArray
) -> None:
    """A Dense over the frames of a chunk; groups of zeros meet no weights."""
    source, out = values[op.source[0]], values[op.out]
    wide = op.groups * op.c_in
    for f in range(frames):
        first, last = pools.starts[op.source[0], f], pools.starts[op.source[0], f + 1]
        pools.starts[op.out, f] = first
        for j in range(first, last):
            pools.tokens[out.tokens + j] = pools.tokens[source.tokens + j]
        given = pools.rows[source.at + first * wide : source.at + last * wide]
        counts[f, SYNAPSES] = nonzero(given) * op.c_out
    rows = pools.starts[op.source[0], frames]
    pools.starts[op.out, frames] = rows
    given = pools.rows[source.at : source.at + rows * wide]
    made = pools.rows[out.at : out.at + rows * op.groups * op.c_out]
    cuts = parts_of(given, op.row_sum)
    block, groups = max(1, LEFT_ITEMS // max(op.c_in, op.c_out)), rows * op.groups
    for begin in range(0, groups, block):
        dense_block(op, pools, scratch, given, made, (begin, min(begin + block, groups)), cuts)


@part
def speaking(op: Any, given: Words, made: Words, span: tuple[int, int], places: Words) -> int:
    """List the groups that hold a message, and blank what the others send; how many there are."""
    c_in, c_out, count = op.c_in, op.c_out, 0
    for g in range(span[0], span[1]):
        # Where groups are small, to look costs more than to multiply.
        if op.groups > 1 and c_in > SMALL_GROUP and nonzero(given[g * c_in : (g + 1) * c_in]) == 0:
            made[g * c_out : (g + 1) * c_out] = 0
            continue
        places[count] = g
        count += 1
    return count


@part
def dense_block(
    op: Any, pools: Pools, scratch: Scratch, given: Words, made: Words, span: tuple[int, int],
    cuts: tuple[int, int],
) -> None:  # fmt: skip
    """Some groups of channels."""
    c_in, c_out, places = op.c_in, op.c_out, scratch.places
    count = speaking(op, given, made, span, places)
    if count == 0:
        return
    every = count == span[1] - span[0]
    for k in range(cuts[0]):
        shift, mask = cut(k, cuts)
        if every:
            take(given, span[0] * c_in, scratch.left, 0, count * c_in, shift, mask)
        else:
            for i in range(count):
                take(given, places[i] * c_in, scratch.left, i * c_in, c_in, shift, mask)
        multiply(op, pools, scratch, count)
        if every:
            rows = made[span[0] * c_out : span[1] * c_out]
            put(scratch.right[: count * c_out], rows, op.exponent + shift, k > 0)
            continue
        for i in range(count):
            product = scratch.right[i * c_out : (i + 1) * c_out]
            row = made[places[i] * c_out : (places[i] + 1) * c_out]
            put(product, row, op.exponent + shift, k > 0)


@part
def ends(at: int, window: int, step: int, count: int) -> tuple[int, int]:
    """First and last of ``count`` outputs along a side whose window covers a padded place."""
    # y' covers y where y'·stride <= y < y'·stride + kernel.
    return max(0, (at - window) // step + 1), min(count - 1, at // step)


@part
def reach(op: Any, positions: Words, reached: npt.NDArray[np.uint8], room: Words) -> None:
    """Mark the outputs whose kernel covers a position; there are no divisions by position."""
    width, j = op.width, 0
    for x in range(width):
        room[2 * x], room[2 * x + 1] = ends(x + op.beside, op.wide, op.across, op.columns)
    for y in range(op.height):
        top, bottom = ends(y + op.above, op.high, op.down, op.rows)
        begin, end = y * width, (y + 1) * width
        while j < positions.shape[0] and positions[j] < end:
            x = positions[j] - begin
            for row in range(top, bottom + 1):
                for column in range(room[2 * x], room[2 * x + 1] + 1):
                    reached[row * op.columns + column] = 1
            j += 1


@part
def window(
    op: Any, given: Words, marks: Words, corner: tuple[int, int], left: Floats, to: int,
    shift: Any, mask: Any,
) -> None:  # fmt: skip
    """What a kernel with that corner covers, zeros where no message is."""
    top, side = corner
    b, b_end = max(0, -side), min(op.wide, op.width - side)
    line, n, height = op.wide * op.c_in, op.c_in, op.height
    for a in range(op.high):
        y, out = top + a, to + a * line
        if y < 0 or y >= height or b >= b_end:
            blank(left, out, line)
            continue
        at = y * op.width + side
        row, last = marks[at + b] - 1, marks[at + b_end - 1] - 1
        if row >= 0 and last - row == b_end - 1 - b:  # neighbours all, so their rows are too
            blank(left, out, b * n)
            blank(left, out + b_end * n, line - b_end * n)
            take(given, row * n, left, out + b * n, (b_end - b) * n, shift, mask)
            continue
        blank(left, out, line)
        for k in range(b, b_end):
            row = marks[at + k] - 1
            if row >= 0:
                take(given, row * n, left, out + k * n, n, shift, mask)


@part
def blank(out: Floats, to: int, n: int) -> None:
    """Zeros, n of them."""
    place = np.uint64(to)
    for c in range(np.uint64(n)):
        out[place + c] = np.float32(0)


@part
def mark(
    op: Any, positions: Words, marks: Words, reached: npt.NDArray[np.uint8], room: Words,
    places: Words,
) -> int:  # fmt: skip
    """Name rows by position, and list the outputs that they reach; how many those are."""
    for j in range(positions.shape[0]):
        marks[positions[j]] = j + 1
    reach(op, positions, reached, room)
    count = 0
    for place in range(op.rows * op.columns):
        if reached[place]:
            reached[place] = 0
            places[count] = place
            count += 1
    return count


@part
def meet(op: Any, positions: Words, given: Words, over: IntArray) -> int:
    """Windows over every message."""
    n, met = op.c_in, 0
    for j in range(positions.shape[0]):
        count = 0
        for c in range(j * n, (j + 1) * n):
            count += given[c] != 0
        met += count * over[positions[j]]
    return met


@part
def convolve(
    op: Any, values: Values, pools: Pools, scratch: Scratch, frames: int, counts: IntArray
) -> None:
    """A Conv over the frames of a chunk."""
    source, out, made = values[op.source[0]], values[op.out], 0
    for f in range(frames):
        pools.starts[op.out, f] = made
        first, last = pools.starts[op.source[0], f], pools.starts[op.source[0], f + 1]
        positions = pools.tokens[source.tokens + first : source.tokens + last]
        given = pools.rows[source.at + first * op.c_in : source.at + last * op.c_in]
        over = pools.numbers[op.number : op.number + op.height * op.width]
        counts[f, SYNAPSES] = meet(op, positions, given, over) * op.c_out
        begin = made
        made += mark(
            op, positions, scratch.marks, scratch.reached, scratch.rows,
            pools.tokens[out.tokens + made :],
        )  # fmt: skip
        cuts = parts_of(given, op.row_sum)
        block = max(1, LEFT_ITEMS // max(op.terms, op.c_out))
        for at in range(begin, made, block):
            conv_block(op, out, pools, scratch, given, (at, min(at + block, made)), cuts)
        for j in range(positions.shape[0]):
            scratch.marks[positions[j]] = 0
    pools.starts[op.out, frames] = made


@part
def conv_block(
    op: Any, out: Any, pools: Pools, scratch: Scratch, given: Words, span: tuple[int, int],
    cuts: tuple[int, int],
) -> None:  # fmt: skip
    """Some outputs that messages reach."""
    first, last = span
    n, c_out = last - first, op.c_out
    for k in range(cuts[0]):
        shift, mask = cut(k, cuts)
        row = pools.tokens[out.tokens + first] // op.columns
        for i in range(n):
            output = pools.tokens[out.tokens + first + i]
            while output >= (row + 1) * op.columns:
                row += 1
            column = output - row * op.columns
            corner = (row * op.down - op.above, column * op.across - op.beside)
            window(op, given, scratch.marks, corner, scratch.left, i * op.terms, shift, mask)
        multiply(op, pools, scratch, n)
        rows = pools.rows[out.at + first * c_out : out.at + last * c_out]
        put(scratch.right[: n * c_out], rows, op.exponent + shift, k > 0)
