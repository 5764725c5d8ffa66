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
def encode_flat(source: Words, bias: Words, sent: Words, out: Words, rule: tuple[Any, ...]) -> Any:
    """The rule for channels that lie behind each other; how many messages they send."""
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
def add_flat(total: Words, arrived: Words) -> None:
    """``total += arrived``."""
    for c in range(total.shape[0]):
        total[c] = INT(total[c] + arrived[c])


@part
def add_rows(
    sigma: Words, flags: npt.NDArray[np.uint8], tokens: Words, rows: Words, channels: int
) -> None:
    """Add rows to those of their tokens, neighbours at a time, and mark the tokens."""
    j, n = 0, tokens.shape[0]
    while j < n:
        first, begin = tokens[j], j
        while j < n and tokens[j] - first == j - begin:
            flags[tokens[j]] = 1
            j += 1
        at, size = first * channels, (j - begin) * channels
        add_flat(sigma[at : at + size], rows[begin * channels : begin * channels + size])


@part
def open_tokens(gate: IntArray, gated: bool, opened: Words) -> int:
    """The numbers of the open tokens; how many they are."""
    count = 0
    for token in range(gate.shape[0] if gated else opened.shape[0]):
        if not gated or gate[token] == 1:
            opened[count] = token
            count += 1
    return count


@part
def gate_row(op: Any, whole: IntArray, f: int) -> IntArray:
    """The row of a mask that a node reads in a frame, empty without a gate."""
    if op.gate_stride == 0:
        return whole[:0]
    at = op.gate + f * op.gate_stride
    return whole[at : at + op.tokens]


@part
def waiting(opened: Words, flags: npt.NDArray[np.uint8]) -> int:
    """Keep the open tokens whose sigma changed, and unmark them; how many they are."""
    count = 0
    for k in range(opened.shape[0]):
        token = opened[k]
        if flags[token]:
            flags[token] = 0
            opened[count] = token
            count += 1
    return count


@part
def rows_of(opened: Words, tokens: Words, rows: Words) -> None:
    """Number of the row of each open token, −1 where it has none."""
    j = 0
    for k in range(opened.shape[0]):
        while j < tokens.shape[0] and tokens[j] < opened[k]:
            j += 1
        rows[k] = j if j < tokens.shape[0] and tokens[j] == opened[k] else -1


@part
def close_up(out: Words, channels: int, first: int, n: int, tokens: Words) -> int:
    """Drop the rows of zeros of some neighbours, in place, and name the others."""
    kept = 0
    for k in range(n):
        at, some = k * channels, False
        for c in range(channels):
            if out[at + c] != 0:
                some = True
                break
        if some:
            if kept < k:
                for c in range(channels):
                    out[kept * channels + c] = out[at + c]
            tokens[kept] = first + k
            kept += 1
    return kept


@part
def send(
    op: Any, tokens: Words, rows: Words, source: Words, zeros: Words, biases: Words, sent: Words,
    out: Words, out_tokens: Words, floats: Floats, words: Words, count: IntArray,
) -> int:  # fmt: skip
    """Evaluate some open tokens, neighbours at a time; how many send something."""
    rule = (
        INT(op.shift), INT((1 << op.shift) >> 1), INT(op.lo), INT(op.hi), INT(op.threshold)
    )  # fmt: skip
    channels, made, k = op.channels, 0, 0
    while k < tokens.shape[0]:
        token, row, n = tokens[k], rows[k], 1
        while (
            row >= 0 and n < op.block and k + n < tokens.shape[0]
            and tokens[k + n] == token + n and rows[k + n] == row + n
        ):  # fmt: skip
            n += 1
        k += n
        size, at = n * channels, token * channels
        given = source[row * channels : row * channels + size] if row >= 0 else zeros[:size]
        bias_at = 0 if op.shared else at
        block = out[made * channels : made * channels + size]
        messages = encode_flat(
            given, biases[bias_at : bias_at + size], sent[at : at + size], block, rule
        )
        if messages:
            count[MESSAGES] += messages
            count[BITS] += payload(block, floats, words)
            made += close_up(block, channels, token, n, out_tokens[made : made + n])
    return made


@part
def encode(
    op: Any, values: Values, pools: Pools, scratch: Scratch, frames: int, counts: IntArray
) -> None:
    """An encoder over the frames of a chunk; counts are (T, fields)."""
    size, n, made = op.tokens * op.channels, op.channels, 0
    sums = op.kind == SIGMA_DELTA
    sent_at = op.state + (size if sums else 0)
    sent = pools.state[sent_at : sent_at + size]
    sigma = pools.state[op.state : op.state + size]
    flags = pools.flags[op.flag : op.flag + op.tokens] if sums else pools.flags[:0]
    biases = pools.constants[op.constant :]
    opened, rows = scratch.places[: op.tokens], scratch.rows[: op.tokens]
    if not sums:
        scratch.words[: n * op.block] = 0
    for f in range(frames):
        pools.starts[op.out, f] = made
        source, out = values[op.source[0]], values[op.out]
        for s in range(op.sources if sums else 0):
            value = values[op.source[s]]
            first, last = pools.starts[op.source[s], f], pools.starts[op.source[s], f + 1]
            tokens = pools.tokens[value.tokens + first : value.tokens + last]
            add_rows(sigma, flags, tokens, pools.rows[value.at + first * n :], n)
        count = open_tokens(gate_row(op, pools.whole, f), op.gate_stride > 0, opened)
        counts[f, ACTIVE], counts[f, IDLE] = count * n, size - count * n
        given = sigma
        if sums:
            count = waiting(opened[:count], flags)
            for k in range(count):
                rows[k] = opened[k]
        else:
            first, last = pools.starts[op.source[0], f], pools.starts[op.source[0], f + 1]
            tokens = pools.tokens[source.tokens + first : source.tokens + last]
            rows_of(opened[:count], tokens, rows)
            given = pools.rows[source.at + first * n :]
        made += send(
            op, opened[:count], rows[:count], given, scratch.words, biases, sent,
            pools.rows[out.at + made * n :], pools.tokens[out.tokens + made :],
            scratch.floats, scratch.bits, counts[f],
        )  # fmt: skip
    pools.starts[op.out, frames] = made
