"""What of a graph goes to neurocores, what stays with the host, and where messages cross.

The plan is data, made without Lava, so that it can be read, tested and sent before any board is
there. A neuron goes to the chip only with all connections that feed it, since a chip's neuron is
reached through synapses alone; a connection goes only with all neurons it feeds, since sums do not
leave a core.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from conversion.graph import Edge, Graph
from depth_snn.errors import InputError
from loihi.chip_nodes import CONNECTIONS, binary, chip_fault
from loihi.integers import MESSAGE_BITS

Port = tuple[str, str]


@dataclass(frozen=True)
class Crossing:
    """A port whose values cross between host and neurocores, through one adapter each way.

    Attributes:
        node, port: Whose values.
        to_core: From the host to neurocores (PyToNx); otherwise back (NxToPy).
        message_bits: 0 for spikes without payload, 24 for graded messages.
        sign_extended: Whether the host restores the sign of 24-bit values.
    """

    node: str
    port: str
    to_core: bool
    message_bits: int
    sign_extended: bool


@dataclass(frozen=True)
class ChipPlan:
    """Where every node runs.

    Attributes:
        on_core: Nodes on neurocores, in the order of the graph.
        reasons: Why each other node stays with the host.
        crossings: Ports that need an adapter, those to the cores first.
        uneven: Nodes that values reach by paths with different numbers of crossings; should an
            adapter cost a step, those would mix frames.
    """

    on_core: tuple[str, ...]
    reasons: Mapping[str, str]
    crossings: tuple[Crossing, ...]
    uneven: tuple[str, ...]

    def fields(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "on_core": list(self.on_core),
            "reasons": dict(self.reasons),
            "crossings": [vars(crossing) for crossing in self.crossings],
            "uneven": list(self.uneven),
        }


def make_plan(graph: Graph, probes: Collection[str] = ()) -> ChipPlan:
    """Divide a graph between neurocores and host.

    Args:
        graph: A graph of the quantised dialect.
        probes: ``node.port`` that the host records; those of neurocores cross too.

    Returns:
        The plan with the most nodes on neurocores.
    """
    reasons = _reasons(graph)
    core = {node.name for node in graph.nodes if node.name not in reasons}
    on_core = tuple(node.name for node in graph.nodes if node.name in core)
    to_core = _unique((e.source, e.source_port) for e in graph.edges if _enters(e, core))
    back = _unique((e.source, e.source_port) for e in graph.edges if _leaves(e, core))
    read = [(name, port) for name, _, port in (key.rpartition(".") for key in probes)]
    back = _unique([*back, *(port for port in read if port[0] in core)])
    crossings = [_crossing(graph, port, to_core=True) for port in to_core]
    crossings += [_crossing(graph, port, to_core=False) for port in back]
    return ChipPlan(on_core, reasons, tuple(crossings), _uneven(graph, core))


def readable(graph: Graph, plan: ChipPlan, key: str) -> bool:
    """Whether the host can see port ``key`` while the graph runs on a chip.

    Sums of a connection stay inside a core, and Lava's LIF sends no membrane.
    """
    name, _, port = key.rpartition(".")
    node = graph.by_name[name]
    return name not in plan.on_core or (not isinstance(node, CONNECTIONS) and port == "out")


def has_port(plan: ChipPlan, key: str) -> bool:
    """Whether the process of a node shows port ``key``, on a CPU too; Lava's show ``out`` only."""
    name, _, port = key.rpartition(".")
    return name not in plan.on_core or port == "out"


def require_shown(plan: ChipPlan, probes: Collection[str]) -> None:
    """Refuse to record what a chip's process has no port for.

    Raises:
        InputError: naming the first such port.
    """
    for key in probes:
        if not has_port(plan, key):
            port = key.rpartition(".")[2]
            raise InputError(f"port {key!r}: Lava's LIF does not send its {port}; leave it out")


def _reasons(graph: Graph) -> dict[str, str]:
    """Why each node stays with the host; nodes pull their neighbours along until none moves."""
    reasons = {}
    for node in graph.nodes:
        fault = chip_fault(graph, node)
        if fault is not None:
            reasons[node.name] = fault
    moved = True
    while moved:
        moved = False
        for node in graph.nodes:
            fault = None if node.name in reasons else _bad_neighbour(graph, node.name, reasons)
            if fault is not None:
                reasons[node.name] = fault
                moved = True
    return {node.name: reasons[node.name] for node in graph.nodes if node.name in reasons}


def _bad_neighbour(graph: Graph, name: str, reasons: Mapping[str, str]) -> str | None:
    """Why a node that could run on a core by itself cannot where it stands."""
    node = graph.by_name[name]
    late = [e for e in graph.incoming[name] if e.delay]
    twice = [e for e, n in Counter(graph.incoming[name]).items() if n > 1]
    if late:
        return f"the edge from {late[0].source!r} is delayed, and delays are kept by the host"
    if twice:
        return f"the edge from {twice[0].source!r} is there more than once"
    if not isinstance(node, CONNECTIONS):
        for edge in graph.incoming[name]:
            source = graph.by_name[edge.source]
            if edge.source in reasons or not isinstance(source, CONNECTIONS):
                return f"{edge.source!r} feeds it from outside the synapses of the chip"
        return None
    followers = [e for e in graph.edges if e.source == name]
    away = [e for e in followers if e.target in reasons]
    other = [e for e in followers if isinstance(graph.by_name[e.target], CONNECTIONS)]
    if away or other or not followers:
        whom = repr((away or other)[0].target) if followers else "nothing"
        return f"it feeds {whom}, which is no neuron on the chip"
    return None


def _enters(edge: Edge, core: set[str]) -> bool:
    return edge.source not in core and edge.target in core


def _leaves(edge: Edge, core: set[str]) -> bool:
    return edge.source in core and edge.target not in core


def _unique(ports: Any) -> list[Port]:
    return list(dict.fromkeys(ports))


def _crossing(graph: Graph, port: Port, *, to_core: bool) -> Crossing:
    spikes = binary(graph, *port)
    bits = 0 if spikes else MESSAGE_BITS
    return Crossing(*port, to_core, bits, sign_extended=not to_core and not spikes)


def _uneven(graph: Graph, core: set[str]) -> tuple[str, ...]:
    fewest: dict[str, int] = {}
    most: dict[str, int] = {}
    for node in graph.order:
        edges = graph.forward[node.name]
        steps = [int((e.source in core) != (e.target in core)) for e in edges]
        low = [fewest[e.source] + n for e, n in zip(edges, steps, strict=True)]
        high = [most[e.source] + n for e, n in zip(edges, steps, strict=True)]
        fewest[node.name], most[node.name] = min(low, default=0), max(high, default=0)
    uneven = {name for name in fewest if fewest[name] != most[name]}
    for edge in graph.edges:
        # Once around a loop must cost no crossing either, or it would bring an older frame.
        cost = int((edge.source in core) != (edge.target in core))
        if edge.recurrent and most[edge.source] + cost != fewest[edge.target]:
            uneven.add(edge.target)
    return tuple(node.name for node in graph.order if node.name in uneven)
