"""The restore gate: spikes open token gates under the compute cap (docs/fixed_point.md §7)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from loihi.integers import IntArray
from loihi.shim import (
    CPU,
    AbstractProcess,
    InPort,
    LavaPyType,
    LoihiProtocol,
    OutPort,
    PyInPort,
    PyLoihiProcessModel,
    PyOutPort,
    Var,
    implements,
    requires,
    tag,
)


class RestoreGate(AbstractProcess):  # type: ignore[misc]
    """Admits spiking regions while the purse lasts; runs on an embedded processor or the host.

    Args:
        region_of: Region of each token, shape (N,).
        price: MACs charged per restored token and stage, shape (S,).
        own_price: MACs a scheduled token counts as own work, shape (S,).
        regions: Number of regions R.
        hold: Frames a spike keeps its region wanted.
        cap_percent: Most that may be spent, in percent of the frame's base.
        refill_percent: What the level gains per frame, in percent of the base.
        capacity: Largest level, in MACs.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {
        "spikes": "spikes_in", "membrane": "membrane_in", "sched": "sched_in", "fixed": "fixed_in",
        "out": "open_out", "admitted": "admitted_out", "ledger": "ledger_out",
    }  # fmt: skip

    def __init__(
        self, *, region_of: IntArray, price: IntArray, regions: int, **params: Any
    ) -> None:
        super().__init__(region_of=region_of, price=price, regions=regions, **params)
        mask = (price.shape[0] * region_of.shape[0],)
        self.spikes_in = InPort(shape=(regions,))
        self.membrane_in = InPort(shape=(regions,))
        self.sched_in = InPort(shape=mask)
        self.fixed_in = InPort(shape=(1,))
        self.open_out = OutPort(shape=mask)
        self.admitted_out = OutPort(shape=(regions,))
        self.ledger_out = OutPort(shape=(2,))
        self.level = Var(shape=(1,), init=0)
        self.owed = Var(shape=(regions,), init=0)
        self.strength = Var(shape=(regions,), init=0)


@implements(proc=RestoreGate, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRestoreGateModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`RestoreGate`."""

    spikes_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    membrane_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    sched_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    fixed_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    open_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=1)
    admitted_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=1)
    ledger_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    level: Any = LavaPyType(np.ndarray, np.int64)
    owed: Any = LavaPyType(np.ndarray, np.int64)
    strength: Any = LavaPyType(np.ndarray, np.int64)

    def run_spk(self) -> None:
        """One frame of the gate; a step without a frame changes nothing."""
        p = self.proc_params
        spikes, membrane = self.spikes_in.recv(), self.membrane_in.recv()
        sched = self.sched_in.recv().reshape(p["price"].shape[0], -1)
        fixed = int(self.fixed_in.recv()[0])
        admitted = np.zeros(p["regions"], np.int64)
        ledger = np.zeros(2, np.int64)
        opened = np.zeros_like(sched)
        if fixed != 0:
            base = fixed + int((p["own_price"] * sched.sum(axis=1)).sum())
            self._owe(spikes, membrane)
            ledger[:] = base, self._admit(base, self._costs(sched), admitted)
            opened = sched | admitted[p["region_of"]]
        self.open_out.send(opened.reshape(-1))
        self.admitted_out.send(admitted)
        self.ledger_out.send(ledger)

    def _owe(self, spikes: IntArray, membrane: IntArray) -> None:
        fired = spikes != 0
        self.owed[fired] = self.proc_params["hold"]
        self.strength[fired] = np.maximum(self.strength, membrane)[fired]

    def _costs(self, sched: IntArray) -> IntArray:
        """MACs to open every closed gate of each region, shape (R,)."""
        p = self.proc_params
        costs = np.zeros(p["regions"], np.int64)
        np.add.at(costs, p["region_of"], (p["price"][:, None] * (sched == 0)).sum(axis=0))
        return costs

    def _admit(self, base: int, costs: IntArray, admitted: IntArray) -> int:
        """Admit wanted regions from strongest to weakest; returns the MACs spent."""
        p = self.proc_params
        refilled = int(self.level[0]) + base * p["refill_percent"] // 100
        self._fit(base * p["cap_percent"], base * p["refill_percent"], refilled)
        level = min(refilled, p["capacity"])
        purse = min(level, base * p["cap_percent"] // 100)
        spent = 0
        wanted = [r for r in range(p["regions"]) if self.owed[r] > 0]
        for r in sorted(wanted, key=lambda r: (-int(self.strength[r]), r)):
            if costs[r] > purse - spent:
                self.strength[r] //= 2
                if self.strength[r] == 0:
                    self.owed[r] = 0
                continue
            spent += int(costs[r])
            admitted[r] = 1
            self.owed[r] -= 1
            if self.owed[r] == 0:
                self.strength[r] = 0
        self.level[0] = level - spent
        return spent

    def _fit(self, *registers: int) -> None:
        """Refuse what a register of 64 bits cannot hold; Python's integers go on beyond it."""
        for value in registers:
            if not -(1 << 63) <= value < 1 << 63:
                raise OverflowError(
                    f"node {self.proc_params['name']!r}: register = {value} at step "
                    f"{self.time_step - 1} does not fit 64 bits; lower its inputs"
                )
