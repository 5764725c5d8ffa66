"""Several cases side by side in one graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from conversion.cases.building import Case, Inputs
from conversion.graph import Graph


def tag(index: int) -> str:
    """What stands before the names of the nodes of one case."""
    return f"{index}:"


def merged(cases: Mapping[str, Case]) -> Case:
    """All cases side by side in one graph, because starting Lava costs more than running it."""
    nodes, edges = [], []
    inputs: Inputs = {}
    frames = max(len(array) for _, arrays in cases.values() for array in arrays.values())
    for index, (graph, arrays) in enumerate(cases.values()):
        lead = tag(index)
        nodes += [replace(node, name=lead + node.name) for node in graph.nodes]
        edges += [replace(e, source=lead + e.source, target=lead + e.target) for e in graph.edges]
        for name, array in arrays.items():
            padded = np.zeros((frames, *array.shape[1:]), np.int64)
            padded[: len(array)] = array
            inputs[lead + name] = padded
    graph = Graph(name="all cases", dialect="quantised", nodes=tuple(nodes), edges=tuple(edges))
    return graph, inputs
