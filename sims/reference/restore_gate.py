"""The gate that opens spiking regions under the compute cap (docs/fixed_point.md §7)."""

from __future__ import annotations

from conversion.nodes import RestoreGate
from sims.reference.arrays import table_of
from sims.reference.guard import GATE_BITS, Guard
from sims.reference.integers import Row, Table, zeros
from sims.reference.unit import Arrived, Outputs, Work


class RestoreGateUnit:
    """Remembers what is owed to each region, and the level of the purse."""

    def __init__(self, node: RestoreGate, guard: Guard) -> None:
        self._node = node
        self._guard = guard
        self._region_of = table_of(node.region_of)[0]
        self._price = table_of(node.price)[0]
        self._own_price = table_of(node.own_price)[0]
        self._level = 0
        self._owed: Row = [0] * node.regions
        self._strength: Row = [0] * node.regions

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """One step; see ``Unit.step``."""
        node = self._node
        work = {"macs_off_core": node.stages * node.tokens + node.regions}
        fixed = arrived["fixed"][0][0][0]
        if fixed == 0:
            closed = zeros(node.stages, node.tokens)
            return {"out": closed, "admitted": [[0] * node.regions], "ledger": [[0, 0]]}, work
        sched = arrived["sched"][0]
        base = fixed + sum(p * row.count(1) for p, row in zip(self._own_price, sched, strict=True))
        limit = base * node.cap_percent // 100
        refilled = self._level + base * node.refill_percent // 100
        self._level = min(refilled, node.capacity)
        wide = [base * node.cap_percent, base * node.refill_percent, refilled]
        self._guard.within(wide, GATE_BITS, "register", step, "[")
        self._note_spikes(arrived["spikes"][0][0], arrived["membrane"][0][0])
        admitted, spent = self._admit(self._costs(sched), min(self._level, limit))
        opened = [
            [int(s == 1 or admitted[r] == 1) for s, r in zip(row, self._region_of, strict=True)]
            for row in sched
        ]
        return {"out": opened, "admitted": [admitted], "ledger": [[base, spent]]}, work

    def _note_spikes(self, spikes: Row, membrane: Row) -> None:
        for r, spike in enumerate(spikes):
            if spike:
                self._owed[r] = self._node.hold
                self._strength[r] = max(self._strength[r], membrane[r])

    def _costs(self, sched: Table) -> Row:
        """MACs to open the closed tokens of each region."""
        cost = [0] * self._node.regions
        for price, row in zip(self._price, sched, strict=True):
            for r, scheduled in zip(self._region_of, row, strict=True):
                if scheduled == 0:
                    cost[r] += price
        return cost

    def _admit(self, cost: Row, purse: int) -> tuple[Row, int]:
        """Serve the strongest regions that fit the purse: who was admitted, and what it cost."""
        admitted, spent = [0] * self._node.regions, 0
        waiting = [r for r, owed in enumerate(self._owed) if owed > 0]
        for r in sorted(waiting, key=lambda r: (-self._strength[r], r)):
            if cost[r] > purse:
                self._strength[r] >>= 1
                if self._strength[r] == 0:
                    self._owed[r] = 0
                continue
            admitted[r] = 1
            purse -= cost[r]
            self._level -= cost[r]
            spent += cost[r]
            self._owed[r] -= 1
            if self._owed[r] == 0:
                self._strength[r] = 0
        return admitted, spent
