"""The mesh: places of cores on all chips, and which core takes which place to shorten traffic.

Chips stand side by side in their arrangement, and their meshes count as one: a message goes along
its row of routers, then along the column, and a border between chips is one router further. How
the chips of a board are wired is not public, so this is our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conversion.node import IntArray
from conversion.placement import Core
from depth_snn.compiled import compiled
from loihi.placing.traffic import FloatArray, Traffic
from loihi.target import Target

MOVES_PER_SLOT = 500
"""Exchanges tried for each place of the mesh in one round."""
ROUNDS = 26
"""Rounds of exchanges, each colder than the one before."""
COOLING = 0.72
"""Factor of the temperature from round to round."""
START = 120
"""First temperature in hops, by the mean of the copies between two cores."""


@dataclass(frozen=True, eq=False)
class Slots:
    """Places of cores.

    Args:
        chip, x, y: (slots,) chip, and column and row of the router on it.
        across, down: (slots,) column and row on the one mesh that all chips make.
    """

    chip: IntArray
    x: IntArray
    y: IntArray
    across: IntArray
    down: IntArray

    def core(self, slot: int) -> Core:
        """A place as a placement names it."""
        return Core(int(self.chip[slot]), int(self.x[slot]), int(self.y[slot]))

    def distance(self, one: IntArray, two: IntArray) -> IntArray:
        """Routers passed between places."""
        across = np.abs(self.across[one] - self.across[two])
        return np.asarray(across + np.abs(self.down[one] - self.down[two]), np.int64)


def slots_of(target: Target, cores: int) -> Slots:
    """Places of the fewest chips that hold so many cores, chip by chip along a winding line."""
    columns, rows, shared, of_chip = (
        target.known(name)
        for name in ("mesh_columns", "mesh_rows", "cores_per_router", "cores_per_chip")
    )
    chips = -(-cores // of_chip)
    place = np.arange(of_chip) // shared
    x, y = place // rows, place % rows
    y = np.where(x % 2 == 1, rows - 1 - y, y)
    chip = np.repeat(np.arange(chips), of_chip)
    x, y = np.tile(x, chips), np.tile(y, chips)
    wide = target.known("chip_columns")
    chip_down = chip // wide
    chip_across = np.where(chip_down % 2 == 1, wide - 1 - chip % wide, chip % wide)
    return Slots(chip, x, y, chip_across * columns + x, chip_down * rows + y)


def hops(traffic: Traffic, slots: Slots, slot_of: IntArray) -> float:
    """Routers passed by all copies of a frame."""
    way = slots.distance(slot_of[traffic.source], slot_of[traffic.target])
    return float((way * traffic.copies).sum())


def settle(traffic: Traffic, slots: Slots, rng: np.random.Generator) -> IntArray:
    """Give every core a place by simulated annealing.

    Starts with the cores in their order along the line of places, and exchanges two places at a
    time (Kirkpatrick et al., Science 220, 1983).

    Args:
        traffic: Copies between cores.
        slots: At least as many places as cores.
        rng: Source of the exchanges tried.

    Returns:
        (cores,) the place of each, never worse than the start.
    """
    count = slots.chip.size
    slot_of = np.arange(count)
    low, high, copies = traffic.between()
    if not low.size or count < 2:
        return slot_of[: traffic.cores]
    start, other, amount = _neighbours(count, low, high, copies)
    best, best_cost = slot_of.copy(), hops(traffic, slots, slot_of)
    core_at = slot_of.copy()
    heat = START * float(copies.mean())
    for _ in range(ROUNDS):
        pairs = rng.integers(0, count, (MOVES_PER_SLOT * count, 2))
        luck = rng.exponential(heat, len(pairs))
        _exchange(slot_of, core_at, slots.across, slots.down, start, other, amount, pairs, luck)
        cost = hops(traffic, slots, slot_of)
        if cost < best_cost:
            best, best_cost = slot_of.copy(), cost
        heat *= COOLING
    return best[: traffic.cores]


def _neighbours(
    count: int, low: IntArray, high: IntArray, copies: FloatArray
) -> tuple[IntArray, IntArray, FloatArray]:
    """Partners of every core one after another: first index of each, partners, copies."""
    one, two = np.concatenate((low, high)), np.concatenate((high, low))
    order = np.argsort(one, kind="stable")
    start = np.searchsorted(one[order], np.arange(count + 1))
    return start, two[order], np.concatenate((copies, copies))[order]


@compiled
def _exchange(
    slot_of: IntArray,
    core_at: IntArray,
    across: IntArray,
    down: IntArray,
    start: IntArray,
    other: IntArray,
    amount: FloatArray,
    pairs: IntArray,
    luck: npt.NDArray[np.float64],
) -> None:
    """Try exchanges in place; one is kept where it lengthens the way by less than its luck."""
    for i in range(len(pairs)):
        one, two = core_at[pairs[i, 0]], core_at[pairs[i, 1]]
        here, there = pairs[i, 0], pairs[i, 1]
        change = 0.0
        for core, old, new, twin in ((one, here, there, two), (two, there, here, one)):
            for n in range(start[core], start[core + 1]):
                if other[n] == twin:
                    continue
                at = slot_of[other[n]]
                before = abs(across[old] - across[at]) + abs(down[old] - down[at])
                after = abs(across[new] - across[at]) + abs(down[new] - down[at])
                change += amount[n] * (after - before)
        if change < luck[i]:
            slot_of[one], slot_of[two] = there, here
            core_at[here], core_at[there] = two, one


def least_hops(traffic: Traffic, target: Target) -> float:
    """Hops below which no place of the cores can come.

    At best a core has its busiest partners on its own router, the next ones a router away, and so
    on; each pair is counted from both ends, so half of the sum is a bound. Borders of chips and of
    the mesh are left out, and so is that partners want the same places.
    """
    shared = target.known("cores_per_router")
    low, high, copies = traffic.between()
    start, _, amount = _neighbours(traffic.cores, low, high, copies)
    total = 0.0
    most = int(np.diff(start).max(initial=0))
    rings = [shared - 1]
    while sum(rings) < most:
        rings.append(4 * len(rings) * shared)
    way = np.repeat(np.arange(len(rings)), rings)
    for core in range(traffic.cores):
        mine = np.sort(amount[start[core] : start[core + 1]])[::-1]
        total += float((mine * way[: mine.size]).sum())
    return total / 2
