"""From real weights to 8-bit integers and a unit, and back: real = unit · integer.

A unit has at most 16 significant bits, so that unit · integer is exact in a float of 32 bits and
reading what was written gives the same integers and unit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.nodes import WEIGHT_MAX

FloatArray = npt.NDArray[np.float64]
UNIT_BITS = 16
DECAY_BITS = 12
DECAY_TOLERANCE = 2.0**-8
"""Of 1/4096. A share lost passes through two quotients of 32-bit floats, each off by 6e-8 of it."""
SNAP = 1e-6
"""Relative; what floats of 32 bits leave of a number that was meant whole."""


def to_integers(weight: FloatArray) -> tuple[npt.NDArray[np.int64], float, float]:
    """Integers within ±127 and their unit.

    Args:
        weight: Real weights, any shape, all finite.

    Returns:
        integers, unit, and the largest error |weight − unit·integer|; 0 where the weights are
        8-bit integers times a power of two.
    """
    peak = float(np.abs(weight).max(initial=0.0))
    if peak == 0:
        return np.zeros(weight.shape, np.int64), 1.0, 0.0
    unit = _lowest_bit(weight)
    if peak / unit > WEIGHT_MAX:
        unit = _short(peak / WEIGHT_MAX)
    integers = np.rint(weight / unit).astype(np.int64)
    return integers, unit, float(np.abs(weight - unit * integers).max())


def _lowest_bit(weight: FloatArray) -> float:
    """The power of two that is the lowest bit set in any weight."""
    mantissa, exponent = np.frexp(weight[weight != 0])
    whole = (mantissa * 2.0**53).astype(np.int64)
    lowest = (whole & -whole).astype(np.float64)
    return float((lowest * np.exp2(exponent - 53.0)).min())


def _short(value: float) -> float:
    """The next number above with :data:`UNIT_BITS` significant bits."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.ceil(mantissa * 2**UNIT_BITS), exponent - UNIT_BITS)


def decay_q12(lost: float) -> tuple[int, bool]:
    """A share lost per step in 1/4096, and whether it is meant to be exactly that."""
    value = lost * 2**DECAY_BITS
    whole = round(value)
    return whole, abs(value - whole) <= DECAY_TOLERANCE


def snapped(value: float) -> float:
    """A gain without what 32-bit floats did to it: the multiple of 1/4096 it is within 1e-6 of."""
    whole = round(value * 2**DECAY_BITS)
    near = whole > 0 and abs(value * 2**DECAY_BITS - whole) <= SNAP * whole
    return whole / 2**DECAY_BITS if near else value


def whole(value: FloatArray) -> tuple[npt.NDArray[np.int64], bool]:
    """The nearest integers, and whether the values are meant to be them."""
    near = np.rint(value)
    good = bool((np.abs(value - near) <= SNAP * np.maximum(np.abs(near), 1)).all())
    return near.astype(np.int64), good


def log2_floor(value: float) -> int:
    """Largest e with 2^e ≤ value; −10000 for 0 and 10000 for infinity."""
    if value <= 0:
        return -10_000
    return 10_000 if math.isinf(value) else math.frexp(value)[1] - 1


def original(values: npt.NDArray[np.int64], unit: float, dtype: str) -> npt.NDArray[Any]:
    """Real weights of a type from integers and unit."""
    return (values * unit).astype(dtype)
