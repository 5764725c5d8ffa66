"""A placement without an optimiser, for tests: every node cut into as many parts, core by core."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from conversion.graph import Graph
from conversion.placement import PLACED_KINDS, Core, Part, Placement

COLUMNS, ROWS, PER_ROUTER = 8, 4, 4


def even_placement(graph: Graph, parts: int, *, by_channel: bool = False) -> Placement:
    """Cut every node that must be placed into runs of its values, or of each row's channels."""
    follower = {edge.source: edge.target for edge in reversed(graph.edges)}
    placed: dict[str, tuple[Part, ...]] = {}
    used = 0
    for node in graph.order:
        behind = graph.by_name.get(follower.get(node.name, ""))
        alone = behind is None or behind.runs_on != "neurocore"
        alone = alone or behind.output_shape("out") != node.output_shape("out")
        connection = node.runs_on == "neurocore" and node.kind not in ("Delay", *PLACED_KINDS)
        if node.kind not in PLACED_KINDS and not (connection and alone):
            continue
        shape = node.output_shape("out")
        rows = shape[0] if by_channel else 1
        size = int(np.prod(shape)) // rows
        ends = np.unique(np.linspace(0, size, min(parts, size) + 1).astype(int)).tolist()
        placed[node.name] = tuple(
            Part(used + i, row * size + first, row * size + last)
            for row in range(rows)
            for i, (first, last) in enumerate(pairwise(ends))
        )
        used += len(ends) - 1
    return Placement(tuple(map(core_at, range(used))), placed)


def core_at(index: int) -> Core:
    """The place of a core when routers are filled one after the other."""
    chip, rest = divmod(index, COLUMNS * ROWS * PER_ROUTER)
    row, column = divmod(rest // PER_ROUTER, COLUMNS)
    return Core(chip, column, row)
