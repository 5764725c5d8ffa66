"""The graph as a machine that goes from step to step (docs/fixed_point.md §1)."""

from __future__ import annotations

from collections.abc import Mapping

from conversion.graph import Graph
from conversion.nodes import (
    LIF,
    Conv,
    Delta,
    Dense,
    HostNode,
    HostNorm,
    HostTable,
    LinearAttention,
    Node,
    Output,
    Regroup,
    RestoreGate,
    SigmaDelta,
    Skip,
    SoftmaxAttention,
)
from depth_snn.errors import GraphError
from sims.reference.attention import AttentionUnit
from sims.reference.connections import DenseUnit, OutputUnit, SkipUnit
from sims.reference.encoders import DeltaUnit, SigmaDeltaUnit
from sims.reference.grid import ConvUnit, RegroupUnit
from sims.reference.guard import Guard
from sims.reference.host import NormUnit, TableUnit
from sims.reference.integers import Table, zeros
from sims.reference.population import LifUnit
from sims.reference.restore_gate import RestoreGateUnit
from sims.reference.softmax import SoftmaxUnit
from sims.reference.unit import Outputs, Unit, Work
from sims.reference.wire import Wire


def unit_of(node: Node, strict: bool, lag: int) -> Unit:
    """The unit that does what docs/fixed_point.md says of a node, whose lag is given.

    Raises:
        GraphError: if the node is no node of the quantised dialect.
    """
    guard = Guard(node=node.name, kind=node.kind, strict=strict)
    match node:
        case SigmaDelta():
            return SigmaDeltaUnit(node, guard, lag)
        case Delta():
            return DeltaUnit(node, guard, lag)
        case Dense():
            return DenseUnit(node, guard)
        case Conv():
            return ConvUnit(node, guard)
        case Skip():
            return SkipUnit(node, guard)
        case Regroup():
            return RegroupUnit(node, guard)
        case LinearAttention():
            return AttentionUnit(node, guard, lag - node.latency)
        case HostNode():
            return host_unit_of(node, guard, lag - node.latency)
        case LIF():
            return LifUnit(node, guard)
        case RestoreGate():
            return RestoreGateUnit(node, guard)
        case Output():
            return OutputUnit(node)
    raise GraphError(f"node {node.name!r} ({node.kind}): not a node of the quantised dialect")


def host_unit_of(node: HostNode, guard: Guard, first: int) -> Unit:
    """The unit of a host node, which frame 0 reaches at step ``first``."""
    match node:
        case HostNorm():
            return NormUnit(node, guard, first)
        case HostTable():
            return TableUnit(node, guard, first)
        case SoftmaxAttention():
            return SoftmaxUnit(node, guard, first)
    raise GraphError(f"node {node.name!r} ({node.kind}): not a node of the quantised dialect")


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
        strict: Whether a value outside its width raises (docs/fixed_point.md §9).

    Raises:
        GraphError: if a node cannot be simulated.
    """

    def __init__(self, graph: Graph, strict: bool) -> None:
        self._order = graph.order
        self._units = {
            n.name: unit_of(n, strict, graph.lags[n.name]) for n in graph.nodes if n.kind != "Input"
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
        for node in self._order:
            if node.name in frame:
                outputs, work[node.name] = {"out": frame[node.name]}, {}
            else:
                outputs, work[node.name] = self._compute(node, step)
            for port, value in outputs.items():
                shown[f"{node.name}.{port}"] = value
                for wire in self._wires_out[node.name, port]:
                    wire.put(step, value)
        return shown, work

    def _compute(self, node: Node, step: int) -> tuple[Outputs, Work]:
        arrived: dict[str, list[Table]] = {port: [] for port in node.inputs}
        for port, wire in self._wires_in[node.name]:
            arrived[port].append(wire.get(step))
        computed, work = self._units[node.name].step(step, arrived)
        if not node.latency:
            return computed, work
        # A synaptic connection shows one step later what it computed from this step's inputs.
        shown, self._under_way[node.name] = self._under_way[node.name], computed
        return shown, work


def _check_stage(node: Node, port: str, shape: tuple[int, ...]) -> None:
    kinds = Delta | LinearAttention | HostNode
    if port == "gate" and isinstance(node, kinds) and node.stage >= shape[0]:
        raise GraphError(
            f"node {node.name!r} ({node.kind}): stage {node.stage} "
            f"has no row in a mask of shape {shape}"
        )
