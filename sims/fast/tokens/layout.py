"""Where the values of a program of tokens lie."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from conversion.graph import Graph
from conversion.nodes import Input, Node, Output
from sims.fast.tokens.fits import in_rows
from sims.fast.tokens.tables import VALUE, Values

Key = tuple[str, str]
FRAMES_MAX = 8
"""Frames of a chunk; more would not be faster."""
CHUNK_BYTES = 2**21
"""A chunk of all values stays within this, as long as it has more than one frame."""
ALIGNED = 16
"""Rows of a value begin at a multiple of so many items."""


@dataclass
class Layout:
    """Places of all values.

    Args:
        frames: Frames of a chunk.
        values: Values held by rows.
        number: Number of each of these, by node and port.
        whole: Offset and width of each other one; its rows lie behind each other.
        sizes: Items of the arrays of row numbers, of rows, and of whole values.
    """

    frames: int
    values: Values
    number: dict[Key, int]
    whole: dict[Key, tuple[int, int]]
    sizes: tuple[int, int, int]


@dataclass
class Arena:
    """Hands out ranges of one array, and takes them back."""

    free: list[tuple[int, int]] = field(default_factory=list)
    size: int = 0

    def take(self, items: int) -> int:
        """The first free range that is long enough, or more at the end."""
        for k, (at, room) in enumerate(self.free):
            if room >= items:
                self.free[k : k + 1] = [(at + items, room - items)] if room > items else []
                return at
        at = self.size
        self.size += items
        return at

    def give(self, at: int, items: int) -> None:
        """A range that nobody needs any more, joined with its neighbours."""
        joined: list[tuple[int, int]] = []
        for first, room in sorted([*self.free, (at, items)]):
            if joined and sum(joined[-1]) == first:
                joined[-1] = (joined[-1][0], joined[-1][1] + room)
            else:
                joined.append((first, room))
        self.free = joined


def laid_out(graph: Graph, shown: Collection[Key]) -> Layout:
    """Places for every value of a graph that :func:`fits` accepts.

    Memory of a value held by rows serves another one after its last reader, unless it is shown.
    """
    rows = [n for n in graph.order if in_rows(graph, n.name)]
    number = {(n.name, "out"): k for k, n in enumerate(rows)}
    values = np.zeros(len(rows), VALUE)
    arena, at = _arena(graph, shown)
    whole = [
        (node, port)
        for node in graph.nodes
        for port in node.outputs
        if (node.name, port) not in number
        and (not isinstance(node, Output) or (node.name, port) in shown)
    ]
    widths = {(n.name, p): math.prod(n.output_shape(p)) for n, p in whole}
    chunk = 4 * arena.size + 8 * sum(widths.values())
    frames = max(1, min(FRAMES_MAX, CHUNK_BYTES // max(1, chunk)))
    held = 0
    for k, node in enumerate(rows):
        tokens, channels = node.output_shape("out")
        values[k] = held, at[node.name] * frames, channels, isinstance(node, Input)
        held += tokens * frames
    places, end = {}, 0
    for key, width in widths.items():
        places[key] = end, width
        end += width * frames
    return Layout(frames, values, number, places, (held, arena.size * frames, end))


def _arena(graph: Graph, shown: Collection[Key]) -> tuple[Arena, dict[str, int]]:
    """Places of one frame's rows by node; Inputs are put before anything runs."""
    order: list[Node] = [n for n in graph.order if isinstance(n, Input)]
    order += [n for n in graph.order if not isinstance(n, Input)]
    place = {node.name: k for k, node in enumerate(order)}
    last = dict(place)
    for edge in graph.edges:
        last[edge.source] = max(last[edge.source], place[edge.target])
    first_free = sum(isinstance(n, Input) for n in order) - 1
    arena, at = Arena(), {}
    sizes: dict[str, int] = {}
    for k, node in enumerate(order):
        if in_rows(graph, node.name):
            items = math.prod(node.output_shape("out"))
            sizes[node.name] = -(-items // ALIGNED) * ALIGNED
            at[node.name] = arena.take(sizes[node.name])
        for name in [n for n in sizes if max(last[n], first_free) == k]:
            if (name, "out") not in shown:
                arena.give(at[name], sizes[name])
    return arena, at
