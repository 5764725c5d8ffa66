"""The graph as a machine that goes from step to step (docs/fixed_point.md §1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from conversion.graph import Graph
from conversion.nodes import Delta, HostNode, LinearAttention, Node
from depth_snn.errors import GraphError
from sims.overflow import Overflow
from sims.reference.attention import AttentionUnit
from sims.reference.connections import DenseUnit, OutputUnit, SkipUnit, SparseUnit
from sims.reference.encoders import DeltaUnit, SigmaDeltaUnit
from sims.reference.grid import ConvUnit, RegroupUnit
from sims.reference.guard import Guard
from sims.reference.host import NormUnit, TableUnit
from sims.reference.integers import Table, payload_bits, zeros
from sims.reference.pool import SumPoolUnit
from sims.reference.population import DelayUnit, LifUnit
from sims.reference.restore_gate import RestoreGateUnit
from sims.reference.softmax import SoftmaxUnit
from sims.reference.stock import StockSigmaDeltaUnit
from sims.reference.unit import Outputs, Unit, Work
from sims.reference.wire import Wire


def unit_of(node: Node, overflow: Overflow, lag: int) -> Unit:
    """The unit that does what docs/fixed_point.md says of a node, whose lag is given.

    Off the chip nothing wraps: in chip mode a host's or an embedded processor's registers raise.

    Raises:
        GraphError: if the node is no node of the quantised dialect.
    """
    off_chip = node.runs_on != "neurocore" and overflow == "chip"
    guard = Guard(node.name, node.kind, "strict" if off_chip else overflow)
    if node.kind not in UNITS:
        raise GraphError(f"node {node.name!r} ({node.kind}): not a node of the quantised dialect")
    return UNITS[node.kind](node, guard, lag)


UNITS: dict[str, Callable[[Any, Guard, int], Unit]] = {
    "Delta": DeltaUnit,
    "SigmaDelta": SigmaDeltaUnit,
    "Dense": lambda node, guard, _: DenseUnit(node, guard),
    "Sparse": lambda node, guard, _: SparseUnit(node, guard),
    "Conv": lambda node, guard, _: ConvUnit(node, guard),
    "SumPool": lambda node, guard, _: SumPoolUnit(node, guard),
    "Skip": lambda node, guard, _: SkipUnit(node, guard),
    "Regroup": lambda node, guard, _: RegroupUnit(node, guard),
    "LinearAttention": lambda node, guard, lag: AttentionUnit(node, guard, lag - node.latency),
    "HostNorm": lambda node, guard, lag: NormUnit(node, guard, lag - node.latency),
    "HostTable": lambda node, guard, lag: TableUnit(node, guard, lag - node.latency),
    "SoftmaxAttention": lambda node, guard, lag: SoftmaxUnit(node, guard, lag - node.latency),
    "LIF": LifUnit,
    "Delay": lambda node, _guard, _lag: DelayUnit(node),
    "RestoreGate": lambda node, guard, _: RestoreGateUnit(node, guard),
    "StockSigmaDelta": lambda node, guard, _: StockSigmaDeltaUnit(node, guard),
    "Output": lambda node, _guard, _lag: OutputUnit(node),
}
"""By kind, what makes the unit from the node, its width checks, and its lag."""


def empty_table(shape: tuple[int, ...]) -> Table:
    """Zeros for a value of some shape; a vector is one row."""
    rows = 1
    for size in shape[:-1]:
        rows *= size
    return zeros(rows, shape[-1])


class Machine:
    """All nodes of a graph with their states, and the wires between them.

    Args:
        graph: A graph of the quantised dialect.
        overflow: What a value outside its width does (docs/fixed_point.md §9).

    Raises:
        GraphError: if a node cannot be simulated, or a loop takes no step.
    """

    def __init__(self, graph: Graph, overflow: Overflow) -> None:
        self._order = graph.order_within_step
        self._units = {
            n.name: unit_of(n, overflow, graph.lags[n.name])
            for n in graph.nodes
            if n.kind != "Input"
        }
        self._wires_in: dict[str, list[tuple[str, Wire]]] = {n.name: [] for n in graph.nodes}
        self._wires_out: dict[tuple[str, str], list[Wire]] = {}
        self._under_way: dict[str, Outputs] = {}
        for node in graph.nodes:
            for port in node.outputs:
                self._wires_out[node.name, port] = []
            if node.latency:
                empty = {port: empty_table(node.output_shape(port)) for port in node.outputs}
                self._under_way[node.name] = empty
        for edge in graph.edges:
            shape = graph.by_name[edge.source].output_shape(edge.source_port)
            _check_stage(graph.by_name[edge.target], edge.port, shape)
            wire = Wire(edge.delay, empty_table(shape))
            self._wires_in[edge.target].append((edge.port, wire))
            self._wires_out[edge.source, edge.source_port].append(wire)

    def step(
        self, step: int, frame: Mapping[str, Table]
    ) -> tuple[dict[str, Table], dict[str, Work]]:
        """Take one step.

        Args:
            step: Its number; steps are taken in order from 0.
            frame: What is presented to each Input.

        Returns:
            What every output port shows, by ``"node.port"``, and the work each node did.

        Raises:
            OverflowInGraph: if strict and a value does not fit its register.
        """
        shown: dict[str, Table] = {}
        work: dict[str, Work] = {}
        # A synaptic connection shows from the beginning of a step what it computed in the last.
        for name, outputs in self._under_way.items():
            self._show(step, name, outputs, shown)
        for node in self._order:
            if node.name in frame:
                work[node.name] = {}
                self._show(step, node.name, {"out": frame[node.name]}, shown)
                continue
            computed, work[node.name] = self._compute(node, step)
            if node.latency:
                self._under_way[node.name] = computed
            else:
                self._show(step, node.name, computed, shown)
        return shown, work

    def _show(self, step: int, name: str, outputs: Outputs, shown: dict[str, Table]) -> None:
        for port, value in outputs.items():
            shown[f"{name}.{port}"] = value
            for wire in self._wires_out[name, port]:
                wire.put(step, value)

    def _compute(self, node: Node, step: int) -> tuple[Outputs, Work]:
        arrived: dict[str, list[Table]] = {port: [] for port in node.inputs}
        for port, wire in self._wires_in[node.name]:
            arrived[port].append(wire.get(step))
        computed, work = self._units[node.name].step(step, arrived)
        if "messages" in work or "spikes" in work:
            work["message_bits"] = payload_bits(computed["out"], spikes="spikes" in work)
        return computed, work


def _check_stage(node: Node, port: str, shape: tuple[int, ...]) -> None:
    kinds = Delta | LinearAttention | HostNode
    if port == "gate" and isinstance(node, kinds) and node.stage >= shape[0]:
        raise GraphError(
            f"node {node.name!r} ({node.kind}): stage {node.stage} "
            f"has no row in a mask of shape {shape}"
        )
