"""Find thresholds that save most work for the least error: a greedy walk over groups of encoders.

Encoders whose names differ only in numbers form a group (``block1.h``, ``block2.h``, …) and share a
threshold. From all zeros, each step doubles the threshold of the group that saves most work per
error it adds. Ratios are re-measured lazily: only the group that looks best is tried again where
the walk stands now, and it is taken when it still is (Minoux 1978, "Accelerated greedy algorithms",
which is exact where savings only shrink as others are made).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from conversion.graph import Graph
from conversion.nodes import Delta
from depth_snn.errors import GraphError

START = 2
"""First rung above 0: a threshold of 1 sends what 0 sends."""


@dataclass(frozen=True)
class Measured:
    """What thresholds cost: ``work`` in synaptic operations, and ``error`` of what comes out."""

    work: float
    error: float


@dataclass(frozen=True)
class Setting:
    """One point of the walk: thresholds by encoder, and what they were measured to do."""

    thresholds: Mapping[str, int]
    measured: Measured


Measure = Callable[[Mapping[str, int]], Measured]


def groups_of(graph: Graph) -> dict[str, tuple[Delta, ...]]:
    """Encoders by their name without numbers."""
    found: dict[str, list[Delta]] = {}
    for node in graph.nodes:
        if isinstance(node, Delta):
            found.setdefault(re.sub(r"\d+", "", node.name), []).append(node)
    return {name: tuple(nodes) for name, nodes in found.items()}


def tune_thresholds(graph: Graph, measure: Measure, limit: float) -> Iterator[Setting]:
    """Walk from zero thresholds to the last setting whose error is within the limit.

    Args:
        graph: A graph in the quantised dialect.
        measure: Runs the graph under thresholds by encoder; the same ones give the same answer.
        limit: Largest error.

    Yields:
        Settings with less and less work, the first with nothing held back.

    Raises:
        GraphError: if the graph has no encoder.
    """
    groups = groups_of(graph)
    if not groups:
        raise GraphError(f"graph {graph.name!r} has no encoder whose threshold could be tuned")
    chosen = dict.fromkeys(groups, 0)
    here = Setting(_by_encoder(groups, chosen), measure(_by_encoder(groups, chosen)))
    yield here
    hopes, tried = dict.fromkeys(groups, float("inf")), dict[str, Setting]()
    while hopes:
        name = max(hopes, key=lambda group: hopes[group])
        raised = max(START, 2 * chosen[name])
        if hopes[name] <= 0 or raised > min(node.hi for node in groups[name]):
            del hopes[name]  # it saves nothing any more, or would never speak again
            continue
        if name not in tried:
            thresholds = _by_encoder(groups, {**chosen, name: raised})
            tried[name] = Setting(thresholds, measure(thresholds))
        there = tried[name].measured
        hopes[name] = _gain(here.measured, there)
        if there.error > limit:
            del hopes[name]
        elif 0 < hopes[name] >= max(hopes.values()):
            chosen[name], here = raised, tried[name]
            tried.clear()
            yield here


def _by_encoder(
    groups: Mapping[str, tuple[Delta, ...]], chosen: Mapping[str, int]
) -> dict[str, int]:
    return {node.name: chosen[name] for name, nodes in groups.items() for node in nodes}


def _gain(here: Measured, there: Measured) -> float:
    """Relative work saved per error added; infinite where there is no error to pay."""
    saved = (here.work - there.work) / here.work if here.work else 0.0
    if saved <= 0:
        return 0.0
    added = there.error - here.error
    return saved / added if added > 0 else float("inf")
