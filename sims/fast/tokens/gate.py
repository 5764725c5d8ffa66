"""The population and the restore gate over a chunk of frames (docs/fixed_point.md §6, §7)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.compiled import part
from sims.fast.tokens.tables import ACTIVE, BITS, IDLE, MACS, SPIKES, Pools, Scratch

HALF = 1 << 23
INPUT_SHIFT = 6
TO_ZERO, SUBTRACT, LATE = range(3)
IntArray = npt.NDArray[np.int64]


@part
def decayed(x: int, kept: int) -> int:
    """``T0(x, 4096 − kept)``."""
    return (x * kept) >> 12 if x >= 0 else -((-x * kept) >> 12)


@part
def populate(op: Any, pools: Pools, base: int, frames: int, counts: IntArray) -> None:
    """A population over the frames of a chunk, the first of which has the number ``base``."""
    n, level = op.tokens, op.threshold
    u = pools.totals[op.total : op.total + n]
    v = pools.totals[op.total + n : op.total + 2 * n]
    fired = pools.totals[op.total + 2 * n : op.total + 3 * n]
    for f in range(frames):
        out = pools.whole[op.out + f * op.stride : op.out + f * op.stride + n]
        if op.reset_every and (base + f) % op.reset_every == 0:
            v[:] = 0
            fired[:] = 0
        for i in range(n):
            drive = 0
            for s in range(op.sources):
                drive += pools.whole[op.source[s] + f * op.source_stride[s] + i]
            now = decayed(u[i], op.kept_u) + (drive << INPUT_SHIFT)
            now += -2 * HALF if now > HALF else 2 * HALF if now <= -HALF else 0
            u[i] = now
            m = decayed(v[i], op.kept_v) + now + pools.numbers[op.number + i]
            if op.reset == LATE:
                m -= fired[i] * level
            m = min(max(m, 1 - HALF), HALF - 1)
            spike = 1 if m > level else 0
            out[i] = spike
            fired[i] = spike
            if op.membrane_stride:
                pools.whole[op.membrane + f * op.membrane_stride + i] = m
            v[i] = m
            if spike and op.reset != LATE:
                v[i] = 0 if op.reset == TO_ZERO else m - level
            counts[f, SPIKES] += spike
            counts[f, ACTIVE] += drive != 0 or m != 0
        counts[f, BITS] = counts[f, SPIKES]
        counts[f, IDLE] = n - counts[f, ACTIVE]


@part
def restore(op: Any, pools: Pools, scratch: Scratch, frames: int, counts: IntArray) -> None:
    """A restore gate over the frames of a chunk."""
    size = op.stages * op.tokens
    for f in range(frames):
        counts[f, MACS] = size + op.regions
        opened = pools.whole[op.out + f * op.stride : op.out + f * op.stride + size]
        at = op.admitted + f * op.regions
        admitted = pools.whole[at : at + op.regions]
        ledger = pools.whole[op.ledger + 2 * f : op.ledger + 2 * f + 2]
        opened[:], admitted[:], ledger[:] = 0, 0, 0
        at = op.source[2] + f * op.source_stride[2]
        sched = pools.whole[at : at + size]
        base = pools.whole[op.source[3] + f * op.source_stride[3]]
        if base != 0:
            admit(op, pools, scratch, f, base, sched, opened, admitted, ledger)


@part
def admit(
    op: Any, pools: Pools, scratch: Scratch, f: int, fixed: int, sched: IntArray,
    opened: IntArray, admitted: IntArray, ledger: IntArray,
) -> None:  # fmt: skip
    """A step that carries a frame."""
    n, regions = op.tokens, op.regions
    price = pools.numbers[op.number : op.number + op.stages]
    own = pools.numbers[op.number + op.stages : op.number + 2 * op.stages]
    owed = pools.totals[op.total + 1 : op.total + 1 + regions]
    strength = pools.totals[op.total + 1 + regions : op.total + 1 + 2 * regions]
    cost = pools.totals[op.total + 1 + 2 * regions : op.total + 1 + 3 * regions]
    base = fixed
    cost[:] = 0
    for s in range(op.stages):
        for i in range(n):
            if sched[s * n + i] == 1:
                base += own[s]
            elif sched[s * n + i] == 0:
                cost[pools.constants[op.constant + i]] += price[s]
    level = min(pools.totals[op.total] + base * op.refill // 100, op.capacity)
    spikes, membrane = op.source[0] + f * op.source_stride[0], op.source[1]
    membrane += f * op.source_stride[1]
    for r in range(regions):
        if pools.whole[spikes + r] != 0:
            owed[r] = op.hold
            strength[r] = max(strength[r], pools.whole[membrane + r])
    waiting = ordered(owed, strength, scratch.places)
    purse, spent = min(level, base * op.cap // 100), 0
    for k in range(waiting):
        r = scratch.places[k]
        if cost[r] <= purse:
            admitted[r] = 1
            purse -= cost[r]
            spent += cost[r]
    pools.totals[op.total] = level - spent
    fade(owed, strength, admitted)
    for s in range(op.stages):
        for i in range(n):
            r = pools.constants[op.constant + i]
            opened[s * n + i] = sched[s * n + i] == 1 or admitted[r] != 0
    ledger[0], ledger[1] = base, spent


@part
def ordered(owed: IntArray, strength: IntArray, places: npt.NDArray[np.int32]) -> int:
    """Regions that are owed, the strongest first, ties ascending; how many they are."""
    count = 0
    for r in range(owed.shape[0]):
        if owed[r] <= 0:
            continue
        k = count
        while k > 0 and strength[places[k - 1]] < strength[r]:
            places[k] = places[k - 1]
            k -= 1
        places[k] = r
        count += 1
    return count


@part
def fade(owed: IntArray, strength: IntArray, admitted: IntArray) -> None:
    """Step 6: who was served, and what is left of the requests of the others."""
    for r in range(owed.shape[0]):
        if admitted[r]:
            owed[r] -= 1
        else:
            strength[r] >>= 1
            if strength[r] == 0:
                owed[r] = 0
        if owed[r] == 0:
            strength[r] = 0
