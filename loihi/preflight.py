"""Pre-flight: every limit of a target, checked on the graph before anything is built.

Works without Lava. What breaks a limit is named with node, value, limit and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conversion.bounds import Bound, interval_bounds
from conversion.graph import Graph
from conversion.nodes import Delay, Node
from conversion.placement import PLACED_KINDS
from depth_snn.errors import GraphError
from loihi.fans import fan_in, fans_out
from loihi.placing.bounds import fewest_cores, needs
from loihi.placing.faults import Fault, faults_of
from loihi.placing.layers import Layer, layers_of
from loihi.placing.tiling import Cutter
from loihi.target import Target

MANY = 5
"""Violations that one error line names."""
LIF_BITS = 24
"""Width of u and v by definition: a LIF wraps or is refused beyond it (docs/fixed_point.md §9)."""
ADVICE = {
    "weight_bits": "scale the weights down when converting",
    "exponent_max": "take part of the shift into the encoder behind it",
    "delay_max": "put populations between that hand the value on, or shorten the other branch",
    "payload_bits": "raise the encoder's shift, so that its messages are smaller",
    "register_bits": "raise the shifts in front of it, or join two words in microcode",
    "fan_in": "cut the node in two and add their sums",
    "fan_out": "copy it through a Skip, and let each copy drive a part",
    "cores": "take a target with more chips, the other mapping, or a smaller network",
    "embedded_processors_per_chip": "run it on the host",
}


@dataclass(frozen=True)
class Preflight:
    """What was found.

    Args:
        target: Name of the target.
        violations: Limits that are broken.
        warnings: What is usual is passed, or a limit is unknown.
        elsewhere: By processor, the nodes that do not run on neurocores.
        summary: (used, max) by resource; a maximum is None where it is unknown.
    """

    target: str
    violations: tuple[Fault, ...]
    warnings: tuple[str, ...]
    elsewhere: Mapping[str, tuple[str, ...]]
    summary: Mapping[str, tuple[int, int | None]]

    def refuse(self) -> None:
        """Raise where a limit is broken.

        Raises:
            GraphError: with the first violations.
        """
        if self.violations:
            named = "; ".join(str(fault) for fault in self.violations[:MANY])
            more = len(self.violations) - MANY
            rest = f"; and {more} more, see `depth-snn check --target`" if more > 0 else ""
            raise GraphError(f"target {self.target} cannot hold this graph: {named}{rest}")


def preflight(graph: Graph, target: Target, *, mapping: str = "spatial") -> Preflight:
    """Check every limit.

    Args:
        graph: A graph of the quantised dialect.
        target: Where it shall run.
        mapping: ``"spatial"`` or ``"serial"``.

    Raises:
        GraphError: The graph is no quantised one, or nothing of it runs on a neurocore.
    """
    cutter = Cutter(target, mapping == "serial")
    layers = layers_of(graph)
    bounds = interval_bounds(graph)
    used: dict[str, int] = {}
    faults: list[Fault] = []
    unusual: list[Fault] = []
    for name, node, value, what in _values(graph, layers, bounds, target):
        used[name] = max(used.get(name, 0), value)
        limit = target.limits[name]
        if limit.value is not None and value > limit.value:
            fault = Fault(node, name, value, limit.value, limit.unit, _remedy(name, what, target))
            (unusual if limit.usual else faults).append(fault)
    for layer in layers:
        faults.extend(faults_of(layer, cutter))
    faults.extend(_whole(graph, layers, cutter))
    warnings = _gathered(unusual)
    unknown = [n for n, limit in target.limits.items() if limit.value is None]
    if unknown:
        warnings.append(f"unknown for {target.name} and not checked: {', '.join(unknown)}")
    elsewhere = {
        place: tuple(n.name for n in graph.nodes if n.runs_on == place)
        for place in ("embedded", "host")
    }
    return Preflight(
        target.name, tuple(faults), tuple(warnings), elsewhere, _summary(used, layers, cutter)
    )


def _gathered(faults: list[Fault]) -> list[str]:
    """One line for each limit, with the node that needs most."""
    lines = []
    for name in sorted({fault.limit for fault in faults}):
        same = [fault for fault in faults if fault.limit == name]
        worst = max(same, key=lambda fault: fault.value)
        lines.append(
            f"{name}: {len(same)} node(s) are beyond the usual {worst.most} {worst.unit}, most of "
            f"all {worst.node!r} with {worst.value}; {worst.remedy}"
        )
    return lines


def _remedy(name: str, kind: str, target: Target) -> str:
    if name == "payload_bits" and target.value(name) == 1:
        return (
            f"this target sends binary spikes only, so a {kind} would run on the host or an "
            "embedded processor; take a Loihi 2, or a network of LIF neurons"
        )
    return ADVICE[name]


def _values(
    graph: Graph, layers: tuple[Layer, ...], bounds: Mapping[str, Bound], target: Target
) -> Iterator[tuple[str, str, int, str]]:
    """Limit, node, value and kind of everything that a node's own limits bound."""
    for node in graph.nodes:
        if node.runs_on != "neurocore":
            continue
        weight: Any = node.attributes().get("weight")
        if weight is not None and weight.size:
            peak = int(np.abs(weight).max(initial=0))
            yield "weight_bits", node.name, peak.bit_length() + int(weight.min() < 0), node.kind
        exponent: Any = node.attributes().get("exponent")
        if exponent is not None:
            yield "exponent_max", node.name, int(exponent), node.kind
        bits = LIF_BITS if node.kind == "LIF" else bounds[node.name].bits
        yield "register_bits", node.name, bits, node.kind
        if node.kind in PLACED_KINDS:
            yield "payload_bits", node.name, _payload(node, bounds), node.kind
        if isinstance(node, Delay):
            yield "delay_max", node.name, int(node.steps.max()), node.kind
    driven = fans_out(layers) if target.value("fan_out") is not None else {}
    for layer in layers:
        yield "fan_in", layer.name, fan_in(layer), layer.node.kind
        if driven:
            yield "fan_out", layer.name, driven[layer.name], layer.node.kind
        yield "delay_max", layer.name, layer.ring, layer.node.kind


