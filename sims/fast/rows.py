"""Values of a token port held by row: only tokens that may carry something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """A (N, C) value that is zero outside ``tokens``; valid until its node's next step.

    Args:
        tokens: Ascending token numbers (n,).
        values: Their rows, int64 (n, C), C-contiguous.
        shape: The whole value's shape (N, C).
        tight: Whether every row is known to have a non-zero entry.
        nonzero: Number of non-zero entries where it is known.
        peak: Largest magnitude of an entry where it is known.
    """

    tokens: IntArray
    values: IntArray
    shape: tuple[int, ...]
    tight: bool = False
    nonzero: int | None = None
    peak: int | None = None

    def events(self) -> int:
        """Number of non-zero entries."""
        return int(np.count_nonzero(self.values)) if self.nonzero is None else self.nonzero

    def tightened(self) -> Rows:
        """The same value without its all-zero rows."""
        if self.tight or not self.tokens.size:
            return self
        full = self.values.any(axis=1)
        if full.all():
            return Rows(self.tokens, self.values, self.shape, True, self.nonzero, self.peak)
        return Rows(self.tokens[full], self.values[full], self.shape, True, self.nonzero, self.peak)

    def positions_of(self, tokens: IntArray) -> IntArray:
        """Row of each of ``tokens`` in ``values``, −1 where that token's row is zero."""
        if tokens is self.tokens or np.array_equal(tokens, self.tokens):
            return np.arange(tokens.size)
        row = np.full(self.shape[0], -1, np.int64)
        row[self.tokens] = np.arange(self.tokens.size)
        return np.asarray(row[tokens], np.int64)


Signal = Rows | IntArray
"""What travels on an edge within a frame: rows, or a whole array."""


def as_rows(signal: Signal) -> Rows:
    """A signal as the rows in which something is non-zero."""
    if isinstance(signal, Rows):
        return signal.tightened()
    tokens = np.flatnonzero(signal.any(axis=1))
    return Rows(tokens, np.ascontiguousarray(signal[tokens]), signal.shape, tight=True)


def dense(signal: Signal) -> IntArray:
    """A signal as a whole array of its own, or the array it already is."""
    if not isinstance(signal, Rows):
        return signal
    out = np.zeros(signal.shape, np.int64)
    out[signal.tokens] = signal.values
    return out


def store(signal: Signal, out: IntArray) -> None:
    """Write a signal into ``out``, which holds zeros and has its shape."""
    if isinstance(signal, Rows):
        out[signal.tokens] = signal.values
    else:
        out[...] = signal
