"""Connections, delays and outputs over a chunk of frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import part
from sims.fast.spiking.events import clear_bits, nonzero, set_bits
from sims.fast.spiking.synapses import (
    NEAR,
    add_apart,
    add_graded_rows,
    add_rows,
    add_synapses,
    shift_left,
)
from sims.fast.spiking.tables import (
    CONV,
    DENSE,
    REGROUP,
    SUM_POOL,
    SYNAPSES,
    WIDE,
    Links,
    Pools,
)
from sims.fast.spiking.windows import convolve, pool, regroup

INT = np.int32
IntArray = npt.NDArray[np.int64]
Words = npt.NDArray[np.int32]


@part
def events(link: Any, width: int, f: int, pools: Pools, scratch: Words) -> int:
    """Positions (in row 0 of ``scratch``) and values (in row 1) of what is not zero in a frame."""
    at = link.at + f * link.stride
    if link.pool == WIDE:
        return nonzero(pools.wide[at : at + width], width, scratch[0], scratch[1])
    bits, packs = pools.bits[at : at + link.stride], pools.packs[at // 8 : (at + link.stride) // 8]
    return set_bits(bits, packs, scratch[0])


@part
def times_dense(
    op: Any, link: Any, f: int, pools: Pools, out: Words, count: int, scratch: Words
) -> None:
    """Dense: rows of weights for the events of a frame, or for the silent where those are fewer."""
    found, sizes = scratch[0], scratch[1]
    weight = pools.weight[op.weight : op.weight + op.c_in * op.c_out].reshape(op.c_in, op.c_out)
    if op.groups == 1 and link.pool != WIDE:
        if 2 * count > op.c_in:
            out[:] = pools.constants[op.constant : op.constant + op.c_out]
            at = link.at + f * link.stride
            silent = clear_bits(pools.bits[at : at + op.c_in], op.c_in, found)
            add_rows(out, weight, found[:silent], -1)
        else:
            out[:] = 0
            add_rows(out, weight, found[:count], 1)
        return
    out[:] = 0
    k = 0
    for g in range(op.groups):
        first = k
        while k < count and found[k] < (g + 1) * op.c_in:
            found[k] -= g * op.c_in
            k += 1
        if k > first:
            group = out[g * op.c_out : (g + 1) * op.c_out]
            if link.pool == WIDE:
                add_graded_rows(group, weight, found[first:k], sizes[first:k])
            else:
                add_rows(group, weight, found[first:k], 1)


@part
def reach(op: Any, pools: Pools, out: Words, found: Words, sizes: Words) -> int:
    """Conv, SumPool, Regroup and Skip: events to where they go; the synapses met."""
    grid = (op.grid_width, op.rows, op.columns)
    rule = (op.high, op.wide, op.step_down, op.step_across, op.above, op.beside)
    if op.kind == CONV:
        rows = op.high * op.wide * op.c_in
        weight = pools.weight[op.weight : op.weight + rows * op.c_out].reshape(rows, op.c_out)
        return convolve(out, weight, found, sizes, (op.c_in, op.c_out), grid, rule)
    if op.kind == SUM_POOL:
        return pool(out, found, sizes, op.c_in, grid, rule)
    if op.kind == REGROUP:
        slots = pools.constants[op.constant : op.constant + op.source_width // op.c_in]
        return regroup(out, slots, found, sizes, op.c_in)
    for k in range(found.shape[0]):
        out[found[k]] = sizes[k]
    return found.shape[0]


@part
def connect(
    op: Any, links: Links, pools: Pools, first: int, last: int, scratch: Words, counts: IntArray
) -> None:
    """What travels through a connection but a Sparse in some frames, and the operations it takes.

    Args:
        op: The connection.
        links: All links.
        pools: The arrays.
        first: First frame of the chunk.
        last: The last + 1.
        scratch: (4, widest value + 8).
        counts: (T, COUNTED), added to.
    """
    link = links[op.link]
    found, sizes = scratch[0], scratch[1]
    for f in range(first, last):
        count = events(link, op.source_width, f, pools, scratch)
        at = op.out + f * op.stride
        out = pools.wide[at : at + op.width]
        if op.kind == DENSE:
            counts[f, SYNAPSES] += count * op.c_out
            times_dense(op, link, f, pools, out, count, scratch)
            shift_left(out, op.exponent)
            continue
        out[:] = 0
        if link.pool != WIDE:
            sizes[:count] = 1
        counts[f, SYNAPSES] += reach(op, pools, out, found[:count], sizes[:count])
        shift_left(out, op.exponent)


@part
def wire(
    op: Any,
    links: Links,
    pools: Pools,
    span: tuple[int, int],
    ranges: tuple[int, int],
    scratch: Words,
    counts: IntArray,
) -> None:
    """Sparse: what reaches some ranges of its targets in some frames.

    Args:
        op: The connection.
        links: All links.
        pools: The arrays.
        span: First frame of the chunk, and the last + 1.
        ranges: First range, and the last + 1; see :func:`sims.fast.spiking.packing.packed`.
        scratch: (4, widest value + 8).
        counts: (T, COUNTED), added to.
    """
    link = links[op.link]
    found, sizes = scratch[0], scratch[1]
    words = pools.synapses[op.weight :]
    for f in range(span[0], span[1]):
        count = events(link, op.source_width, f, pools, scratch)
        graded = sizes[:count] if link.pool == WIDE else sizes[:0]
        at = op.out + f * op.stride
        for r in range(ranges[0], ranges[1]):
            begin, end = op.width * r // op.ranges, op.width * (r + 1) // op.ranges
            out = pools.wide[at + begin : at + end]
            out[:] = 0
            first = op.starts + r * (op.source_width + 1)
            starts = pools.starts[first : first + op.source_width + 1]
            if end - begin > NEAR and link.pool != WIDE:
                met = add_apart(
                    out, starts, words, found[:count], op.exponent, scratch[2], scratch[3]
                )
            else:
                met = add_synapses(out, starts, words, found[:count], graded, op.exponent)
            counts[f, SYNAPSES] += met


@part
def hold(op: Any, links: Links, pools: Pools, first: int, last: int) -> None:
    """Delay: what came in some frames before, for each value its own number of them."""
    link = links[op.link]
    steps = pools.constants[op.constant : op.constant + op.width]
    for f in range(first, last):
        here, there = op.out + f * op.stride, link.at + f * link.stride
        for i in range(op.width):
            if link.pool == WIDE:
                pools.wide[here + i] = pools.wide[there - steps[i] * link.stride + i]
            else:
                pools.bits[here + i] = pools.bits[there - steps[i] * link.stride + i]


@part
def total(op: Any, links: Links, pools: Pools, first: int, last: int, counts: IntArray) -> None:
    """Output: the row of a frame is that of the frame before and what arrived."""
    link = links[op.link]
    for f in range(first, last):
        here, there = op.out + f * op.stride, link.at + f * link.stride
        for i in range(op.width):
            x = pools.wide[there + i] if link.pool == WIDE else np.int32(pools.bits[there + i])
            pools.totals[here + i] = pools.totals[here - op.stride + i] + x
            counts[f, SYNAPSES] += np.int64(x != 0)
