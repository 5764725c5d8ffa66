"""The restore gate: spikes to open tokens, under the compute cap (docs/fixed_point.md §7)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from conversion.nodes import RestoreGate
from sims.fast.body import Arrivals, Departures, whole
from sims.fast.tally import Tally
from sims.fast.width import HOST, Registers

IntArray = npt.NDArray[np.int64]


class RestoreGateBody:
    """Buys regions back, strongest first, out of a purse that never exceeds the cap."""

    def __init__(self, node: RestoreGate, registers: Registers) -> None:
        self._node = node
        self._width = registers.gate
        # With this and an Input's bound on ``fixed``, ``base`` fits int64.
        whole_price = sum(node.price.tolist()) * node.tokens
        HOST.check("price of all tokens", np.array([whole_price], object))
        self._level = 0
        self._owed = np.zeros(node.regions, np.int64)
        self._strength = np.zeros(node.regions, np.int64)
        self.tally = Tally(node)

    def step(self, inputs: Arrivals) -> Departures:
        """One frame: spikes, membrane, sched, fixed to the open mask, admitted and the ledger."""
        node = self._node
        self.tally.frame(macs_off_core=node.stages * node.tokens + node.regions)
        sched = whole(inputs, "sched")
        fixed = int(whole(inputs, "fixed")[0])
        admitted = np.zeros(node.regions, np.int64)
        if fixed == 0:
            ledger = np.zeros(2, np.int64)
            return {"out": np.zeros_like(sched), "admitted": admitted, "ledger": ledger}
        ones = np.count_nonzero(sched == 1, axis=1)
        base = fixed + sum(int(p) * int(n) for p, n in zip(node.own_price, ones, strict=True))
        refilled = self._level + base * node.refill_percent // 100
        products = [base * node.cap_percent, base * node.refill_percent, refilled]
        self._width.check("register", np.array(products, object))
        self._level = min(refilled, node.capacity)
        self._note_spikes(whole(inputs, "spikes"), whole(inputs, "membrane"))
        bought, spent = self._buy(self._costs(sched), base * node.cap_percent // 100)
        admitted[bought] = 1
        self._fade(admitted == 0)
        self._owed[bought] -= 1
        self._strength[self._owed == 0] = 0
        opened = (sched == 1) | (admitted[node.region_of] != 0)
        ledger = np.array([base, spent], np.int64)
        return {"out": opened.astype(np.int64), "admitted": admitted, "ledger": ledger}

    def _note_spikes(self, spikes: IntArray, membrane: IntArray) -> None:
        """Step 3."""
        fired = spikes != 0
        self._owed[fired] = self._node.hold
        self._strength[fired] = np.maximum(self._strength, membrane)[fired]

    def _fade(self, unserved: npt.NDArray[np.bool_]) -> None:
        """Step 6: requests passed over halve, and end at 0."""
        self._strength[unserved] >>= 1
        self._owed[unserved & (self._strength == 0)] = 0

    def _costs(self, sched: IntArray) -> IntArray:
        """Step 4: MACs to open all of each region, (R,)."""
        cost = np.zeros(self._node.regions, np.int64)
        np.add.at(cost, self._node.region_of, self._node.price @ (sched == 0).astype(np.int64))
        return cost

    def _buy(self, cost: IntArray, cap: int) -> tuple[list[int], int]:
        """Step 5: the regions admitted, and what they cost together."""
        purse, spent, bought = min(self._level, cap), 0, []
        waiting = np.flatnonzero(self._owed > 0)
        for r in waiting[np.argsort(-self._strength[waiting], kind="stable")].tolist():
            price = int(cost[r])
            if price <= purse:
                bought.append(r)
                purse -= price
                spent += price
        self._level -= spent
        return bought, spent
