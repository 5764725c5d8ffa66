"""Runs the operations of a program of tokens over a chunk of frames, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import compiled, part
from sims.fast.spiking.driver import sources_digest
from sims.fast.tokens.attend import attend
from sims.fast.tokens.encode import encode
from sims.fast.tokens.gate import populate, restore
from sims.fast.tokens.move import regroup, skip, total
from sims.fast.tokens.products import convolve, dense
from sims.fast.tokens.tables import (
    ATTENTION,
    CONV,
    DELTA,
    DENSE,
    LIF,
    OUTPUT,
    REGROUP,
    RESTORE,
    SIGMA_DELTA,
    SKIP,
    Operations,
    Pools,
    Scratch,
    Values,
)

IntArray = npt.NDArray[np.int64]


@part
def operate(
    op: Any, values: Values, pools: Pools, scratch: Scratch, base: int, frames: int,
    counts: IntArray,
) -> None:  # fmt: skip
    """One operation; arguments as of the loop below, counts its own."""
    if op.kind == DELTA or op.kind == SIGMA_DELTA:
        encode(op, values, pools, scratch, frames, counts)
    elif op.kind == DENSE:
        dense(op, values, pools, scratch, frames, counts)
    elif op.kind == CONV:
        convolve(op, values, pools, scratch, frames, counts)
    elif op.kind == SKIP:
        skip(op, values, pools, frames, counts)
    elif op.kind == REGROUP:
        regroup(op, values, pools, scratch, frames, counts)
    elif op.kind == ATTENTION:
        attend(op, values, pools, scratch, frames, counts)
    elif op.kind == LIF:
        populate(op, pools, base, frames, counts)
    elif op.kind == RESTORE:
        restore(op, pools, scratch, frames, counts)
    elif op.kind == OUTPUT:
        total(op, values, pools, frames, counts)


def _runner(sources: str) -> Callable[..., None]:
    """The compiled loop; the digest keeps it out of an older cache (see ``spiking.driver``)."""

    @compiled
    def run(
        operations: Operations, values: Values, pools: Pools, scratch: Scratch, base: int,
        frames: int, counts: IntArray,
    ) -> None:  # fmt: skip
        """All operations over a chunk of frames.

        Args:
            operations: In an order in which sources come first.
            values: What is held by rows.
            pools: The arrays.
            scratch: Room for one operation at a time.
            base: Number of the chunk's first frame in the run.
            frames: Frames of the chunk.
            counts: (operations, T, fields), zeros.
        """
        sources  # noqa: B018 -- makes it part of the key
        for k in range(operations.shape[0]):
            operate(operations[k], values, pools, scratch, base, frames, counts[k])

    return run


run = _runner(sources_digest(Path(__file__).parent))


@compiled
def spread(
    tokens: npt.NDArray[np.int32],
    rows: npt.NDArray[np.int32],
    starts: IntArray,
    out: IntArray,
) -> None:
    """Rows (R, C) of some frames into zeroed whole values (T, N, C)."""
    for f in range(out.shape[0]):
        for j in range(starts[f], starts[f + 1]):
            for c in range(rows.shape[1]):
                out[f, tokens[j], c] = rows[j, c]
