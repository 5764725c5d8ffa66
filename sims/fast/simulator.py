"""Runs a balanced quantised graph frame by frame.

In a balanced graph every node sees all its inputs from one frame (docs/fixed_point.md §1), and
before frame 0 arrives it sees zeros and closed gates, which change no state; an encoder without a
gate opens when frame 0 arrives. So the nodes can be run in topological order once per frame,
without the delays, and the values are those of step f + lag. A recurrent edge brings the value of
an earlier frame, which :mod:`sims.fast.past` keeps. A population whose bias speaks before frame 0
is the exception: :mod:`sims.fast.warm_up` runs the frames before frame 0.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.nodes import Input
from depth_snn.errors import EngineError, OverflowInGraph
from sims.counts import NodeCounts
from sims.fast.blas import product_threads
from sims.fast.build import body_of
from sims.fast.checks import frames_of, probed, require_names, require_runnable
from sims.fast.past import Key, Past, key_of
from sims.fast.programs import Program, program_of
from sims.fast.rows import Signal, dense, store
from sims.fast.source import InputBody, checked, expected
from sims.fast.warm_up import frames_before, warm_up
from sims.fast.width import REGISTERS, Registers, TooWide
from sims.overflow import Overflow
from sims.result import SimResult

IntArray = npt.NDArray[np.int64]


class FastSimulator:
    """A network that takes one frame at a time and keeps its state between them.

    Args:
        graph: A balanced graph of the quantised dialect.
        probes: The ``"node.port"`` values to hand out; None for all of them.
        overflow: What a value outside its register does (docs/fixed_point.md §9): ``"strict"``
            raises, ``"chip"`` wraps as Lava does, ``"unbounded"`` goes on up to the 63 bits this
            simulator can hold and raises beyond.
        observer: Shown every value of each frame, valid until the next.
        threads: Threads for matrix products and large populations; no integer depends on them.

    Raises:
        GraphError: if the graph is not quantised or not balanced, or a probe names no port of it.

    Attributes:
        shapes: Shape of each probed value by ``"node.port"``.
    """

    def __init__(
        self,
        graph: Graph,
        probes: Collection[str] | None = None,
        *,
        overflow: Overflow = "strict",
        observer: Callable[[Mapping[Key, Signal]], None] | None = None,
        threads: int = 1,
    ) -> None:
        require_runnable(graph)
        self._graph = graph
        self._shown = probed(graph, probes)
        self._observer = observer
        self.shapes: Mapping[str, tuple[int, ...]] = {
            text: graph.by_name[name].output_shape(port)
            for text, (name, port) in self._shown.items()
        }
        self._frames = 0
        self._broken = False
        self._threads = threads
        ports = set(self._shown.values())
        # A program shows nothing between its layers, and wraps nothing.
        whole = overflow == "strict" and observer is None
        self._program = program_of(graph, ports, threads=threads) if whole else None
        if self._program is None:
            self._build(REGISTERS[overflow])
        else:
            self._program.warm_up(frames_before(graph))

    def _build(self, registers: Registers) -> None:
        """The bodies that execute the nodes of a graph that is no program."""
        graph = self._graph
        read = {(e.source, e.source_port) for edges in graph.incoming.values() for e in edges}
        read.update(self._shown.values())
        self._sources = {n.name: InputBody(n) for n in graph.nodes if isinstance(n, Input)}
        self._bodies = {
            n.name: body_of(n, registers, (n.name, "out") in read)
            for n in graph.order
            if not isinstance(n, Input)
        }
        self._feeds = {
            name: {
                port: [key_of(graph, e) for e in graph.incoming[name] if e.port == port]
                for port in graph.by_name[name].inputs
            }
            for name in self._bodies
        }
        self._past = Past(graph)
        warm_up(graph, self._bodies, self._feeds, self._past)

    @property
    def frames(self) -> int:
        """Number of frames taken so far."""
        return self._frames

    @property
    def compiled(self) -> bool:
        """Whether the network runs as a program (:mod:`sims.fast.programs`)."""
        return self._program is not None

    @property
    def counts(self) -> Mapping[str, NodeCounts]:
        """Counts of every node over the frames taken so far."""
        if self._program is not None:
            return MappingProxyType(self._program.counts(self._frames))
        tallies = {name: source.tally for name, source in self._sources.items()}
        tallies.update((name, body.tally) for name, body in self._bodies.items())
        return MappingProxyType({name: t.counts(self._frames) for name, t in tallies.items()})

    def step(self, frame_inputs: Mapping[str, npt.ArrayLike]) -> Mapping[str, IntArray]:
        """Take one frame.

        Args:
            frame_inputs: One integer array of the node's shape for each Input node.

        Returns:
            The probed values of this frame by ``"node.port"``, arrays of the caller's own.

        Raises:
            InputError: if an input is missing, unknown, or not what its node takes.
            OverflowInGraph: naming node, index and frame.
            EngineError: after an error in an earlier frame, which left the state half way.
        """
        if self._program is not None:
            return {text: array[0] for text, array in self._run_frame(frame_inputs).items()}
        with product_threads(self._threads):
            signals = self._advance(frame_inputs)
        return {text: dense(signals[key]).copy() for text, key in self._shown.items()}

    def run(
        self,
        inputs: Mapping[str, npt.NDArray[np.integer[Any]]],
        *,
        on_frame: Callable[[int], None] | None = None,
    ) -> Mapping[str, IntArray]:
        """Take many frames; the fastest way through a spiking network.

        Args:
            inputs: Integers or truth values (T, *shape) for each Input node, all of the same T.
            on_frame: Called with the number of each frame, counted from the first of these.

        Returns:
            The probed values (T, *shape) by ``"node.port"``.

        Raises:
            InputError, OverflowInGraph, EngineError: as :meth:`step`.
        """
        frames = frames_of(self._graph, inputs, ranged=self._program is None)
        if self._program is not None:
            with product_threads(self._threads):
                return self._run_program(self._program, inputs, frames, on_frame)
        values = self._zeros(frames)
        for f in range(frames):
            self.step_into(
                {name: array[f] for name, array in inputs.items()},
                {text: array[f] for text, array in values.items()},
            )
            if on_frame is not None:
                on_frame(f)
        return values

    def check(self, frame_inputs: Mapping[str, npt.ArrayLike]) -> None:
        """Raise InputError if these are no inputs of one frame; see :meth:`step`."""
        sources = {n.name: n for n in self._graph.nodes if isinstance(n, Input)}
        require_names(frame_inputs, sources)
        for name, node in sources.items():
            checked(node, frame_inputs[name], node.shape)

    def _run_frame(self, frame_inputs: Mapping[str, npt.ArrayLike]) -> dict[str, IntArray]:
        """One frame of a program, (1, *shape) each."""
        assert self._program is not None
        sources = {n.name: n for n in self._graph.nodes if isinstance(n, Input)}
        require_names(frame_inputs, sources)
        frame = {
            name: expected(node, frame_inputs[name], node.shape)[np.newaxis]
            for name, node in sources.items()
        }
        with product_threads(self._threads):
            return self._run_program(self._program, frame, 1, None)

    def _run_program(
        self,
        program: Program,
        inputs: Mapping[str, npt.NDArray[np.integer[Any]]],
        frames: int,
        on_frame: Callable[[int], None] | None,
    ) -> dict[str, IntArray]:
        self._require_whole()
        values, base = self._zeros(frames), self._frames
        self._broken = True
        for first, last in program.advance(inputs, base, frames):
            for text, key in self._shown.items():
                kept = values[text][first:last]
                kept[...] = program.rows_of(key, last - first).reshape(kept.shape)
            self._frames = base + last
            if on_frame is not None:
                for f in range(first, last):
                    on_frame(f)
        self._broken = False
        return values

    def _zeros(self, frames: int) -> dict[str, IntArray]:
        """Room for the probed values of some frames."""
        return {text: np.zeros((frames, *s), np.int64) for text, s in self.shapes.items()}

    def _require_whole(self) -> None:
        if self._broken:
            raise EngineError("an earlier frame failed; build a new simulator to go on")

    def step_into(
        self, frame_inputs: Mapping[str, npt.ArrayLike], values: Mapping[str, IntArray]
    ) -> None:
        """Take one frame and write the probed values into zeroed arrays, sparing a copy."""
        if self._program is not None:
            for text, array in self._run_frame(frame_inputs).items():
                values[text][...] = array[0]
            return
        with product_threads(self._threads):
            signals = self._advance(frame_inputs)
        for text, key in self._shown.items():
            store(signals[key], values[text])

    def _advance(self, frame_inputs: Mapping[str, npt.ArrayLike]) -> dict[Key, Signal]:
        self._require_whole()
        require_names(frame_inputs, self._sources)
        self._broken = True
        signals: dict[Key, Signal] = {
            (name, "out"): source.present(frame_inputs[name])
            for name, source in self._sources.items()
        }
        signals.update(self._past.shown())
        for name, body in self._bodies.items():
            feeds = self._feeds[name]
            arrivals = {port: tuple(signals[k] for k in keys) for port, keys in feeds.items()}
            try:
                departures = body.step(arrivals)
            except TooWide as fault:
                raise OverflowInGraph(f"node {name!r}, frame {self._frames}: {fault}") from None
            signals.update(((name, port), signal) for port, signal in departures.items())
        if self._observer is not None:  # before the past moves on: it shows what was read
            self._observer(signals)
        self._past.keep(signals)
        self._broken = False
        self._frames += 1
        return signals


def simulate(
    graph: Graph,
    inputs: Mapping[str, npt.NDArray[np.integer[Any]]],
    *,
    overflow: Overflow = "strict",
    probes: Collection[str] | None = None,
    on_frame: Callable[[int], None] | None = None,
    threads: int = 1,
) -> SimResult:
    """Run a whole clip.

    Args:
        graph: A balanced graph of the quantised dialect.
        inputs: Integer array (T, *shape) for each Input node, all of the same T.
        overflow: What a value outside its register does.
        probes: The ``"node.port"`` values to keep, which sets the memory used; None for all.
        on_frame: Called with the frame number after each frame.
        threads: Threads for matrix products and large populations; no integer depends on them.

    Returns:
        The probed values, and the counts of every node.

    Raises:
        GraphError: if the graph cannot be run frame by frame.
        InputError: if an input is not what its node takes.
        OverflowInGraph: naming node, index and frame.
    """
    simulator = FastSimulator(graph, probes, overflow=overflow, threads=threads)
    values = simulator.run(inputs, on_frame=on_frame)
    return SimResult(frames=simulator.frames, values=values, counts=simulator.counts)
