"""What a program of tokens is made of: operations, the values they read, the arrays behind them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

DELTA, SIGMA_DELTA, DENSE, CONV, SKIP, REGROUP, ATTENTION, LIF, RESTORE, OUTPUT = range(10)
KINDS = {
    "Delta": DELTA, "SigmaDelta": SIGMA_DELTA, "Dense": DENSE, "Conv": CONV, "Skip": SKIP,
    "Regroup": REGROUP, "LinearAttention": ATTENTION, "LIF": LIF, "RestoreGate": RESTORE,
    "Output": OUTPUT,
}  # fmt: skip
"""Number of each kind of operation; an Input is none, its values are put in place."""
SPIKES, MESSAGES, SYNAPSES, ACTIVE, IDLE, MACS, BITS = range(7)
"""Columns of the counts, in the order of ``sims.counts.COUNT_FIELDS``."""
SOURCES = 8
"""Most edges of an operation."""

OPERATION = np.dtype(
    [
        (field, np.int64)
        for field in (
            # Its value: number among the rows, or offset among the whole values.
            "kind", "out", "tokens", "channels", "exponent", "sources",
            # Gate: offset of the stage's row for a chunk's first frame, and items from frame to
            # frame; 0 items where there is no gate.
            "gate", "gate_stride",
            # Offsets into constants, weights, numbers, state and flags.
            "constant", "weight", "number", "state", "total", "flag",
            "shift", "lo", "hi", "threshold", "shared", "block",
            # Products: groups of a row, channels in and out, terms, sum of magnitudes.
            "groups", "c_in", "c_out", "terms", "row_sum",
            # Grid and rule of a window.
            "height", "width", "rows", "columns", "high", "wide", "down", "across", "above",
            "beside",
            # Attention and populations.
            "heads", "head_dim", "limit", "kept_u", "kept_v", "reset", "late", "reset_every",
            "membrane", "membrane_stride", "stride",
            # Restore gate.
            "stages", "regions", "hold", "cap", "refill", "capacity", "admitted", "ledger",
            # Output: where it is shown, and items from frame to frame; 0 where nobody looks.
            "shown", "shown_stride",
        )
    ]
    + [("source", np.int64, SOURCES), ("source_stride", np.int64, SOURCES)]
)  # fmt: skip
"""One node. Fields that its kind does not use are 0. A source is the number of a value in rows or
the offset of a whole one for a chunk's first frame."""

VALUE = np.dtype([(field, np.int64) for field in ("tokens", "at", "channels", "whole")])
"""A value held by rows: offsets of its row numbers and its rows; ``whole`` says that every row of
every frame is there."""


class Pools(NamedTuple):
    """The arrays of a program.

    Attributes:
        tokens: int32, the numbers of rows that are there, ascending within a frame.
        rows: int32, their values, frame behind frame.
        starts: int64 (values, T + 1), the first row of each frame.
        whole: int64, values that are there as a whole, frame behind frame.
        state: int32, sigma, sent, and q, k, v, S and A of attentions.
        totals: int64, state of populations, restore gates and Outputs.
        flags: uint8, tokens whose sigma changed since they were open.
        constants: int32, read-only: biases and slots.
        numbers: int64, read-only: prices, regions, windows over a position.
        weight: float32, read-only: by input channel.
    """

    tokens: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    whole: npt.NDArray[np.int64]
    state: npt.NDArray[np.int32]
    totals: npt.NDArray[np.int64]
    flags: npt.NDArray[np.uint8]
    constants: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]


class Scratch(NamedTuple):
    """Room for one operation at a time.

    Attributes:
        left: float32, rows that meet weights.
        right: float32, their products.
        words: int32, a block of rows of any encoder.
        floats: float32, likewise, and a row of any attention.
        bits: int32, the memory of ``floats``.
        places: int32, one number for each token or position of any value, and for each group.
        rows: int32, twice as many.
        marks: int32, likewise; zeros between operations.
        reached: uint8, likewise.
    """

    left: npt.NDArray[np.float32]
    right: npt.NDArray[np.float32]
    words: npt.NDArray[np.int32]
    floats: npt.NDArray[np.float32]
    bits: npt.NDArray[np.int32]
    places: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]
    marks: npt.NDArray[np.int32]
    reached: npt.NDArray[np.uint8]


Operations = npt.NDArray[Any]
Values = npt.NDArray[Any]
