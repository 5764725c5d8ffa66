"""How many bytes a second this machine copies: the limit of whatever only moves its state."""

from __future__ import annotations

import threading
import time

import numpy as np

FAR_BYTES = 1 << 30
"""Bytes of each of the two arrays that are far beyond any cache."""
BLOCK_S = 0.02
"""Least time of one measured block, so that the clock does not matter."""


def copy_bytes_per_s(size: int, *, threads: int = 1, repetitions: int = 9) -> float:
    """Bytes read plus bytes written per second by a copy between two arrays, best of some blocks.

    The best, because a limit is asked for: noise only makes a copy slower.

    Args:
        size: Bytes of each array, over all threads.
        threads: Threads, each copying its own part.
        repetitions: Measured blocks.
    """
    share = max(64, size // threads)
    pairs = [(np.ones(share, np.uint8), np.zeros(share, np.uint8)) for _ in range(threads)]
    loops = 1
    while _seconds(pairs[:1], loops) < BLOCK_S:
        loops *= 2
    best = min(_seconds(pairs, loops) for _ in range(repetitions))
    return 2.0 * share * threads * loops / best


def _seconds(pairs: list[tuple[np.ndarray, np.ndarray]], loops: int) -> float:
    def work(source: np.ndarray, target: np.ndarray) -> None:
        for _ in range(loops):
            np.copyto(target, source)

    others = [threading.Thread(target=work, args=pair) for pair in pairs[1:]]
    begin = time.perf_counter()
    for thread in others:
        thread.start()
    work(*pairs[0])
    for thread in others:
        thread.join()
    return time.perf_counter() - begin
