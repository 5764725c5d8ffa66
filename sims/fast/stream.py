"""A clip of any length through the fast simulator, its values handed on a few frames at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from depth_snn.errors import InputError
from sims.counts import NodeCounts
from sims.fast.simulator import FastSimulator
from sims.overflow import Overflow

IntArray = npt.NDArray[np.int64]
Frames = Iterator[Mapping[str, npt.ArrayLike]]
Watch = Callable[[int], None] | None
Sink = Callable[[int, Mapping[str, IntArray]], None]
"""Takes the number of the first frame and some frames of each probed value, (n, *shape).

The arrays are used again for the next frames: a sink keeps copies of what it wants to keep."""


def stream(
    graph: Graph,
    frames: Iterable[Mapping[str, npt.ArrayLike]],
    sink: Sink,
    *,
    probes: Collection[str] | None = None,
    overflow: Overflow = "strict",
    chunk: int = 16,
    on_frame: Watch = None,
    threads: int = 1,
) -> Mapping[str, NodeCounts]:
    """Run frames as they come; memory does not grow with their number but for the counts.

    Args:
        graph: A balanced graph of the quantised dialect.
        frames: For each frame, one integer array of the node's shape for each Input node.
        sink: What takes the values, ``chunk`` frames at a time and the rest at the end.
        probes: The ``"node.port"`` values to hand on; None for all.
        overflow: What a value outside its register does (docs/fixed_point.md §9).
        chunk: Frames handed on at a time, at least 1.
        on_frame: Called with the frame number after each frame.
        threads: Threads that a spiking network may use; the integers do not depend on them.

    Returns:
        The counts of every node, by frame.

    Raises:
        GraphError: if the graph cannot be run frame by frame.
        InputError: naming the frame, if an input is not what its node takes.
        OverflowInGraph: naming node, index and frame.
    """
    simulator = FastSimulator(graph, probes, overflow=overflow, threads=threads)
    through = _in_blocks if simulator.compiled else _one_by_one
    through(simulator, iter(frames), sink, chunk, on_frame)
    return simulator.counts


def _in_blocks(
    simulator: FastSimulator, frames: Frames, sink: Sink, chunk: int, on_frame: Watch
) -> None:
    """A program takes a chunk in one call."""
    while block := list(islice(frames, chunk)):
        first = simulator.frames
        try:
            names = block[0].keys()
            stacked = {name: np.stack([np.asarray(f[name]) for f in block]) for name in names}
            values = simulator.run(stacked)
        except (InputError, KeyError, ValueError):
            _name_the_frame(simulator, block, first)
            raise
        sink(first, values)
        if on_frame is not None:
            for frame in range(first, first + len(block)):
                on_frame(frame)


def _name_the_frame(
    simulator: FastSimulator, block: list[Mapping[str, npt.ArrayLike]], first: int
) -> None:
    """Find which frame of a block is no input of the network."""
    for number, inputs in enumerate(block, first):
        try:
            simulator.check(inputs)
        except InputError as error:
            raise InputError(f"frame {number}: {error}") from None


def _one_by_one(
    simulator: FastSimulator, frames: Frames, sink: Sink, chunk: int, on_frame: Watch
) -> None:
    held = {text: np.zeros((chunk, *shape), np.int64) for text, shape in simulator.shapes.items()}
    filled = 0
    for number, inputs in enumerate(frames):
        try:
            simulator.step_into(inputs, {text: array[filled] for text, array in held.items()})
        except InputError as error:
            raise InputError(f"frame {number}: {error}") from None
        filled += 1
        if filled == chunk:
            sink(number + 1 - filled, held)
            for array in held.values():
                array.fill(0)
            filled = 0
        if on_frame is not None:
            on_frame(number)
    if filled:
        sink(simulator.frames - filled, {text: array[:filled] for text, array in held.items()})
