"""Synapses as a program holds them: one word each, a range of targets after the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.sparse import Sparse
from depth_snn.compiled import compiled

IntArray = npt.NDArray[np.int64]
Words = npt.NDArray[np.int32]
RANGE = 2**22
"""Targets of a range at most; a word would hold four times as many."""
SHARED = 2**15
"""Targets of a range that a thread of its own pays for."""


def ranges_of(node: Sparse, threads: int) -> int:
    """Into how many ranges the targets of a node are divided."""
    return max(-(-node.count // RANGE), min(threads, node.count // SHARED), 1)


def packed(node: Sparse, ranges: int) -> tuple[IntArray, Words]:
    """The synapses of a node, each as ``place in its range · 256 + weight mod 256``.

    Range r holds the targets from count·r // ranges to count·(r + 1) // ranges − 1.

    Returns:
        First word of each source (ranges, R + 1) — its words go on to that of the next — and the
        words: range by range, source by source, targets rising.
    """
    starts = np.zeros((ranges, node.sources + 1), np.int64)
    words = np.empty(node.synapses, np.int32)
    if ranges == 1:
        starts[0] = node.starts
        _pack_all(node.targets, node.weight, words)
        return starts, words
    ends = node.count * np.arange(ranges + 1, dtype=np.int64) // ranges
    _count(node.starts, node.targets, ends, starts)
    _pack(node.starts, node.targets, node.weight, ends, starts, words)
    return starts, words


@compiled
def _pack_all(targets: Words, weight: npt.NDArray[np.int8], words: Words) -> None:
    """Words of synapses whose targets all belong to one range."""
    for j in range(words.shape[0]):
        words[j] = np.int32((targets[j] << 8) | (weight[j] & 255))


@compiled
def _count(starts: IntArray, targets: Words, ends: IntArray, first: IntArray) -> None:
    """Fill in the first word of each source in each range."""
    ranges, sources = first.shape[0], first.shape[1] - 1
    for s in range(sources):
        r = 0
        for j in range(starts[s], starts[s + 1]):
            while targets[j] >= ends[r + 1]:
                r += 1
            first[r, s + 1] += 1
    total = np.int64(0)
    for r in range(ranges):
        for s in range(sources + 1):
            total += first[r, s]
            first[r, s] = total


@compiled
def _pack(
    starts: IntArray,
    targets: Words,
    weight: npt.NDArray[np.int8],
    ends: IntArray,
    first: IntArray,
    words: Words,
) -> None:
    """Write the words of each source into each range."""
    for s in range(starts.shape[0] - 1):
        j = starts[s]
        for r in range(first.shape[0]):
            for k in range(first[r, s], first[r, s + 1]):
                place = targets[j] - ends[r]
                words[k] = np.int32((place << 8) | (weight[j] & 255))
                j += 1