def _payload(node: Node, bounds: Mapping[str, Bound]) -> int:
    """Bits of the largest message: a difference may be twice the largest value."""
    if node.kind == "LIF":
        return 1
    fields = node.attributes()
    if "lo" in fields:
        return int(fields["hi"] - fields["lo"]).bit_length() + 1
    return bounds[node.name].shown.bit_length() + 1


def _whole(graph: Graph, layers: tuple[Layer, ...], cutter: Cutter) -> Iterator[Fault]:
    """Limits that the network breaks as a whole."""
    least = fewest_cores(layers, cutter)
    by = max(least, key=lambda name: least[name])
    if least[by] > cutter.target.cores:
        yield Fault(
            graph.name, f"cores (by {by})", least[by], cutter.target.cores, "cores", ADVICE["cores"]
        )
    embedded = [n.name for n in graph.nodes if n.runs_on == "embedded"]
    processors = cutter.target.value("embedded_processors_per_chip")
    if processors == 0 and embedded:
        yield Fault(embedded[0], "embedded_processors_per_chip", 1, 0, "processors",
                    ADVICE["embedded_processors_per_chip"])  # fmt: skip


def _summary(
    used: Mapping[str, int], layers: tuple[Layer, ...], cutter: Cutter
) -> dict[str, tuple[int, int | None]]:
    target = cutter.target
    found: dict[str, tuple[int, int | None]] = {}
    for name, need in needs(layers, cutter).items():
        most = target.value(name)
        found[name.replace("_per_core", "")] = (need, most and most * target.cores)
    found["cores, at least"] = (max(fewest_cores(layers, cutter).values()), target.cores)
    for name, value in used.items():
        found[name] = (value, target.value(name))
    return found
