"""A spiking network as a program, and its state."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.bounds import STATE_LIMIT, interval_bounds
from conversion.graph import Edge, Graph
from conversion.nodes import LIF, Input, Output
from depth_snn.errors import GraphError, OverflowInGraph
from sims.counts import COUNT_FIELDS, NodeCounts
from sims.fast.source import checked, expected
from sims.fast.spiking.assembly import assembled
from sims.fast.spiking.driver import roll, run
from sims.fast.spiking.events import take
from sims.fast.spiking.layout import Key, Value, laid_out
from sims.fast.spiking.neurons import DRIVE_MAX
from sims.fast.spiking.schedule import scheduled
from sims.fast.spiking.tables import ACTIVE, BLOCK, COUNTED, GIVEN, KINDS, SPIKES, SYNAPSES
from sims.fast.width import STRICT, TooWide
from sims.footprint import state_bytes, weight_bytes

IntArray = npt.NDArray[np.int64]
NEVER = 2**62
"""Frame of a fault that did not happen."""
SHARED = 2**18
"""Values that an operation makes at a time before handing a part to another thread pays."""


def program_of(graph: Graph, shown: Collection[Key], *, threads: int = 1) -> Program | None:
    """The program of a strict run, or None if the graph is not one this engine takes.

    Args:
        graph: A balanced graph.
        shown: Ports whose values are asked for.
        threads: Threads that may be used; the integers do not depend on them.
    """
    kinds = {node.kind for node in graph.nodes}
    if "LIF" not in kinds or not kinds <= {"Input", *KINDS}:
        return None
    drives = _drives(graph)
    return None if drives is None else Program(graph, shown, threads, drives)


def _drives(graph: Graph) -> dict[str, int] | None:
    """What arrives at populations at most; None if not all values but Outputs fit 32 bits."""
    try:
        bounds = interval_bounds(graph)
    except GraphError:
        return None

    def most(edge: Edge) -> int:
        binary = isinstance(graph.by_name[edge.source], LIF) and edge.source_port == "out"
        return 1 if binary else bounds[edge.source].inner

    drives = {
        n.name: sum(map(most, graph.incoming[n.name])) for n in graph.nodes if n.kind == "LIF"
    }
    fits = all(drive <= DRIVE_MAX for drive in drives.values()) and all(
        isinstance(node, LIF | Output) or bounds[node.name].inner <= STATE_LIMIT
        for node in graph.nodes
    )
    return drives if fits else None


class Program:
    """Operations over flat arrays, with the state of the network in them.

    Attributes:
        frames_per_chunk: Frames that go through one call of compiled code.
    """

    def __init__(
        self, graph: Graph, shown: Collection[Key], threads: int, drives: Mapping[str, int]
    ) -> None:
        self._graph = graph
        layout = laid_out(graph, shown, threads)
        order, segments = scheduled(graph)
        self._operations, self._links, self._pools = assembled(
            graph, order, layout, drives, threads
        )
        self._segments = np.array(segments, np.int64).reshape(-1, 3)
        self.frames_per_chunk = layout.frames
        self._names = [node.name for node in order]
        values = layout.values.items()
        kept = [(v.pool, v.at, v.stride, v.history) for _, v in values if v.history]
        self._history = np.array(kept, np.int64).reshape(-1, 4)
        in_place = [(key[0], v) for key, v in values if v.pool == GIVEN]
        self._in_place = in_place[0][0] if in_place else None
        self._room = np.zeros(sum(v.stride * layout.frames for _, v in in_place), np.int32)
        self._given = _frozen(self._room)
        sources = [node for node in graph.nodes if isinstance(node, Input)]
        self._sources = {n.name: (n, self._rows(layout.values[n.name, "out"])) for n in sources}
        self._shown = {key: (v, self._rows(v)) for key, v in values if key in shown}
        self._threads = threads
        self._team = ThreadPoolExecutor(threads - 1) if threads > 1 else None
        widest = max(BLOCK, *(value.width for _, value in values))
        self._scratch = np.zeros((threads, 4, widest + 8), np.int32)
        self._counted: list[IntArray] = []

    def warm_up(self, frames: int) -> None:
        """The frames before frame 0, in which Inputs show zeros; nobody counts them."""
        for first in range(-frames, 0, self.frames_per_chunk):
            # Rows of inputs are zeros still.
            self._pass(first, min(self.frames_per_chunk, -first))
        self._counted.clear()

    def advance(
        self, inputs: Mapping[str, npt.ArrayLike], base: int, frames: int
    ) -> Iterator[tuple[int, int]]:
        """Take frames chunk by chunk.

        Args:
            inputs: Integers (frames, *shape) for every Input.
            base: Number of the first frame.
            frames: How many there are.

        Yields:
            First and last + 1 frame of each chunk, counted from ``base``, while :meth:`rows_of`
            shows its values.

        Raises:
            InputError: if an input is not what its node takes.
            OverflowInGraph: naming node, index and frame.
        """
        flat = {
            name: _flat(node, inputs[name], frames) for name, (node, _) in self._sources.items()
        }
        for first in range(0, frames, self.frames_per_chunk):
            last = min(first + self.frames_per_chunk, frames)
            inside = all(self._put(n, rows[first:last]) for n, rows in flat.items())
            try:
                if not inside:
                    raise OverflowInGraph("an input leaves its range")
                self._pass(base + first, last - first)
            except OverflowInGraph:
                # Wherever an input is wrong, that is the fault to name.
                for node, _ in self._sources.values():
                    checked(node, inputs[node.name], (frames, *node.shape))
                raise
            yield first, last

    def _put(self, name: str, given: npt.NDArray[Any]) -> bool:
        """Put an input's frames where they are read; whether they are seen to lie in range."""
        node, rows = self._sources[name]
        if name == self._in_place:
            in_place = given.dtype == np.int32
            self._given = _frozen(given.reshape(-1) if in_place else self._room)
            if in_place:
                return True  # checked as they are read
        return bool(take(given, node.lo, node.hi, rows[: given.shape[0]]))

    def rows_of(self, key: Key, frames: int) -> npt.NDArray[Any]:
        """What a shown port held in the frames of the last chunk, (frames, n)."""
        value, rows = self._shown[key]
        shown = rows[:frames, : value.width]
        node = self._graph.by_name[key[0]]
        return shown + np.tile(node.bias, node.tokens) if isinstance(node, Output) else shown

    def counts(self, frames: int) -> dict[str, NodeCounts]:
        """Counts of every node over the first ``frames`` frames."""
        rows = np.concatenate(
            [np.zeros((len(self._names), 0, COUNTED), np.int64), *self._counted], 1
        )
        zeros = np.zeros(frames, np.int64)
        found = {}
        for node in self._graph.nodes:
            columns = dict.fromkeys(COUNT_FIELDS, zeros)
            neurons = 0
            if not isinstance(node, Input):
                counted = rows[self._names.index(node.name), :frames]
                if isinstance(node, LIF):
                    neurons = node.count * max(1, node.channels)
                    columns["spikes"] = columns["message_bits"] = counted[:, SPIKES]
                    columns["updates_active"] = counted[:, ACTIVE]
                    columns["updates_idle"] = neurons - counted[:, ACTIVE]
                else:
                    what = "macs_off_core" if isinstance(node, Output) else "synaptic_operations"
                    columns[what] = counted[:, SYNAPSES]
            found[node.name] = NodeCounts(
                node=node.name, kind=node.kind, runs_on=node.runs_on, neurons=neurons,
                state_bytes=state_bytes(node), weight_bytes=weight_bytes(node), **columns,
            )  # fmt: skip
        return found

    def _rows(self, value: Value) -> npt.NDArray[Any]:
        """The rows of a chunk's frames, (T, stride)."""
        pools = self._pools
        pool = (pools.bits, pools.wide, pools.totals, self._room)[value.pool]
        end = value.origin + self.frames_per_chunk * value.stride
        return pool[value.origin : end].reshape(-1, value.stride)

    def _pass(self, base: int, frames: int) -> None:
        """One chunk through all operations, its history kept, its counts noted."""
        counts = np.zeros((self._threads, len(self._names), frames, COUNTED), np.int64)
        faults = np.full((self._threads, len(self._names), 3), NEVER, np.int64)
        if self._team is None:
            self._run(self._segments, base, (0, frames), counts, faults, 0, 1)
        else:
            for begin, end, stride in self._segments.tolist():
                self._divide(begin, end, stride, base, frames, counts, faults)
        roll(self._history, frames, self._pools)
        self._counted.append(counts.sum(axis=0))
        if int(faults[:, :, 0].min(initial=NEVER)) < NEVER:
            self._raise(faults)

    def _divide(
        self, begin: int, end: int, stride: int, base: int, frames: int,
        counts: IntArray, faults: IntArray,
    ) -> None:  # fmt: skip
        """A segment by several threads, an operation after the other, if each has enough to do."""
        stride = min(stride, frames)
        if self._operations["width"][begin:end].max() * stride < SHARED:
            segment = np.array([[begin, end, stride]], np.int64)
            self._run(segment, base, (0, frames), counts, faults, 0, 1)
            return
        assert self._team is not None
        for first in range(0, frames, stride):
            span = (first, min(first + stride, frames))
            for k in range(begin, end):
                segment = np.array([[k, k + 1, stride]], np.int64)
                others = [
                    self._team.submit(
                        self._run, segment, base, span, counts, faults, part, self._threads
                    )
                    for part in range(1, self._threads)
                ]
                self._run(segment, base, span, counts, faults, 0, self._threads)
                for other in others:
                    other.result()

    def _run(
        self, segments: IntArray, base: int, frames: tuple[int, int], counts: IntArray,
        faults: IntArray, part: int, parts: int,
    ) -> None:  # fmt: skip
        run(
            self._operations, self._links, self._pools, self._given, segments, base,
            frames, (part, parts), self._scratch[part], counts[part], faults[part],
        )  # fmt: skip

    def _raise(self, faults: IntArray) -> None:
        """Name the earliest fault; within a frame that of the first node."""
        places = {node.name: k for k, node in enumerate(self._graph.order)}
        frame, _, index, u, name = min(
            (int(frame), places[self._names[k]], int(index), int(u), self._names[k])
            for part in faults
            for k, (frame, index, u) in enumerate(part)
        )
        shape = self._graph.by_name[name].output_shape("out")
        at = tuple(int(n) for n in np.unravel_index(index, shape))
        # One wrap leaves −2^23 outside its register and 2^23 within: the body checks u − 1.
        fault = TooWide("u", at, u - 1, STRICT.current.bits)
        raise OverflowInGraph(f"node {name!r}, frame {frame}: {fault}")


def _flat(node: Input, given: npt.ArrayLike, frames: int) -> npt.NDArray[Any]:
    """An input as read-only rows of integers (frames, n), so that few types are compiled for."""
    array = np.ascontiguousarray(expected(node, given, (frames, *node.shape)))
    rows = array.reshape(frames, -1)
    return _frozen(rows.view(np.uint8) if rows.dtype == np.bool_ else rows)


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A read-only view: writable or not are two types to a compiler."""
    view = array.view()
    view.setflags(write=False)
    return view
