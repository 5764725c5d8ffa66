"""From values to the events in them, and from what a caller gives to values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import compiled, part

Words = npt.NDArray[np.int32]
Bits = npt.NDArray[np.uint8]
Packs = npt.NDArray[np.uint64]


@part
def set_bits(bits: Bits, packs: Packs, found: Words) -> int:
    """Positions of the ones.

    Args:
        bits: Zeros and ones, 8 for each of ``packs``.
        packs: The same bytes, eight by eight.
        found: Receives the positions, ascending; one longer than ``bits``.

    Returns:
        How many there are.
    """
    count = 0
    for k in range(packs.shape[0]):
        if packs[k] != 0:
            # Written always and counted if set: a branch for each byte would be mispredicted.
            for i in range(8 * k, 8 * k + 8):
                found[count] = i
                count += bits[i]
    return count


@part
def clear_bits(bits: Bits, width: int, found: Words) -> int:
    """Positions of the zeros among the first ``width``; see :func:`set_bits`."""
    count = 0
    for i in range(width):
        found[count] = i
        count += 1 - bits[i]
    return count


@part
def nonzero(values: Words, width: int, found: Words, sizes: Words) -> int:
    """Positions and values of what is not zero among the first ``width``."""
    count: Any = 0
    for i in range(width):
        found[count] = i
        sizes[count] = values[i]
        count += np.int64(values[i] != 0)
    return int(count)


@compiled
def take(given: npt.NDArray[Any], low: int, high: int, rows: npt.NDArray[Any]) -> bool:
    """Copy frames (T, n) of any integers into rows (T, ≥ n); whether all lie in [low, high]."""
    outside: Any = False
    for f in range(given.shape[0]):
        source, target = given[f], rows[f]
        for i in range(given.shape[1]):
            x = source[i]
            outside |= (x < low) | (x > high)
            target[i] = x
    return not outside
