"""Dense and Sparse: rows of weights added for each event (docs/fixed_point.md §4).

Weights lie source by source, so that an event reads one run of memory. The sums are int32, which
the bounds of the graph prove to be enough.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import part
from sims.fast.spiking.machine import fetch_ahead

INT = np.int32
HALF_INT = np.int16
AHEAD = 8
"""How many sources ahead synapses are asked for."""
FETCHED = 256
"""Synapses of a source that are asked for; beyond them, the processor sees the pattern itself."""
NEAR = 2**18
"""Sums that stay in the L2 while synapses are added to them anywhere."""
FEW_TARGETS = 2**17
"""Targets that share lanes."""
LANE_SHIFT = np.uint32(8 + 17)
"""What of a word is below the number of its lanes."""
LANE, APART = 2**14, 80
"""Words of a lane, and what keeps lanes from lying in the same lines of the cache."""
Words = npt.NDArray[np.int32]
Weights = npt.NDArray[np.int8]
IntArray = npt.NDArray[np.int64]


@part
def add_rows(total: Words, weight: Weights, sources: Words, sign: int) -> None:
    """``total ± Σ weight[source]`` for every source; eight rows fit 16 bits.

    Args:
        total: (C_out,), updated.
        weight: (C_in, C_out).
        sources: (n,).
        sign: 1 or −1.
    """
    n, k = sources.shape[0], 0
    one = INT(sign)
    while k + 8 <= n:
        a, b = weight[sources[k]], weight[sources[k + 1]]
        c, d = weight[sources[k + 2]], weight[sources[k + 3]]
        e, f = weight[sources[k + 4]], weight[sources[k + 5]]
        g, h = weight[sources[k + 6]], weight[sources[k + 7]]
        for j in range(total.shape[0]):
            s = HALF_INT(
                HALF_INT(a[j])
                + HALF_INT(b[j])
                + HALF_INT(c[j])
                + HALF_INT(d[j])
                + HALF_INT(e[j])
                + HALF_INT(f[j])
                + HALF_INT(g[j])
                + HALF_INT(h[j])
            )
            total[j] = INT(total[j] + INT(INT(s) * one))
        k += 8
    while k < n:
        a = weight[sources[k]]
        for j in range(total.shape[0]):
            total[j] = INT(total[j] + INT(INT(a[j]) * one))
        k += 1


@part
def add_graded_rows(total: Words, weight: Weights, sources: Words, sizes: Words) -> None:
    """``total += Σ size · weight[source]``; shapes as in :func:`add_rows`."""
    for k in range(sources.shape[0]):
        row, size = weight[sources[k]], sizes[k]
        for j in range(total.shape[0]):
            total[j] = INT(total[j] + INT(INT(row[j]) * size))


@part
def add_synapses(
    total: Words, starts: IntArray, words: Words, sources: Words, sizes: Words, exponent: int
) -> int:
    """Add the synapses of every source that lead to a range of targets, and say how many they were.

    Args:
        total: Sums of that range, updated.
        starts: First word of each source (R + 1,).
        words: Synapses; see :func:`sims.fast.spiking.packing.packed`.
        sources: (n,).
        sizes: (n,), or empty where every source sends 1.
        exponent: Left shift.
    """
    met, graded, n = 0, sizes.shape[0] > 0, sources.shape[0]
    for k in range(n):
        if k + AHEAD < n:
            begin, end = starts[sources[k + AHEAD]], starts[sources[k + AHEAD] + 1]
            fetch_ahead(words, begin, min(end, begin + FETCHED))
        first, last = starts[sources[k]], starts[sources[k] + 1]
        met += last - first
        size = INT(INT(sizes[k] if graded else INT(1)) << INT(exponent))
        for j in range(first, last):
            word = words[j]
            to = np.uint32(word) >> np.uint32(8)  # unsigned: nothing to wrap around
            total[to] = INT(total[to] + INT(INT(np.int8(word)) * size))
    return met


@part
def add_apart(
    total: Words,
    starts: IntArray,
    words: Words,
    sources: Words,
    exponent: int,
    room: Words,
    held: Words,
) -> int:
    """As :func:`add_synapses` where the sums do not fit the cache and every source sends 1.

    Words are put aside by where they lead, in lanes that are read one after the other, so that
    what is added to at a time does fit. Four lanes serve the same targets in turn: each waits for
    the count of its words, which is written just before.

    Args:
        total: Sums of that range, updated.
        starts: First word of each source (R + 1,).
        words: Synapses.
        sources: (n,).
        exponent: Left shift.
        room: Place for the lanes: :func:`lanes_for` times ``LANE + APART``.
        held: Words in each lane, as many as there are lanes.
    """
    met, n, lanes = 0, sources.shape[0], lanes_for(total.shape[0])
    held[:lanes] = 0
    for k in range(n):
        if k + AHEAD < n:
            begin, end = starts[sources[k + AHEAD]], starts[sources[k + AHEAD] + 1]
            fetch_ahead(words, begin, min(end, begin + FETCHED))
        first, last = starts[sources[k]], starts[sources[k] + 1]
        met += last - first
        for j in range(first, last):
            word = words[j]
            lane = ((np.uint32(word) >> LANE_SHIFT) << np.uint32(2)) | np.uint32(j & 3)
            at, count = np.uint64(lane) * np.uint64(LANE + APART), held[lane]
            room[at + np.uint64(count)] = word
            held[lane] = count + INT(1)
            if held[lane] == LANE:
                drain(total, room[np.int64(at) : np.int64(at) + LANE], exponent)
                held[lane] = 0
    for k in range(lanes):
        begin = k * (LANE + APART)
        drain(total, room[begin : begin + held[k]], exponent)
    return met


@part
def lanes_for(targets: int) -> int:
    """Lanes that so many targets take."""
    return ((targets + FEW_TARGETS - 1) // FEW_TARGETS) * 4


@part
def drain(total: Words, words: Words, exponent: int) -> None:
    """Add the synapses of a lane."""
    size = INT(INT(1) << INT(exponent))
    for j in range(words.shape[0]):
        to = np.uint32(words[j]) >> np.uint32(8)
        total[to] = INT(total[to] + INT(INT(np.int8(words[j])) * size))


@part
def shift_left(total: Words, exponent: int) -> None:
    """``total <<= exponent``."""
    if exponent:
        for j in range(total.shape[0]):
            total[j] = INT(total[j] << INT(exponent))
