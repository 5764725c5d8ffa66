"""Compiled inner loops. Arrays are int64 and C-contiguous unless said otherwise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import compiled, part

IntArray = npt.NDArray[np.int64]


@part
def row_bits(row: IntArray, peak: int) -> int:
    """As :func:`payload_bits` for one row, none of whose entries is larger than ``peak``.

    Digit by digit over the row, so that the compiler does several entries at once.
    """
    bits = 0
    for c in range(row.shape[0]):
        bits += row[c] != 0
    place = 0
    while peak >> place != 0:
        for c in range(row.shape[0]):
            rest = row[c] ^ (row[c] >> 63)
            bits += (rest >> place) != 0
        place += 1
    return bits


@part
def row_peak(row: IntArray) -> int:
    """Largest magnitude."""
    peak = 0
    for c in range(row.shape[0]):
        peak = max(peak, abs(row[c]))
    return peak


@compiled
def payload_bits(values: IntArray) -> int:
    """Sum over the non-zero entries of (n, C), each as the shortest two's complement number."""
    bits = 0
    for i in range(values.shape[0]):
        bits += row_bits(values[i], row_peak(values[i]))
    return bits


@compiled
def add_rows(
    total: IntArray, tokens: IntArray, values: IntArray, touched: npt.NDArray[np.bool_]
) -> None:
    """``total[tokens] += values`` (tokens unique), and mark these tokens as touched (N,)."""
    for j in range(tokens.shape[0]):
        i = tokens[j]
        touched[i] = True
        for c in range(values.shape[1]):
            total[i, c] += values[j, c]


@compiled
def first_outside(total: IntArray, tokens: IntArray, low: int, high: int) -> int:
    """Flat index into ``total`` of the first entry of these tokens outside [low, high], or −1."""
    for j in range(tokens.shape[0]):
        i = tokens[j]
        for c in range(total.shape[1]):
            if total[i, c] < low or total[i, c] > high:
                return int(i * total.shape[1] + c)
    return -1


@compiled
def encode(
    source: IntArray,
    source_rows: IntArray,
    tokens: IntArray,
    bias: IntArray,
    rule: tuple[int, int, int, int],
    sent: IntArray,
    out: IntArray,
    out_tokens: IntArray,
) -> tuple[int, int, int, int]:
    """The rule of docs/fixed_point.md §3 for open tokens.

    Args:
        source: The encoder's input or its sigma (M, C).
        source_rows: Row of ``source`` for each token (n,); −1 reads zeros.
        tokens: The open tokens (n,).
        bias: (1, C) or (N, C).
        rule: shift, lo, hi, threshold.
        sent: State (N, C), updated in place.
        out: Receives the rows with a message (≥ n, C).
        out_tokens: Receives their tokens (≥ n,).

    Returns:
        Number of rows with a message, number of messages, bits of their payloads, and the largest
        magnitude of one.
    """
    shift, lo, hi, threshold = rule
    half = (1 << shift) >> 1
    shared = bias.shape[0] == 1
    rows, messages, bits, peak = 0, 0, 0, 0
    for j in range(tokens.shape[0]):
        i, s = tokens[j], source_rows[j]
        b = 0 if shared else i
        before = messages
        for c in range(sent.shape[1]):
            x = bias[b, c] if s < 0 else source[s, c] + bias[b, c]
            act = min(max((x + half) >> shift, lo), hi)
            delta = act - sent[i, c]
            if delta != 0 and abs(delta) >= threshold:
                out[rows, c] = delta
                sent[i, c] = act
                messages += 1
            else:
                out[rows, c] = 0
        if messages > before:
            high = row_peak(out[rows])
            peak = max(peak, high)
            bits += row_bits(out[rows], high)
            out_tokens[rows] = i
            rows += 1
    return rows, messages, bits, peak
