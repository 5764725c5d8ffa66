"""How much memory and disk a run of the fast simulator will take, told from its graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from conversion.graph import Graph
from conversion.host_nodes import SoftmaxAttention
from conversion.nodes import Conv, Delay, Dense, Input, LinearAttention, Node
from sims.counts import COUNT_FIELDS

WORD = 8
"""Bytes of an integer, wherever one is kept."""
FORMS_OF_WEIGHT = 20
"""Bytes that a weight takes ready for products: int64, double and single precision."""
STATES = {"Delta": 2, "SigmaDelta": 3, "StockSigmaDelta": 3, "LIF": 4, "Input": 0, "Dense": 0,
          "Conv": 0, "SumPool": 0, "Skip": 0, "Regroup": 0}  # fmt: skip
"""Values kept from frame to frame for each one that a node shows; of kinds not named 1."""
CHUNK_BYTES = 2**26
CHUNK_FRAMES = 64
"""A chunk is as many frames as fit the first, but no more than the second."""


@dataclass(frozen=True)
class Need:
    """Bytes that a run takes.

    Args:
        weights: Weights and other constants, in all forms.
        states: What nodes keep from frame to frame.
        frame: What travels between nodes in one frame, and the largest intermediate result.
        chunk: Inputs and values of the frames that are handed on together.
        counts: Counts of all frames.
        file: Values in the file before they are packed.
    """

    weights: int
    states: int
    frame: int
    chunk: int
    counts: int
    file: int

    @property
    def total(self) -> int:
        """Memory."""
        return self.weights + self.states + self.frame + self.chunk + self.counts


def chunk_of(graph: Graph, shapes: Mapping[str, tuple[int, ...]], frames: int) -> int:
    """Frames to hand on together: a power of two, or all.

    Args:
        graph: The graph.
        shapes: Shape of one frame of each port that is kept.
        frames: Frames of the run.
    """
    fitting = CHUNK_BYTES // max(1, WORD * _sizes(graph, shapes))
    chunk = 1 << max(0, min(fitting, CHUNK_FRAMES).bit_length() - 1)
    return max(1, min(chunk, frames))


def need_of(graph: Graph, shapes: Mapping[str, tuple[int, ...]], frames: int, chunk: int) -> Need:
    """What the fast simulator takes for a clip.

    Args:
        graph: The graph.
        shapes: Shape of one frame of each port that is kept.
        frames: Frames of the clip.
        chunk: Frames handed on together.
    """
    kept = sum(map(math.prod, shapes.values()))
    travelling = sum(math.prod(n.output_shape(p)) for n in graph.nodes for p in n.outputs)
    return Need(
        weights=sum(map(_weights, graph.nodes)),
        states=WORD * sum(map(_states, graph.nodes)),
        frame=WORD * (2 * travelling + max(map(_intermediate, graph.nodes))),
        # Inputs as stored and widened; values, and as much again while they are packed.
        chunk=WORD * chunk * (2 * _sizes(graph, shapes)),
        counts=3 * WORD * len(COUNT_FIELDS) * frames * len(graph.nodes),
        file=WORD * frames * kept,
    )


def _sizes(graph: Graph, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Integers of one frame: inputs and values kept."""
    inputs = sum(math.prod(n.shape) for n in graph.nodes if isinstance(n, Input))
    return inputs + sum(map(math.prod, shapes.values()))


def _weights(node: Node) -> int:
    constants = sum(v.nbytes for v in node.attributes().values() if isinstance(v, np.ndarray))
    ready = FORMS_OF_WEIGHT * node.weight.size if isinstance(node, Dense | Conv) else 0
    return 2 * constants + ready


def _states(node: Node) -> int:
    shown = math.prod(node.output_shape("out"))
    if isinstance(node, LinearAttention):
        return 3 * shown + 3 * node.heads * node.head_dim**2
    if isinstance(node, SoftmaxAttention):
        return 3 * shown + node.heads * node.tokens**2
    if isinstance(node, Delay):
        return (int(node.steps.max()) + 1) * shown
    return STATES.get(node.kind, 1) * shown


def _intermediate(node: Node) -> int:
    """Integers in the largest results within a node that are gone when its frame is done."""
    shown = math.prod(node.output_shape("out"))
    if isinstance(node, Conv):
        return math.prod((*node.grid, *node.weight.shape[1:])) + 3 * shown
    if isinstance(node, SoftmaxAttention):
        return 4 * node.heads * node.tokens**2 + 6 * node.tokens**2 + 4 * shown
    return 4 * max(shown, *(_size_in(node, port) for port in node.inputs), 0)


def _size_in(node: Node, port: str) -> int:
    return math.prod(abs(size) for size in node.input_shape(port))
