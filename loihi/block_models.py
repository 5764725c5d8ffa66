"""The two models of a block: one fast leaf, and processes that could each go to a chip.

Their outputs are the same integers at the same steps. Lava selects between them as it does for any
hierarchical process: by ``select_sub_proc_model`` of the run configuration.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from loihi.block_plan import ENTRY, GATE, BlockPlan, Wire
from loihi.block_units import Arrivals, Unit, unit_of
from loihi.integers import IntArray
from loihi.leaves import leaf_process
from loihi.processes.line import Line
from loihi.shim import (
    AbstractProcess,
    AbstractSubProcessModel,
    InPort,
    OutPort,
    PyLoihiProcessModel,
)
from loihi.stock import MAX_MATRIX, matrix_entries, stock_process, stock_suffices


class Block(AbstractProcess):  # type: ignore[misc]
    """A part of the network as one process; a port ``<role>_out`` shows each of its parts.

    Args:
        plan: What is inside.
        name: Name in messages.
    """

    def __init__(self, *, plan: BlockPlan, **params: Any) -> None:
        super().__init__(plan=plan, **params)
        rows, columns = plan.mask_shape
        self.s_in = InPort(shape=(plan.entry_size,))
        self.gate_in = InPort(shape=(rows * columns,))
        for role in plan.parts:
            setattr(self, f"{role}_out", OutPort(shape=(plan.size(role),)))


class BlockLeaf(PyLoihiProcessModel):  # type: ignore[misc]
    """Fast leaf model: all parts in one process, one after the other within a step."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.plan: BlockPlan = proc_params["plan"]
        self.pipeline = Pipeline(self.plan)

    def run_spk(self) -> None:
        """Receive, let every part take its step, and show what each shows."""
        arrived = {ENTRY: self.s_in.recv()}
        if self.plan.gate is not None:
            arrived[GATE] = self.gate_in.recv()
        for role, values in self.pipeline.step(arrived, self.time_step - 1).items():
            getattr(self, f"{role}_out").send(values)


class Pipeline:
    """The parts of a block and what lies on the wires between them."""

    def __init__(self, plan: BlockPlan) -> None:
        graph = plan.graph
        self.units: dict[str, Unit] = {
            role: unit_of(node, graph.lags[node.name]) for role, node in plan.parts.items()
        }
        self.into: dict[str, list[Wire]] = {
            role: [wire for wire in plan.wires if wire.target == role] for role in plan.parts
        }
        rows, columns = plan.mask_shape
        sizes = {role: plan.size(role) for role in plan.parts}
        sizes |= {ENTRY: plan.entry_size, GATE: rows * columns}
        self.late: dict[Wire, deque[IntArray]] = {
            wire: deque([np.zeros(sizes[wire.source], np.int64)] * wire.delay)
            for wire in plan.wires
            if wire.delay
        }

    def step(self, arrived: Arrivals, step: int) -> dict[str, IntArray]:
        """What each part shows at ``step``, by role."""
        shown: dict[str, IntArray] = dict(arrived)
        for role, unit in self.units.items():
            ports: dict[str, IntArray] = {}
            for wire in self.into[role]:
                values = self._carried(wire, shown[wire.source])
                ports[wire.port] = ports[wire.port] + values if wire.port in ports else values
            shown[role] = unit.step(ports, step)
        return {role: shown[role] for role in self.units}

    def _carried(self, wire: Wire, values: IntArray) -> IntArray:
        if not wire.delay:
            return values
        self.late[wire].append(values)
        return self.late[wire].popleft()


class BlockOfProcesses(AbstractSubProcessModel):  # type: ignore[misc]
    """A process for each part: stock Lava where it computes the part exactly, ours elsewhere."""

    def __init__(self, proc: Any) -> None:
        plan: BlockPlan = proc.proc_params["plan"]
        made = {role: part_process(plan, role) for role in plan.parts}
        for role, (process, ports) in made.items():
            setattr(self, f"part_{role}", process)
            outside = getattr(proc, f"{role}_out")
            # Lava follows a port of the block to its end, and one that nobody reads has none.
            if outside.out_connections:
                getattr(process, ports["out"]).connect(outside)
        for index, wire in enumerate(plan.wires):
            process, ports = made[wire.target]
            target = getattr(process, ports[wire.port])
            if wire.source in made:
                before, outs = made[wire.source]
                source = getattr(before, outs["out"])
            else:
                source = getattr(proc, wire.source)
            if wire.delay:
                line = Line(size=source.size, delay=wire.delay, name=f"{plan.name} line {index}")
                setattr(self, f"line_{index}", line)
                source.connect(line.a_in)
                source = line.s_out
            source.connect(target)


def part_process(plan: BlockPlan, role: str) -> tuple[Any, dict[str, str]]:
    """The process of one part, and its port names."""
    node = plan.parts[role]
    exact = stock_suffices(plan.graph, node, needs_membrane=False)
    if exact and matrix_entries(node) <= MAX_MATRIX:
        return stock_process(plan.graph, node)
    return leaf_process(plan.graph, node)
