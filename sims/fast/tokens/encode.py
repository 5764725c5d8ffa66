"""Delta and SigmaDelta over a chunk of frames (docs/fixed_point.md §3).

Every cast stands where a 64-bit intermediate would keep the loops from being vectorised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import part
from sims.fast.tokens.tables import (
    ACTIVE,
    BITS,
    IDLE,
    MESSAGES,
    SIGMA_DELTA,
    Pools,
    Scratch,
    Values,
)

INT = np.int32
Words = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@part
def payload(row: Words, floats: Floats, words: Words) -> int:
    """Bits of the non-zero entries, each as the shortest two's complement number.

    The exponent of a float is the place of the highest bit; what stands behind that bit is cleared
    first, so that nothing rounds up. ``words`` is the memory of ``floats``.
    """
    n, bits = row.shape[0], INT(0)
    for c in range(n):
        rest = INT(row[c] ^ INT(row[c] >> INT(31)))
        floats[c] = np.float32(INT(rest & INT(~INT(rest >> INT(1)))))
        bits = INT(bits + INT(row[c] != INT(0)))
    for c in range(n):
        bits = INT(bits + max(INT(INT(words[c] >> INT(23)) - INT(126)), INT(0)))
    return int(bits)


@part
def encode_row(source: Words, bias: Words, sent: Words, out: Words, rule: tuple[Any, ...]) -> Any:
    """The rule for one row; how many messages it sends."""
    shift, half, lo, hi, threshold = rule
    shift = INT(shift & INT(31))
    count = INT(0)
    for c in range(out.shape[0]):
        x = INT(INT(INT(source[c] + bias[c]) + half) >> shift)
        delta = INT(min(max(x, lo), hi) - sent[c])
        loud = (delta >= threshold) | (delta <= INT(-threshold))
        delta = delta if loud else INT(0)
        out[c] = delta
        sent[c] = INT(sent[c] + delta)
        count = INT(count + INT(delta != INT(0)))
    return count


@part
def is_open(op: Any, pools: Pools, f: int, token: int) -> bool:
    """Whether a gate opens a token in a frame of the chunk."""
    return bool(op.gate_stride == 0 or pools.whole[op.gate + f * op.gate_stride + token] == 1)


@part
def add_up(op: Any, values: Values, pools: Pools, f: int) -> None:
    """Add what arrives to sigma, and mark the tokens."""
    channels = op.channels
    for s in range(op.sources):
        value = values[op.source[s]]
        for j in range(pools.starts[op.source[s], f], pools.starts[op.source[s], f + 1]):
            token = pools.tokens[value.tokens + j]
            at = op.state + token * channels
            sigma = pools.state[at : at + channels]
            row = pools.rows[value.at + j * channels : value.at + (j + 1) * channels]
            for c in range(channels):
                sigma[c] = INT(sigma[c] + row[c])
            pools.flags[op.flag + token] = 1


@part
def encode(
    op: Any, values: Values, pools: Pools, scratch: Scratch, frames: int, counts: IntArray
) -> None:
    """An encoder over the frames of a chunk; counts are (T, fields)."""
    size = op.tokens * op.channels
    sums = op.kind == SIGMA_DELTA
    sent_at = op.state + (size if sums else 0)
    rule = (
        INT(op.shift), INT((1 << op.shift) >> 1), INT(op.lo), INT(op.hi), INT(op.threshold)
    )  # fmt: skip
    out = values[op.out]
    made = 0
    if not sums:
        scratch.words[: op.channels] = 0
    for f in range(frames):
        pools.starts[op.out, f] = made
        opened, next_row = 0, 0
        if sums:
            add_up(op, values, pools, f)
        else:
            next_row = pools.starts[op.source[0], f]
        for token in range(op.tokens):
            row_at = -1
            if not sums:
                value = values[op.source[0]]
                last = pools.starts[op.source[0], f + 1]
                while next_row < last and pools.tokens[value.tokens + next_row] < token:
                    next_row += 1
                if next_row < last and pools.tokens[value.tokens + next_row] == token:
                    row_at = value.at + next_row * op.channels
            if not is_open(op, pools, f, token):
                continue
            opened += 1
            if sums:
                if pools.flags[op.flag + token] == 0:
                    continue
                pools.flags[op.flag + token] = 0
            made += encode_token(
                op, pools, scratch, token, row_at, sent_at, rule, out, made, counts[f]
            )
        counts[f, ACTIVE] = opened * op.channels
        counts[f, IDLE] = size - opened * op.channels
    pools.starts[op.out, frames] = made


@part
def encode_token(
    op: Any, pools: Pools, scratch: Scratch, token: int, row_at: int, sent_at: int,
    rule: tuple[Any, ...], out: Any, made: int, count: IntArray,
) -> int:  # fmt: skip
    """One open token; 1 if it sends anything."""
    channels = op.channels
    at = token * channels
    if op.kind == SIGMA_DELTA:
        source = pools.state[op.state + at : op.state + at + channels]
    elif row_at < 0:
        source = scratch.words[:channels]
    else:
        source = pools.rows[row_at : row_at + channels]
    bias_at = op.constant + (0 if op.shared else at)
    bias = pools.constants[bias_at : bias_at + channels]
    sent = pools.state[sent_at + at : sent_at + at + channels]
    row = pools.rows[out.at + made * channels : out.at + (made + 1) * channels]
    messages = encode_row(source, bias, sent, row, rule)
    if messages == 0:
        return 0
    count[MESSAGES] += messages
    count[BITS] += payload(row, scratch.floats, scratch.bits)
    pools.tokens[out.tokens + made] = token
    return 1
