"""Runs the operations of a program over a chunk of frames.

All arrays of a chunk are flat; ``f`` counts frames within it. Frames before it are rows before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import compiled, part
from sims.fast.spiking.connect import connect, hold, total, wire
from sims.fast.spiking.machine import wide_vectors
from sims.fast.spiking.populate import populate
from sims.fast.spiking.tables import (
    BITS,
    BLOCK,
    DELAY,
    LIF,
    OUTPUT,
    SPARSE,
    WIDE,
    Links,
    Operations,
    Pools,
)

IntArray = npt.NDArray[np.int64]


@part
def operate(
    op: Any,
    links: Links,
    pools: Pools,
    given: npt.NDArray[np.int32],
    span: tuple[int, int, int],
    share: tuple[int, int],
    scratch: npt.NDArray[np.int32],
    counts: IntArray,
    fault: IntArray,
) -> None:
    """One operation over some frames, or one thread's share of it.

    Args:
        op: A row of the operations.
        links: All links.
        pools: The arrays.
        given: Values of the Input that is read in place, (T·n,).
        span: Number of the chunk's first frame in the run; first and last + 1 in the chunk.
        share: Number of this share, and of all shares.
        scratch: (4, widest value + 8), the thread's own.
        counts: (T, COUNTED), added to.
        fault: Frame, index and value of the first overflow; see :func:`populate`.
    """
    wide_vectors()
    _, first, last = span
    part, parts = share
    if op.kind == LIF:
        # Neurons are divided, since frames follow each other: in blocks, so that rows stay whole.
        blocks = (op.width + BLOCK - 1) // BLOCK
        begin, end = blocks * part // parts * BLOCK, blocks * (part + 1) // parts * BLOCK
        populate(op, links, pools, given, span, (begin, min(end, op.width)), scratch, counts, fault)
        return
    if op.kind == OUTPUT:
        if part == 0:
            total(op, links, pools, first, last, counts)
        return
    if op.kind == SPARSE and op.ranges >= parts:
        ranges = (op.ranges * part // parts, op.ranges * (part + 1) // parts)
        wire(op, links, pools, (first, last), ranges, scratch, counts)
        return
    begin = first + (last - first) * part // parts
    end = first + (last - first) * (part + 1) // parts
    if op.kind == DELAY:
        hold(op, links, pools, begin, end)
    elif op.kind == SPARSE:
        wire(op, links, pools, (begin, end), (0, op.ranges), scratch, counts)
    else:
        connect(op, links, pools, begin, end, scratch, counts)


def sources_digest(folder: Path) -> str:
    """SHA-256 of the Python files of a folder, by name."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _runner(sources: str) -> Callable[..., None]:
    """The compiled loop over the operations.

    Numba looks for changes in the one file of a function that it finds in its cache, not in those
    of the functions called. What a function closes over is part of the cache's key, so the digest
    of all the files keeps old machine code from running under new sources.
    """

    @compiled
    def run(
        operations: Operations,
        links: Links,
        pools: Pools,
        given: npt.NDArray[np.int32],
        segments: IntArray,
        base: int,
        frames: tuple[int, int],
        share: tuple[int, int],
        scratch: npt.NDArray[np.int32],
        counts: IntArray,
        faults: IntArray,
    ) -> None:
        """The operations of some segments over a chunk of frames.

        Args:
            operations: All operations, in an order in which sources come first.
            links: All links.
            pools: The arrays.
            given: See :func:`operate`.
            segments: (n, 3) first and last + 1 operation, and how many frames one of them may run
                ahead of the others.
            base: Number of the chunk's first frame in the run.
            frames: First and last + 1 of the chunk's frames to be run.
            share: See :func:`operate`.
            scratch: See :func:`operate`.
            counts: (operations, T, COUNTED), added to.
            faults: (operations, 3), see :func:`populate`.
        """
        wide_vectors()
        sources  # noqa: B018 -- makes it part of the key
        for s in range(segments.shape[0]):
            begin, end, stride = segments[s, 0], segments[s, 1], segments[s, 2]
            for first in range(frames[0], frames[1], stride):
                span = (base, first, min(first + stride, frames[1]))
                for k in range(begin, end):
                    operate(
                        operations[k],
                        links,
                        pools,
                        given,
                        span,
                        share,
                        scratch,
                        counts[k],
                        faults[k],
                    )

    return run


run = _runner(sources_digest(Path(__file__).parent))


@part
def shift(array: npt.NDArray[Any], at: int, size: int, ahead: int) -> None:
    """Move items down; one loop over one array, which the compiler turns into vectors."""
    target, source = array[at : at + size], array[at + ahead : at + ahead + size]
    for i in range(size):
        target[i] = source[i]


@compiled
def roll(history: IntArray, frames: int, pools: Pools) -> None:
    """Move the last rows of a chunk before the next one, where somebody looks back.

    Args:
        history: (n, 4) for each value: pool (0 bits, 1 wide, 2 totals), first row kept, stride,
            rows kept.
        frames: Frames of the chunk that went by.
        pools: The arrays.
    """
    for k in range(history.shape[0]):
        at, stride, rows = history[k, 1], history[k, 2], history[k, 3]
        ahead = frames * stride
        if history[k, 0] == BITS:
            shift(pools.bits, at, rows * stride, ahead)
        elif history[k, 0] == WIDE:
            shift(pools.wide, at, rows * stride, ahead)
        else:
            shift(pools.totals, at, rows * stride, ahead)
