"""What a program is made of: operations, the values they read, and the arrays behind them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

DENSE, SPARSE, CONV, SUM_POOL, REGROUP, SKIP, DELAY, LIF, OUTPUT = range(9)
KINDS = {
    "Dense": DENSE, "Sparse": SPARSE, "Conv": CONV, "SumPool": SUM_POOL, "Regroup": REGROUP,
    "Skip": SKIP, "Delay": DELAY, "LIF": LIF, "Output": OUTPUT,
}  # fmt: skip
"""Number of each kind of operation; an Input is none, its values are put in place."""
BITS, WIDE, TOTALS, GIVEN = range(4)
"""The arrays that hold values: uint8, int32, int64, and int32 that are the caller's own."""
NARROW, PLAIN, CURRENT, SHOWN = range(4)
"""Which loop a population needs: see :mod:`sims.fast.spiking.neurons`."""
BLOCK = 8192
"""Neurons that go through all frames of a chunk before the next: their potentials fit the L1."""
SPIKES, SYNAPSES, ACTIVE = range(3)
COUNTED = 3
"""Columns of the counts: spikes; synaptic operations, or of an Output what it added; and active
neurons."""

OPERATION = np.dtype(
    [
        (field, np.int64)
        for field in (
            "kind", "width", "source_width", "exponent",
            # Where its row of a chunk's first frame lies, and how far apart rows are.
            "out", "stride", "membrane", "membrane_stride",
            # Its first link, and how many there are.
            "link", "links",
            # Offsets into weights, starts of sources, and constants.
            "weight", "starts", "constant",
            "groups", "c_in", "c_out",
            # Ranges into which the targets of a Sparse are divided.
            "ranges",
            # Grid and rule of a window.
            "grid_width", "rows", "columns", "high", "wide", "step_down", "step_across", "above",
            "beside",
            # Population: offset of its state, its rule, first frame in which it is awake.
            "state", "loop", "kept_u", "kept_v", "threshold", "mask", "taken", "late",
            "reset_every", "awake",
        )
    ]
)  # fmt: skip
"""One node. Fields that its kind does not use are 0."""

LINK = np.dtype([(field, np.int64) for field in ("pool", "at", "stride", "low", "high")])
"""One value read: its array, where its row for a chunk's first frame lies, and of an Input that is
read in place the range to be checked. A recurrent edge reads rows before the chunk."""


class Pools(NamedTuple):
    """The arrays of a program.

    Attributes:
        bits: uint8, values that are 0 or 1; rows begin at multiples of 8.
        packs: The same memory as uint64.
        wide: int32, all other values.
        totals: int64, values of Outputs.
        state: int32, currents, potentials, and late resets.
        constants: int32, read-only: biases, sums of weights, slots, steps of delays.
        weight: int8, read-only: of Dense and Conv.
        starts, synapses: int64, int32, read-only: of Sparse.
    """

    bits: npt.NDArray[np.uint8]
    packs: npt.NDArray[np.uint64]
    wide: npt.NDArray[np.int32]
    totals: npt.NDArray[np.int64]
    state: npt.NDArray[np.int32]
    constants: npt.NDArray[np.int32]
    weight: npt.NDArray[np.int8]
    starts: npt.NDArray[np.int64]
    synapses: npt.NDArray[np.int32]


Operations = npt.NDArray[Any]
Links = npt.NDArray[Any]
