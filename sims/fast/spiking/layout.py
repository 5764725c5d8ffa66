"""Where the values of a program lie: rows of frames in flat arrays."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from conversion.graph import Edge, Graph
from conversion.nodes import LIF, Delay, Input, Node, Output
from sims.fast.spiking.tables import BITS, GIVEN, TOTALS, WIDE

Key = tuple[str, str]
ITEM_BYTES = (1, 4, 8)
ALIGNED = 64
"""Rows begin at multiples of so many items: whole cache lines of bytes, whole registers."""
CACHED_BYTES = 2**20
"""A chunk of the widest value stays within this, so that the next layer finds it in the L2."""
ROOM_BYTES = 2**24
"""What an Input that is read in place takes where the caller's type makes a copy necessary."""
FRAMES_MAX = 512
"""Frames of a chunk; more would not be faster."""
CHUNK_BYTES = 2**28
"""All values of a chunk together stay within this, as long as a chunk has more than one frame."""


@dataclass(frozen=True)
class Value:
    """One port's rows.

    Args:
        pool: BITS, WIDE, TOTALS or GIVEN.
        at: Its first item in that array.
        stride: Items from row to row; 0 where all frames share one.
        width: Items of a row that count.
        history: Rows kept of the frames before a chunk.
    """

    pool: int
    at: int
    stride: int
    width: int
    history: int

    @property
    def origin(self) -> int:
        """First item of the row of a chunk's first frame."""
        return self.at + self.history * self.stride


@dataclass(frozen=True)
class Layout:
    """All values of a program.

    Args:
        frames: Frames of a chunk.
        values: By node and port; a membrane that nobody reads has none.
        sizes: Items in each of the three arrays.
    """

    frames: int
    values: dict[Key, Value]
    sizes: tuple[int, int, int]


def frames_back(graph: Graph, edge: Edge) -> int:
    """How many frames older than its target's what an edge brings is."""
    return graph.frames_back(edge) if edge.recurrent else 0


def laid_out(graph: Graph, shown: Collection[Key], threads: int) -> Layout:
    """Places for every value that somebody reads.

    Args:
        graph: A graph that :func:`sims.fast.spiking.program.program_of` accepts.
        shown: Ports whose values are asked for.
        threads: Threads that share a chunk.
    """
    history = _rows_kept(graph)
    read = {(e.source, e.source_port) for e in graph.edges} | set(shown)
    kept = [
        (node, port)
        for node in graph.nodes
        for port in node.outputs
        if port != "membrane" or (node.name, port) in read
    ]
    pools = {(n.name, p): _pool_of(graph, n, p) for n, p in kept}
    in_place = _read_in_place(graph, pools, shown)
    kept = [(node, port) for node, port in kept if (node.name, port) != in_place]
    pools = {(n.name, p): pools[n.name, p] for n, p in kept}
    widths = {(n.name, p): math.prod(n.output_shape(p)) for n, p in kept}
    strides = {key: -(-width // ALIGNED) * ALIGNED for key, width in widths.items()}
    populations = {node.name for node in graph.nodes if isinstance(node, LIF)}
    unread = {key for key in pools if key[0] in populations and key not in read}
    row_bytes = [strides[key] * ITEM_BYTES[p] for key, p in pools.items() if key not in unread]
    frames = min(FRAMES_MAX, max(4, threads * CACHED_BYTES // max(row_bytes, default=1)))
    frames = max(1, min(frames, CHUNK_BYTES // max(1, sum(row_bytes))))
    values, sizes = {}, [0, 0, 0]
    if in_place is not None:
        width = math.prod(graph.by_name[in_place[0]].output_shape("out"))
        values[in_place] = Value(GIVEN, 0, width, width, 0)
        frames = min(frames, max(4, ROOM_BYTES // (width * ITEM_BYTES[WIDE])))
    for key, pool in pools.items():
        if key in unread:  # spikes that are only counted: all frames write one row
            values[key] = Value(pool, sizes[pool], 0, widths[key], 0)
            sizes[pool] += strides[key]
            continue
        rows = history.get(key, 0)
        values[key] = Value(pool, sizes[pool], strides[key], widths[key], rows)
        sizes[pool] += (rows + frames) * strides[key]
    return Layout(frames, values, (sizes[0], sizes[1], sizes[2]))


def _read_in_place(graph: Graph, pools: Mapping[Key, int], shown: Collection[Key]) -> Key | None:
    """The widest Input whose graded values go into populations and nowhere else.

    They are read where the caller has them: at a neuron per value, copying them would be a good
    part of the work.
    """
    elsewhere = {
        (e.source, e.source_port)
        for e in graph.edges
        if e.recurrent or not isinstance(graph.by_name[e.target], LIF)
    }
    inputs = [
        (node.name, "out")
        for node in graph.nodes
        # A zero is within the range, so that what the frames before frame 0 show is.
        if isinstance(node, Input) and pools[node.name, "out"] == WIDE and node.lo <= 0 <= node.hi
    ]
    apart = [key for key in inputs if key not in elsewhere and key not in shown]
    return max(
        apart, key=lambda key: math.prod(graph.by_name[key[0]].output_shape("out")), default=None
    )


def _rows_kept(graph: Graph) -> dict[Key, int]:
    """Rows before a chunk that somebody reads: through loops, delays, and an Output of its own."""
    rows: dict[Key, int] = {(n.name, "out"): 1 for n in graph.nodes if isinstance(n, Output)}
    for edge in graph.edges:
        target = graph.by_name[edge.target]
        back = frames_back(graph, edge)
        if isinstance(target, Delay):
            back += int(target.steps.max())
        key = (edge.source, edge.source_port)
        rows[key] = max(rows.get(key, 0), back)
    return rows


def _pool_of(graph: Graph, node: Node, port: str) -> int:
    """Which array holds a port's values."""
    while isinstance(node, Delay):
        (edge,) = graph.incoming[node.name]
        node, port = graph.by_name[edge.source], edge.source_port
    if isinstance(node, Output):
        return TOTALS
    if isinstance(node, Input):
        return BITS if node.lo >= 0 and node.hi <= 1 else WIDE
    return BITS if isinstance(node, LIF) and port == "out" else WIDE
