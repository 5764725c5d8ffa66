"""Incremental linear attention over a chunk of frames (docs/fixed_point.md §5)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import part
from sims.fast.tokens.encode import add_flat, gate_row, open_tokens, payload
from sims.fast.tokens.move import nonzero
from sims.fast.tokens.tables import BITS, MESSAGES, SYNAPSES, Pools, Scratch, Values

INT = np.int32
Words = npt.NDArray[np.int32]
IntArray = npt.NDArray[np.int64]


@part
def add_outer(state: Words, left: Words, right: Words, head_dim: int) -> None:
    """``S_h[a,b] += left[h,a]·right[h,b]``; state is flat (H·d·d,), the rows (H·d,)."""
    for k in range(left.shape[0]):
        size = left[k]
        if size == 0:
            continue
        line = state[k * head_dim : (k + 1) * head_dim]
        first = k // head_dim * head_dim
        other = right[first : first + head_dim]
        for b in range(head_dim):
            line[b] = INT(line[b] + INT(size * other[b]))


@part
def learn(op: Any, values: Values, pools: Pools, f: int) -> int:
    """Steps 1 and 3 for one frame: k, v, S and A; how many tokens changed.

    New products less old ones are Δk·v with the new v, and k·Δv with the old k.
    """
    n, size = op.channels, op.tokens * op.channels
    keys, readings = values[op.source[1]], values[op.source[2]]
    i, i_end = pools.starts[op.source[1], f], pools.starts[op.source[1], f + 1]
    j, j_end = pools.starts[op.source[2], f], pools.starts[op.source[2], f + 1]
    square = pools.state[op.state + 3 * size : op.state + 3 * size + n * op.head_dim]
    changed = 0
    while i < i_end or j < j_end:
        key = pools.tokens[keys.tokens + i] if i < i_end else op.tokens
        reading = pools.tokens[readings.tokens + j] if j < j_end else op.tokens
        token = min(key, reading)
        at = op.state + size + token * n
        k, v = pools.state[at : at + n], pools.state[at + size : at + size + n]
        if reading == token:
            row = pools.rows[readings.at + j * n : readings.at + (j + 1) * n]
            add_outer(square, k, row, op.head_dim)
            add_flat(v, row)
            j += 1
        if key == token:
            row = pools.rows[keys.at + i * n : keys.at + (i + 1) * n]
            add_outer(square, row, v, op.head_dim)
            add_flat(k, row)
            i += 1
        changed += 1
    return changed


@part
def rescale(op: Any, pools: Pools) -> None:
    """Step 3: A = clip(rshift(S))."""
    n = op.channels * op.head_dim
    at = op.state + 3 * op.tokens * op.channels
    half = (1 << op.shift) >> 1
    for i in range(at, at + n):
        scaled = (np.int64(pools.state[i]) + half) >> op.shift
        pools.state[i + n] = INT(min(max(scaled, -op.limit), op.limit))


@part
def hear(op: Any, values: Values, pools: Pools, f: int) -> None:
    """Step 2: the queries."""
    n, value = op.channels, values[op.source[0]]
    for j in range(pools.starts[op.source[0], f], pools.starts[op.source[0], f + 1]):
        at = op.state + pools.tokens[value.tokens + j] * n
        row = pools.rows[value.at + j * n : value.at + (j + 1) * n]
        add_flat(pools.state[at : at + n], row)


@part
def answer(op: Any, state: Words, token: int, row: Words) -> None:
    """Step 4 for one open token."""
    n, d = op.channels, op.head_dim
    q = state[op.state + token * n : op.state + (token + 1) * n]
    scaled_at = op.state + (3 * op.tokens + d) * n
    row[:] = 0
    for k in range(n):
        size = q[k]
        if size == 0:
            continue
        first = k // d * d
        line = state[scaled_at + k * d : scaled_at + (k + 1) * d]
        out = row[first : first + d]
        for b in range(d):
            out[b] = INT(out[b] + INT(size * line[b]))


@part
def attend(
    op: Any, values: Values, pools: Pools, scratch: Scratch, frames: int, counts: IntArray
) -> None:
    """An attention over the frames of a chunk; counts are (T, fields)."""
    n, value, made = op.channels, values[op.out], 0
    for f in range(frames):
        pools.starts[op.out, f] = made
        changed = learn(op, values, pools, f)
        if changed:
            rescale(op, pools)
        hear(op, values, pools, f)
        count = open_tokens(
            gate_row(op, pools.whole, f), op.gate_stride > 0, scratch.places[: op.tokens]
        )
        for k in range(count):
            token = scratch.places[k]
            row = pools.rows[value.at + made * n : value.at + (made + 1) * n]
            answer(op, pools.state, token, row)
            pools.tokens[value.tokens + made] = token
            made += 1
            counts[f, MESSAGES] += nonzero(row)
            counts[f, BITS] += payload(row, scratch.floats, scratch.bits)
        counts[f, SYNAPSES] = (2 * changed + count) * n * op.head_dim
    pools.starts[op.out, frames] = made
