"""The LIF population of docs/fixed_point.md §6 in 32 bits.

Every cast stands where a 64-bit intermediate would keep the loops from being vectorised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import compiled

I = np.int32
HALF = np.int32(1 << 23)
FULL = np.int32(1 << 24)
TOP = np.int32((1 << 23) - 1)
LOW = np.int32(4095)
SPLIT = np.int32(12)
INPUT_SHIFT = np.int32(6)
DRIVE_MAX = 1 << 24
"""With a drive up to this, shifted by 6, and a current of 24 bits, the sum fits 32 bits."""

Words = npt.NDArray[np.int32]
Bits = npt.NDArray[np.uint8]


@compiled
def decayed(x: Any, kept: Any) -> Any:
    """``T0(x, 4096 − kept)`` for |x| <= 2^23, without a 64-bit product.

    x is h·4096 + l with 0 <= l < 4096, and x·kept / 4096 is h·kept + l·kept / 4096, rounded toward
    zero: down for x >= 0, up below. Both products fit 25 bits, and all factors fit 16, which the
    compiler uses.
    """
    toward_zero = I(I(x >> I(31)) & LOW)
    return I(I(I(x >> SPLIT) * kept) + I(I(I(I(x & LOW) * kept) + toward_zero) >> SPLIT))


@compiled
def wrapped(u: Any) -> Any:
    """Lava's single wrap."""
    return I(I(u - (FULL if u > HALF else I(0))) + (FULL if u <= -HALF else I(0)))


@compiled
def fire(
    v: Words, drive: Words, spikes: Bits, kept: Any, threshold: Any, reset: tuple[Any, Any]
) -> tuple[int, int, int]:
    """One frame of neurons without memory of their current, bias and late reset.

    Args:
        v: Potentials (n,), updated.
        drive: What arrives (n,), within ``DRIVE_MAX``.
        spikes: Receives 0 or 1 (n,).
        kept: 4096 − dv.
        threshold: vth << 6.
        reset: Mask and subtrahend: a spike makes v ``(v & mask) − subtrahend``.

    Returns:
        Spikes, active neurons, and 0 unless a current left its register.
    """
    kept = I(kept & I(8191))
    mask, taken = reset
    fired, active, bad = I(0), I(0), I(0)
    for i in range(v.shape[0]):
        d = drive[i]
        u = wrapped(I(d << INPUT_SHIFT))
        bad |= I(u > HALF) | I(u <= -HALF)
        m = min(max(I(decayed(v[i], kept) + u), I(-TOP)), TOP)
        s = m > threshold
        v[i] = I(I(m & mask) - taken) if s else m
        spikes[i] = np.uint8(s)
        fired = I(fired + I(s))
        active = I(active + I(I(d | m) != I(0)))
    return fired, active, bad


@compiled
def fire_with_current(
    state: tuple[Words, Words],
    drive: Words,
    bias: Words,
    spikes: Bits,
    kept: tuple[Any, Any],
    threshold: Any,
    reset: tuple[Any, Any],
) -> tuple[int, int, int]:
    """One frame of neurons with memory of their current, and a bias.

    Args:
        state: u and v (n,), updated.
        drive: What arrives (n,), within ``DRIVE_MAX``.
        bias: Shifted by 6 (n,).
        spikes: Receives 0 or 1 (n,).
        kept: 4095 − du and 4096 − dv.
        threshold: vth << 6.
        reset: As of :func:`fire`.

    Returns:
        As :func:`fire`.
    """
    currents, v = state
    kept_u, kept_v = I(kept[0] & I(8191)), I(kept[1] & I(8191))
    mask, taken = reset
    fired, active, bad = I(0), I(0), I(0)
    for i in range(v.shape[0]):
        d = drive[i]
        u = wrapped(I(decayed(currents[i], kept_u) + I(d << INPUT_SHIFT)))
        currents[i] = u
        bad |= I(u > HALF) | I(u <= -HALF)
        m = min(max(I(I(decayed(v[i], kept_v) + u) + bias[i]), I(-TOP)), TOP)
        s = m > threshold
        v[i] = I(I(m & mask) - taken) if s else m
        spikes[i] = np.uint8(s)
        fired = I(fired + I(s))
        active = I(active + I(I(d | m) != I(0)))
    return fired, active, bad


@compiled
def fire_and_show(
    state: tuple[Words, Words, Words],
    drive: Words,
    bias: Words,
    spikes: Bits,
    membrane: Words,
    kept: tuple[Any, Any],
    threshold: Any,
    reset: tuple[Any, Any],
) -> tuple[int, int, int]:
    """One frame of neurons whose potential somebody reads, or whose reset may be late.

    Args:
        state: u, v and what a late reset takes off in this frame (n,), updated.
        drive: What arrives (n,), within ``DRIVE_MAX``.
        bias: Shifted by 6 (n,).
        spikes: Receives 0 or 1 (n,).
        membrane: Receives the potential before reset (n,).
        kept: 4095 − du and 4096 − dv.
        threshold: vth << 6, and what a spike takes off one frame later.
        reset: As of :func:`fire`.

    Returns:
        As :func:`fire`.
    """
    currents, v, owed = state
    kept_u, kept_v = I(kept[0] & I(8191)), I(kept[1] & I(8191))
    mask, taken = reset
    level, late = threshold
    fired, active, bad = I(0), I(0), I(0)
    for i in range(v.shape[0]):
        d = drive[i]
        u = wrapped(I(decayed(currents[i], kept_u) + I(d << INPUT_SHIFT)))
        currents[i] = u
        bad |= I(u > HALF) | I(u <= -HALF)
        m = I(I(I(decayed(v[i], kept_v) + u) + bias[i]) - owed[i])
        m = min(max(m, I(-TOP)), TOP)
        s = m > level
        v[i] = I(I(m & mask) - taken) if s else m
        owed[i] = late if s else I(0)
        membrane[i] = m
        spikes[i] = np.uint8(s)
        fired = I(fired + I(s))
        active = I(active + I(I(d | m) != I(0)))
    return fired, active, bad
