"""A population over a chunk of frames, a block of neurons after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import part
from sims.fast.spiking.machine import fetch_ahead, wide_vectors
from sims.fast.spiking.neurons import (
    FAR,
    fire,
    fire_and_show,
    fire_narrow,
    fire_with_current,
    stray,
)
from sims.fast.spiking.tables import (
    ACTIVE,
    BITS,
    BLOCK,
    CURRENT,
    GIVEN,
    NARROW,
    PLAIN,
    SHOWN,
    SPIKES,
    WIDE,
    Links,
    Pools,
)

INT = np.int32
OUTSIDE = -(1 << 62)
PIECE = 1024
"""Neurons between two requests for memory: no more lines than the processor waits for at once."""
IntArray = npt.NDArray[np.int64]
Words = npt.NDArray[np.int32]
Bits = npt.NDArray[np.uint8]


@part
def within(values: Words, low: int, high: int) -> bool:
    """Whether all values lie in a range that holds 0."""
    wide_vectors()
    least, most = INT(0), INT(0)
    for i in range(values.shape[0]):
        least, most = min(least, values[i]), max(most, values[i])
    return bool(least >= low and most <= high)


@part
def arrived(
    op: Any,
    links: Links,
    pools: Pools,
    given: Words,
    f: int,
    span: tuple[int, int],
    room: Words,
    fault: IntArray,
) -> Words:
    """What arrives on all edges for some neurons: a view, or summed in ``room``."""
    first, last = span
    link = links[op.link]
    at = link.at + f * link.stride
    if op.links == 1 and link.pool == WIDE:
        return pools.wide[at + first : at + last]
    if op.links == 1 and link.pool == GIVEN:
        values = given[at + first : at + last]
        # The loop of a narrow population looks at the range itself.
        if op.loop != NARROW and not within(values, link.low, link.high):
            fault[0] = OUTSIDE
        return values
    drive = room[: last - first]
    for k in range(op.link, op.link + op.links):
        other = links[k]
        at = other.at + f * other.stride + first
        if other.pool == GIVEN:
            values = given[at : at + drive.shape[0]]
            if not within(values, other.low, other.high):
                fault[0] = OUTSIDE
            gather(drive, values, k == op.link)
        elif other.pool == BITS:
            gather(drive, pools.bits[at : at + drive.shape[0]], k == op.link)
        else:
            gather(drive, pools.wide[at : at + drive.shape[0]], k == op.link)
    return drive


@part
def gather(drive: Words, values: npt.NDArray[Any], anew: bool) -> None:
    """Add values to what arrives, or begin with them."""
    wide_vectors()
    if anew:
        for i in range(drive.shape[0]):
            drive[i] = INT(values[i])
    else:
        for i in range(drive.shape[0]):
            drive[i] = INT(drive[i] + INT(values[i]))


@part
def fire_in_range(
    op: Any,
    link: Any,
    v: Words,
    drive: Words,
    spikes: Bits,
    given: Words,
    at_next: int,
    fault: IntArray,
) -> tuple[Any, Any]:
    """One frame of a narrow population; a value beyond its Input's range is noted on the way.

    The values that the next frame brings, at ``at_next`` if at all, are asked for piece by piece.
    """
    wide_vectors()
    alone = op.links == 1 and link.pool == GIVEN
    low = link.low if alone else np.int64(0)
    lost, level, reset = INT(4096 - op.kept_v), INT(op.threshold), (INT(op.mask), INT(op.taken))
    fired, active = 0, 0
    for i in range(0, v.shape[0], PIECE):
        j = min(i + PIECE, v.shape[0])
        if alone:
            fetch_ahead(given, at_next + i, at_next + j)
        one, other, far = fire_narrow(v[i:j], drive[i:j], spikes[i:j], lost, level, reset, INT(low))
        fired, active = fired + one, active + other
        if alone and np.int64(far) > link.high - low:
            fault[0] = OUTSIDE
    return fired, active


@part
def note_fault(
    op: Any, frame: int, first: int, currents: Words, drive: Words, fault: IntArray
) -> None:
    """Keep frame, index and value of the first current outside its register."""
    if frame >= fault[0]:
        return
    for i in range(drive.shape[0]):
        arrived_here = np.int64(drive[i])
        # Without memory of the current the sum is what arrived.
        current = arrived_here << 6 if op.loop == PLAIN else np.int64(currents[i])
        u = stray(current, arrived_here)
        if u > 1 << 23 or u <= -(1 << 23):
            fault[0], fault[1], fault[2] = frame, first + i, u
            return


@part
def populate(
    op: Any,
    links: Links,
    pools: Pools,
    given: Words,
    span: tuple[int, int, int],
    neurons: tuple[int, int],
    scratch: npt.NDArray[np.int32],
    counts: IntArray,
    fault: IntArray,
) -> None:
    """Some neurons of a population over some frames.

    Args:
        op: The population.
        links: All links.
        pools: The arrays.
        given: Values of the Input that is read in place.
        span: Number of the chunk's first frame in the run; first and last + 1 in the chunk.
        neurons: The first, a multiple of BLOCK, and the last + 1.
        scratch: (4, ≥ BLOCK).
        counts: (T, COUNTED), added to.
        fault: Frame in the run, index and value of the first current outside its register; the
            frame is beyond all frames where there is none, and OUTSIDE where a given value leaves
            the range of its Input.
    """
    wide_vectors()
    base, first_frame, last_frame = span
    reset = (INT(op.mask), INT(op.taken))
    kept = (INT(op.kept_u), INT(op.kept_v))
    level = INT(op.threshold)
    for first in range(neurons[0], neurons[1], BLOCK):
        last = min(first + BLOCK, neurons[1])
        u = pools.state[op.state + first : op.state + last]
        v = pools.state[op.state + op.width + first : op.state + op.width + last]
        owed = pools.state[op.state + 2 * op.width + first : op.state + 2 * op.width + last]
        bias = pools.constants[op.constant + first : op.constant + last]
        for f in range(first_frame, last_frame):
            at = op.out + f * op.stride
            spikes = pools.bits[at + first : at + last]
            shown = scratch[3][: last - first]
            if op.membrane_stride:
                at = op.membrane + f * op.membrane_stride
                shown = pools.wide[at + first : at + last]
            if base + f < op.awake:
                spikes[:] = 0
                if op.loop == SHOWN:
                    shown[:] = 0
                continue
            if op.reset_every and (base + f) % op.reset_every == 0:
                v[:] = 0
                owed[:] = 0
            drive = arrived(op, links, pools, given, f, (first, last), scratch[2], fault)
            if op.loop == NARROW:
                at_next = given.shape[0]
                if f + 1 < last_frame:
                    at_next = links[op.link].at + (f + 1) * links[op.link].stride + first
                fired, active = fire_in_range(
                    op, links[op.link], v, drive, spikes, given, at_next, fault
                )
                far = INT(0)
            elif op.loop == PLAIN:
                fired, active, far = fire(v, drive, spikes, kept[1], level, reset)
            elif op.loop == CURRENT:
                fired, active, far = fire_with_current(
                    (u, v), drive, bias, spikes, kept, level, reset
                )
            else:
                fired, active, far = fire_and_show(
                    (u, v, owed), drive, bias, spikes, shown, kept, (level, INT(op.late)), reset
                )
            counts[f, SPIKES] += fired
            counts[f, ACTIVE] += active
            if far > FAR:
                note_fault(op, base + f, first, u, drive, fault)
