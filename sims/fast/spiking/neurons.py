"""The LIF population of docs/fixed_point.md §6 in 32 bits.

Every cast stands where a 64-bit intermediate would keep the loops from being vectorised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import part
from sims.fast.spiking.machine import wide_vectors

INT = np.int32
FAR = np.int32(3 * (1 << 23) - 1)
TOP = np.int32((1 << 23) - 1)
LOW = np.int32(4095)
SPLIT = np.int32(12)
INPUT_SHIFT = np.int32(6)
NARROW_DRIVE_MAX = (1 << 17) - 1
"""A drive up to this, shifted by 6, is within the register of a current."""
NARROW_LOSS_MAX = 255
"""A potential times a decay up to this fits 32 bits."""
DRIVE_MAX = 1 << 24
"""With a drive up to this, shifted by 6, and a current of 24 bits, the sum fits 32 bits."""

Words = npt.NDArray[np.int32]
Bits = npt.NDArray[np.uint8]


@part
def decayed(x: Any, kept: Any) -> Any:
    """``T0(x, 4096 − kept)`` for |x| <= 2^23, without a 64-bit product.

    x is h·4096 + l with 0 <= l < 4096, and x·kept / 4096 is h·kept + l·kept / 4096, rounded toward
    zero: down for x >= 0, up below. Both products fit 25 bits, and all factors fit 16, which the
    compiler uses.
    """
    toward_zero = INT(INT(x >> INT(31)) & LOW)
    return INT(
        INT(INT(x >> SPLIT) * kept) + INT(INT(INT(INT(x & LOW) * kept) + toward_zero) >> SPLIT)
    )


@part
def wrapped(u: Any) -> Any:
    """Lava's single wrap into (−2^23, 2^23], for a sum that one wrap brings back.

    Of u − 1 that is the number its lowest 24 bits stand for.
    """
    return INT(INT(INT(INT(u - INT(1)) << INT(8)) >> INT(8)) + INT(1))


@part
def distance(u: Any) -> Any:
    """How far a sum lies from its register: beyond ``FAR`` one wrap does not bring it back."""
    below = INT(u - INT(1))
    return INT(below ^ INT(below >> INT(31)))


@part
def stray(current: Any, drive: Any) -> Any:
    """What one wrap leaves of a sum whose lowest 24 bits are kept in ``current``.

    What decayed into the sum lies within ±2^23, so that drive and current determine it.
    """
    arrived = drive << 6
    rest = (current - arrived) & ((1 << 24) - 1)
    u = arrived + (rest - (1 << 24) if rest > 1 << 23 else rest)
    return u - (1 << 24) if u > 1 << 23 else u + (1 << 24) if u <= -(1 << 23) else u


@part
def fire_narrow(
    v: Words,
    drive: Words,
    spikes: Bits,
    lost: Any,
    threshold: Any,
    reset: tuple[Any, Any],
    low: Any,
) -> tuple[Any, Any, Any]:
    """One frame of neurons as of :func:`fire` whose drive and decay are small.

    ``T0(v · (4096 − lost), 4096)`` is v less v·lost / 4096, rounded up for v >= 0, down below.

    Args:
        v: Potentials (n,), updated.
        drive: What arrives (n,), within ``NARROW_DRIVE_MAX``.
        spikes: Receives 0 or 1 (n,).
        lost: dv, within ``NARROW_LOSS_MAX``.
        threshold: vth << 6.
        reset: As of :func:`fire`.
        low: The least that may arrive.

    Returns:
        Spikes, active neurons, and the greatest distance of what arrives from ``low``, 2^31 or
        more if something lies below.
    """
    wide_vectors()
    lost, low = INT(lost & INT(NARROW_LOSS_MAX)), INT(low)
    mask, taken = reset
    fired, active, far = INT(0), INT(0), np.uint32(0)
    for i in range(v.shape[0]):
        d, w = drive[i], v[i]
        far = max(far, np.uint32(INT(d - low)))
        upward = INT(INT(~INT(w >> INT(31))) & LOW)
        m = INT(w - INT(INT(INT(w * lost) + upward) >> SPLIT))
        m = min(max(INT(m + INT(d << INPUT_SHIFT)), INT(-TOP)), TOP)
        s = m > threshold
        v[i] = INT(INT(m & mask) - taken) if s else m
        spikes[i] = np.uint8(s)
        fired = INT(fired + INT(s))
        active = INT(active + INT(INT(d | m) != INT(0)))
    return fired, active, far


@part
def fire(
    v: Words, drive: Words, spikes: Bits, kept: Any, threshold: Any, reset: tuple[Any, Any]
) -> tuple[Any, Any, Any]:
    """One frame of neurons without memory of their current, bias and late reset.

    Args:
        v: Potentials (n,), updated.
        drive: What arrives (n,), within ``DRIVE_MAX``.
        spikes: Receives 0 or 1 (n,).
        kept: 4096 − dv.
        threshold: vth << 6.
        reset: Mask and subtrahend: a spike makes v ``(v & mask) − subtrahend``.

    Returns:
        Spikes, active neurons, and the greatest :func:`distance` of a current.
    """
    wide_vectors()
    kept = INT(kept & INT(8191))
    mask, taken = reset
    fired, active, far = INT(0), INT(0), INT(0)
    for i in range(v.shape[0]):
        d = drive[i]
        x = INT(d << INPUT_SHIFT)
        far = max(far, distance(x))
        u = wrapped(x)
        m = min(max(INT(decayed(v[i], kept) + u), INT(-TOP)), TOP)
        s = m > threshold
        v[i] = INT(INT(m & mask) - taken) if s else m
        spikes[i] = np.uint8(s)
        fired = INT(fired + INT(s))
        active = INT(active + INT(INT(d | m) != INT(0)))
    return fired, active, far


@part
def fire_with_current(
    state: tuple[Words, Words],
    drive: Words,
    bias: Words,
    spikes: Bits,
    kept: tuple[Any, Any],
    threshold: Any,
    reset: tuple[Any, Any],
) -> tuple[Any, Any, Any]:
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
    wide_vectors()
    currents, v = state
    kept_u, kept_v = INT(kept[0] & INT(8191)), INT(kept[1] & INT(8191))
    mask, taken = reset
    fired, active, far = INT(0), INT(0), INT(0)
    for i in range(v.shape[0]):
        d = drive[i]
        x = INT(decayed(currents[i], kept_u) + INT(d << INPUT_SHIFT))
        far = max(far, distance(x))
        u = wrapped(x)
        currents[i] = u
        m = min(max(INT(INT(decayed(v[i], kept_v) + u) + bias[i]), INT(-TOP)), TOP)
        s = m > threshold
        v[i] = INT(INT(m & mask) - taken) if s else m
        spikes[i] = np.uint8(s)
        fired = INT(fired + INT(s))
        active = INT(active + INT(INT(d | m) != INT(0)))
    return fired, active, far


@part
def fire_and_show(
    state: tuple[Words, Words, Words],
    drive: Words,
    bias: Words,
    spikes: Bits,
    membrane: Words,
    kept: tuple[Any, Any],
    threshold: Any,
    reset: tuple[Any, Any],
) -> tuple[Any, Any, Any]:
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
    wide_vectors()
    currents, v, owed = state
    kept_u, kept_v = INT(kept[0] & INT(8191)), INT(kept[1] & INT(8191))
    mask, taken = reset
    level, late = threshold
    fired, active, far = INT(0), INT(0), INT(0)
    for i in range(v.shape[0]):
        d = drive[i]
        x = INT(decayed(currents[i], kept_u) + INT(d << INPUT_SHIFT))
        far = max(far, distance(x))
        u = wrapped(x)
        currents[i] = u
        m = INT(INT(INT(decayed(v[i], kept_v) + u) + bias[i]) - owed[i])
        m = min(max(m, INT(-TOP)), TOP)
        s = m > level
        v[i] = INT(INT(m & mask) - taken) if s else m
        owed[i] = late if s else INT(0)
        membrane[i] = m
        spikes[i] = np.uint8(s)
        fired = INT(fired + INT(s))
        active = INT(active + INT(INT(d | m) != INT(0)))
    return fired, active, far
