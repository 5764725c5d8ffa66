"""The integer rules that several process models share (docs/fixed_point.md)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

INT32_MAX = 2**31 - 1
"""Largest value of a 32-bit register (docs/fixed_point.md §9)."""

MESSAGE_BITS = 24
"""Width of a message's payload (docs/fixed_point.md §9)."""

SUM_BITS = 32
"""Width of sigma, of the attention state and of products (docs/fixed_point.md §9)."""


def round_shift(values: IntArray, shift: int) -> IntArray:
    """``values >> shift`` rounded half up (docs/fixed_point.md, head)."""
    return values if shift == 0 else (values + (1 << (shift - 1))) >> shift


def truncating_decay(values: IntArray, decay_q12: int) -> IntArray:
    """``T0``: times (4096 − decay_q12) / 4096, truncated toward zero (docs/fixed_point.md §6)."""
    magnitude: IntArray = (np.abs(values) * (4096 - decay_q12)) >> 12
    return np.where(values < 0, -magnitude, magnitude)


def fit(values: IntArray, bits: int, node: str, what: str, step: int) -> IntArray:
    """Return ``values`` if all of them fit a signed register.

    Args:
        values: Values of any shape.
        bits: Width of the register.
        node: Node they belong to.
        what: Field, for the message.
        step: Step index, from 0.

    Raises:
        OverflowError: naming node, field, index and step.
    """
    top = 1 << (bits - 1)
    return between(values, -top, top - 1, node, what, step)


def between(values: IntArray, lo: int, hi: int, node: str, what: str, step: int) -> IntArray:
    """Return ``values`` if all of them lie in lo … hi; see :func:`fit`."""
    outside = (values > hi) | (values < lo)
    if bool(outside.any()):
        index = tuple(int(i) for i in np.argwhere(outside)[0])
        raise OverflowError(
            f"node {node!r}: {what}{list(index)} = {int(values[index])} at step {step} "
            f"is outside {lo}..{hi}; lower its scale or its inputs"
        )
    return values


_wrapping: list[bool] = []
"""Whether registers wrap; a child runs one network, and the processes it forks inherit this."""


def let_registers_wrap() -> None:
    """Chip mode (docs/fixed_point.md §9), for this process and those it starts from now on."""
    _wrapping.append(True)


def hold(values: IntArray, bits: int, node: str, what: str, step: int) -> IntArray:
    """What a register on the chip holds of ``values``: see :func:`fit`; in chip mode all wrap."""
    return wrapped(values, SUM_BITS) if _wrapping else fit(values, bits, node, what, step)


def hold_sums(values: IntArray, exponent: int, node: str, step: int) -> IntArray:
    """What is left of the sums of a Dense, Sparse or Skip, shifted by ``exponent``.

    In chip mode as Lava's own Dense: it adds up the double, and halves it where nothing is shifted.
    """
    if _wrapping:
        return wrapped(values, SUM_BITS if exponent else SUM_BITS - 1)
    return fit(values, SUM_BITS, node, "out", step)


def hold_current(u: IntArray, wrap_at: int, node: str, step: int) -> IntArray:
    """A LIF's u: wrapped once at ±2^23 as Lava does, which in chip mode need not suffice."""
    if _wrapping:
        u = wrapped(u, SUM_BITS)
    once = np.where(u > wrap_at, u - 2 * wrap_at, np.where(u <= -wrap_at, u + 2 * wrap_at, u))
    return once if _wrapping else between(once, 1 - wrap_at, wrap_at, node, "u", step)


def wrapped(values: IntArray, bits: int) -> IntArray:
    """The lower ``bits`` bits as a signed number."""
    spare = 64 - bits
    return np.asarray((values << spare) >> spare)
