"""What the conformance cases are built with: edges from text, balance, random footage and masks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from conversion.graph import Edge, Graph
from conversion.nodes import Node, Sparse

IntArray = npt.NDArray[np.int64]
Inputs = dict[str, IntArray]
Case = tuple[Graph, Inputs]


def edge(path: str, delay: int = 0) -> Edge:
    """An edge from text: ``"a -> b"``, ``"a -> b:port"`` or ``"a:port -> b:port"``.

    With ``~>`` in place of the arrow it is recurrent.
    """
    left, right = (side.strip() for side in path.replace("~>", "->").split("->"))
    source, _, source_port = left.partition(":")
    target, _, port = right.partition(":")
    return Edge(
        source=source,
        target=target,
        port=port or "in",
        source_port=source_port or "out",
        delay=delay,
        recurrent="~>" in path,
    )


def balance(name: str, nodes: Sequence[Node], edges: Iterable[Edge]) -> Graph:
    """Build a quantised graph whose edge delays bring each node one and the same frame.

    Args:
        name: Name of the graph.
        nodes: Its nodes.
        edges: Its edges; a delay already given is the least that edge gets.

    Returns:
        The graph, with every delay raised as far as balance needs and no further.
    """
    loose = Graph(name=name, dialect="quantised", nodes=tuple(nodes), edges=tuple(edges))
    lags: dict[str, int] = {}
    tight: list[Edge] = [e for e in loose.edges if e.recurrent]
    for node in loose.order:
        into = loose.forward[node.name]
        arrive = max((lags[e.source] + e.delay for e in into), default=0)
        tight.extend(replace(e, delay=arrive - lags[e.source]) for e in into)
        lags[node.name] = arrive + node.latency
    return loose.with_edges(tight)


def schedule(
    rng: np.random.Generator, frames: int, stages: int, tokens: int, share: float = 0.55
) -> IntArray:
    """Random masks (T, S, N); frame 0 is all open, and so each encoder gets a first value."""
    mask = (rng.random((frames, stages, tokens)) < share).astype(np.int64)
    mask[:1] = 1
    return mask


def footage(
    rng: np.random.Generator, frames: int, tokens: int, channels: int, still: float = 0.5
) -> IntArray:
    """Bytes (T, N, C) in which about a share ``still`` of the tokens stays as in the last frame."""
    out = rng.integers(0, 256, (frames, tokens, channels)).astype(np.int64)
    for f in range(1, frames):
        kept = rng.random(tokens) < still
        out[f, kept] = out[f - 1, kept]
    return out


def weights(rng: np.random.Generator, c_out: int, c_in: int, peak: int = 40) -> IntArray:
    """Random integer weights (C_out, C_in) within ±peak."""
    return rng.integers(-peak, peak + 1, (c_out, c_in)).astype(np.int64)


def sparse(
    rng: np.random.Generator,
    name: str,
    sources: int,
    targets: int,
    *,
    share: float = 0.4,
    exponent: int = 0,
    low: int = -40,
    high: int = 60,
) -> Sparse:
    """A Sparse with a random ``share`` of all pairs, so that some neurons have no synapse."""
    there = rng.random((sources, targets)) < share
    weight = rng.integers(low, high + 1, (sources, targets))
    starts = np.concatenate([[0], np.cumsum(there.sum(1))])
    return Sparse(name=name, count=targets, starts=starts, targets=np.nonzero(there)[1],
                  weight=weight[there].astype(np.int8), exponent=exponent)  # fmt: skip


def matrix_of(node: Sparse) -> IntArray:
    """Its weights as a matrix (R', R), before the shift."""
    out = np.zeros((node.count, node.sources), np.int64)
    sources = np.repeat(np.arange(node.sources), np.diff(node.starts))
    out[node.targets, sources] = node.weight
    return out


def regions_of(grid: tuple[int, int], side: int) -> IntArray:
    """Region of each token (N,), row-major, for square regions of ``side`` tokens."""
    row, column = np.divmod(np.arange(grid[0] * grid[1]), grid[1])
    return np.asarray(row // side * (grid[1] // side) + column // side, np.int64)
