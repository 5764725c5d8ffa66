"""Skip, Regroup and Output over a chunk of frames (docs/fixed_point.md §4, §8)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import part
from sims.fast.tokens.tables import MACS, SYNAPSES, Pools, Scratch, Values

INT = np.int32
Words = npt.NDArray[np.int32]
IntArray = npt.NDArray[np.int64]


@part
def nonzero(row: Words) -> int:
    """Number of non-zero entries."""
    count = INT(0)
    for c in range(row.shape[0]):
        count = INT(count + INT(row[c] != INT(0)))
    return int(count)


@part
def skip(op: Any, values: Values, pools: Pools, frames: int, counts: IntArray) -> None:
    """Every row, shifted."""
    source, out = values[op.source[0]], values[op.out]
    exponent = INT(op.exponent & 31)
    for f in range(frames):
        first, last = pools.starts[op.source[0], f], pools.starts[op.source[0], f + 1]
        pools.starts[op.out, f] = first
        for j in range(first, last):
            pools.tokens[out.tokens + j] = pools.tokens[source.tokens + j]
        given = pools.rows[source.at + first * op.channels : source.at + last * op.channels]
        made = pools.rows[out.at + first * op.channels : out.at + last * op.channels]
        for i in range(given.shape[0]):
            made[i] = INT(given[i] << exponent)
        counts[f, SYNAPSES] = nonzero(given)
    pools.starts[op.out, frames] = pools.starts[op.source[0], frames]


@part
def regroup(
    op: Any, values: Values, pools: Pools, scratch: Scratch, frames: int, counts: IntArray
) -> None:
    """Every row into its place in the row of the token that takes it."""
    source, out = values[op.source[0]], values[op.out]
    narrow, made, exponent = op.c_in, 0, INT(op.exponent & 31)
    places = op.channels // narrow
    for f in range(frames):
        pools.starts[op.out, f] = made
        first, last = pools.starts[op.source[0], f], pools.starts[op.source[0], f + 1]
        for j in range(first, last):
            slot = pools.constants[op.constant + pools.tokens[source.tokens + j]]
            if slot >= 0:
                scratch.marks[slot // places] = 1
        for token in range(op.tokens):
            if scratch.marks[token]:
                scratch.marks[token] = 0
                scratch.places[token] = made
                pools.tokens[out.tokens + made] = token
                pools.rows[out.at + made * op.channels : out.at + (made + 1) * op.channels] = 0
                made += 1
        for j in range(first, last):
            slot = pools.constants[op.constant + pools.tokens[source.tokens + j]]
            if slot < 0:
                continue
            row = pools.rows[source.at + j * narrow : source.at + (j + 1) * narrow]
            at = out.at + scratch.places[slot // places] * op.channels + slot % places * narrow
            place = pools.rows[at : at + narrow]
            for c in range(narrow):
                place[c] = INT(row[c] << exponent)
            counts[f, SYNAPSES] += nonzero(row)
    pools.starts[op.out, frames] = made


@part
def total(op: Any, values: Values, pools: Pools, frames: int, counts: IntArray) -> None:
    """An Output adds up, and shows its sums where somebody looks."""
    source, n = values[op.source[0]], op.channels
    size = op.tokens * n
    sums = pools.totals[op.total : op.total + size]
    for f in range(frames):
        for j in range(pools.starts[op.source[0], f], pools.starts[op.source[0], f + 1]):
            at = pools.tokens[source.tokens + j] * n
            row = pools.rows[source.at + j * n : source.at + (j + 1) * n]
            for c in range(n):
                sums[at + c] += row[c]
            counts[f, MACS] += nonzero(row)
        if op.shown_stride:
            at = op.shown + f * op.shown_stride
            shown = pools.whole[at : at + size]
            for token in range(op.tokens):
                for c in range(n):
                    bias = pools.numbers[op.number + c]
                    shown[token * n + c] = sums[token * n + c] + bias
