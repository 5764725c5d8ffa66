"""Two answers to one case, integer by integer; the first difference in time, then in the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from conversion.cases.case import Known
from conversion.graph import Graph
from sims.conformance.answer import Answer, IntArray
from sims.counts import COUNT_FIELDS, NodeCounts


@dataclass(frozen=True)
class Mismatch:
    """The first place where an answer holds another integer than expected.

    Args:
        clock: ``"step"`` or ``"frame"``.
        time: Its number.
        node: The node, or the name of a recorded row.
        neuron: Index within the node's value; empty for a count.
        field: The port, or the count.
        found: The integer that was found.
        expected: The one that was expected.
    """

    clock: str
    time: int
    node: str
    neuron: tuple[int, ...]
    field: str
    found: int
    expected: int

    def __str__(self) -> str:
        at = f", neuron {list(self.neuron)}" if self.neuron else ""
        what = f" {self.field}" if self.field else ""
        where = f"{self.clock} {self.time}, node {self.node!r}{at}{what}"
        return f"{where}: {self.found}, expected {self.expected}"


@dataclass(frozen=True)
class Comparison:
    """What comparing two answers found.

    Args:
        values: Integers compared.
        mismatches: Integers that differ; a failure that only one side has counts as one.
        first: The first difference in one line; empty if there is none.
        ports: Ports compared.
    """

    values: int = 0
    mismatches: int = 0
    first: str = ""
    ports: int = 0

    def __add__(self, other: Comparison) -> Comparison:
        """Both together; the first difference of the left one wins."""
        return Comparison(
            self.values + other.values,
            self.mismatches + other.mismatches,
            self.first or other.first,
            self.ports + other.ports,
        )


Pair = tuple[str, str, IntArray, IntArray]
"""Node, field, found and expected integers, time first."""


def compare(graph: Graph, found: Answer, expected: Answer, *, partial: bool = False) -> Comparison:
    """Every port at every step (by frame where one side has no steps), and every count.

    Args:
        graph: The graph both ran.
        found: The answer in question.
        expected: The answer it is measured by.
        partial: Whether ``found`` may lack ports.
    """
    if found.overflow or expected.overflow:
        return _refusals(found, expected)
    clock = "frame" if found.by_step is None or expected.by_step is None else "step"
    left = found.values if clock == "frame" else found.by_step or {}
    right = expected.values if clock == "frame" else expected.by_step or {}
    faults = _missing(left, right, partial)
    if faults:
        return Comparison(values=1, mismatches=1, first=faults)
    keys = [(n.name, port) for n in graph.order for port in n.outputs if f"{n.name}.{port}" in left]
    pairs = [(node, port, left[f"{node}.{port}"], right[f"{node}.{port}"]) for node, port in keys]
    result = _tallied(pairs, clock, ports=len(keys))
    if found.counts is not None and expected.counts is not None:
        result += _counted(graph, found.counts, expected.counts)
    return result


def compare_known(found: Answer, known: Known) -> Comparison:
    """What an engine shows against what is known without any engine, by frame."""
    if found.overflow:
        return Comparison(1, 1, f"refused ({found.overflow}), where values are known")
    shown = known.read(found.values)
    pairs = []
    for key, want in known.values.items():
        node, _, port = key.rpartition(".")
        pairs.append((node or key, port if node else "", shown[key][: len(want)], want))
    return _tallied(pairs, "frame", ports=0)


def _refusals(found: Answer, expected: Answer) -> Comparison:
    """Whether both refuse; which register they name is theirs (docs/fixed_point.md §9)."""
    if found.overflow and expected.overflow:
        return Comparison(values=1)
    says = found.overflow or expected.overflow
    who = "only this engine refuses" if found.overflow else "this engine does not refuse"
    return Comparison(1, 1, f"{who}: {says}")


def _missing(left: Mapping[str, IntArray], right: Mapping[str, IntArray], partial: bool) -> str:
    unknown = sorted(set(left) - set(right))
    if unknown:
        return f"it shows {unknown[0]!r}, which is no port of the graph"
    lacking = sorted(set(right) - set(left))
    if not left or (lacking and not partial):
        return f"it does not show {lacking[0]!r}" if lacking else "it shows nothing"
    for key, array in left.items():
        if array.shape != right[key].shape:
            return f"{key!r} has shape {array.shape}, expected {right[key].shape}"
    return ""


def _tallied(pairs: list[Pair], clock: str, ports: int) -> Comparison:
    """Count what differs and find the earliest difference, of several the first pair's."""
    values = mismatches = 0
    first: Mismatch | None = None
    for node, field, found, expected in pairs:
        if found.shape != expected.shape:
            fault = f"{node!r} {field} has shape {found.shape}, expected {expected.shape}"
            return Comparison(values + 1, mismatches + 1, fault, ports)
        differs = found != expected
        values += differs.size
        mismatches += int(np.count_nonzero(differs))
        if differs.any():
            at = tuple(int(i) for i in np.unravel_index(int(np.argmax(differs)), differs.shape))
            if first is None or at[0] < first.time:
                there = int(found[at]), int(expected[at])
                first = Mismatch(clock, at[0], node, at[1:], field, *there)
    return Comparison(values, mismatches, "" if first is None else str(first), ports)


def _counted(
    graph: Graph, found: Mapping[str, NodeCounts], expected: Mapping[str, NodeCounts]
) -> Comparison:
    if set(found) != set(expected):
        odd = sorted(set(found) ^ set(expected))[0]
        return Comparison(1, 1, f"node {odd!r} is counted by one engine only")
    for name, counts in found.items():
        other = expected[name]
        for field in ("kind", "runs_on", "neurons"):
            mine, theirs = getattr(counts, field), getattr(other, field)
            if mine != theirs:
                return Comparison(1, 1, f"counts of {name!r}: {field} {mine}, expected {theirs}")
    return _tallied(list(_count_pairs(graph, found, expected)), "frame", ports=0)


def _count_pairs(
    graph: Graph, found: Mapping[str, NodeCounts], expected: Mapping[str, NodeCounts]
) -> Iterator[Pair]:
    for node in graph.order:
        if node.name in found:
            for field in COUNT_FIELDS:
                yield (
                    node.name,
                    field,
                    getattr(found[node.name], field),
                    getattr(expected[node.name], field),
                )
