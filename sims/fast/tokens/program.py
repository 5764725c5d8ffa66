"""A network of tokens as a program, and its state."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.nodes import LIF, Delta, Input
from sims.counts import COUNT_FIELDS, NodeCounts
from sims.fast.source import checked
from sims.fast.tokens.assembly import assembled
from sims.fast.tokens.driver import run, spread
from sims.fast.tokens.fits import fits
from sims.fast.tokens.layout import Key, laid_out
from sims.footprint import state_bytes, weight_bytes

IntArray = npt.NDArray[np.int64]


def token_program_of(graph: Graph, shown: Collection[Key]) -> TokenProgram | None:
    """The program of a strict run, or None if the graph is not one this engine takes.

    Args:
        graph: A balanced graph.
        shown: Ports whose values are asked for.
    """
    return TokenProgram(graph, shown) if fits(graph) else None


class TokenProgram:
    """Operations over flat arrays, with the state of the network in them."""

    def __init__(self, graph: Graph, shown: Collection[Key]) -> None:
        self._graph = graph
        self._layout = laid_out(graph, shown)
        order, self._operations, self._pools, self._scratch = assembled(graph, self._layout)
        self._place = {node.name: k for k, node in enumerate(order)}
        self._sources = [node for node in graph.nodes if isinstance(node, Input)]
        for node in self._sources:
            self._name_rows(node)
        self._counted: list[IntArray] = []

    def _name_rows(self, node: Input) -> None:
        """An Input shows all its rows in every frame."""
        number, frames = self._layout.number.get((node.name, "out")), self._layout.frames
        if number is not None:
            tokens = node.shape[0]
            at = int(self._layout.values[number]["tokens"])
            self._pools.tokens[at : at + tokens * frames] = np.tile(np.arange(tokens), frames)
            self._pools.starts[number] = np.arange(frames + 1) * tokens

    def warm_up(self, frames: int) -> None:
        """No graph of this engine has frames before frame 0."""
        assert frames == 0

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
        """
        given = {n.name: checked(n, inputs[n.name], (frames, *n.shape)) for n in self._sources}
        for first in range(0, frames, self._layout.frames):
            last = min(first + self._layout.frames, frames)
            for name, array in given.items():
                self._put(name, array[first:last])
            counts = np.zeros((len(self._operations), last - first, len(COUNT_FIELDS)), np.int64)
            run(
                self._operations, self._layout.values, self._pools, self._scratch, base + first,
                last - first, counts,
            )  # fmt: skip
            self._counted.append(counts)
            yield first, last

    def _put(self, name: str, given: npt.NDArray[Any]) -> None:
        number = self._layout.number.get((name, "out"))
        if number is None:
            at, _ = self._layout.whole[name, "out"]
            pool: npt.NDArray[Any] = self._pools.whole
        else:
            at, pool = int(self._layout.values[number]["at"]), self._pools.rows
        pool[at : at + given.size] = given.reshape(-1)

    def rows_of(self, key: Key, frames: int) -> IntArray:
        """What a shown port held in the frames of the last chunk, (frames, …)."""
        if key in self._layout.whole:
            at, width = self._layout.whole[key]
            return self._pools.whole[at : at + frames * width].reshape(frames, width)
        number = self._layout.number[key]
        value = self._layout.values[number]
        out = np.zeros((frames, *self._graph.by_name[key[0]].output_shape(key[1])), np.int64)
        starts = self._pools.starts[number]
        rows = int(starts[frames])
        first, at, channels = int(value["tokens"]), int(value["at"]), int(value["channels"])
        spread(
            self._pools.tokens[first : first + rows],
            self._pools.rows[at : at + rows * channels].reshape(rows, channels),
            starts,
            out,
        )
        return out

    def counts(self, frames: int) -> dict[str, NodeCounts]:
        """Counts of every node over the first ``frames`` frames."""
        empty = np.zeros((len(self._operations), 0, len(COUNT_FIELDS)), np.int64)
        rows = np.concatenate([empty, *self._counted], axis=1)
        nothing = np.zeros((frames, len(COUNT_FIELDS)), np.int64)
        found = {}
        for node in self._graph.nodes:
            counted = nothing
            if node.name in self._place:
                counted = rows[self._place[node.name], :frames]
            neurons = 0
            if isinstance(node, Delta):
                neurons = node.tokens * node.channels
            elif isinstance(node, LIF):
                neurons = node.count * max(1, node.channels)
            found[node.name] = NodeCounts(
                node=node.name, kind=node.kind, runs_on=node.runs_on, neurons=neurons,
                state_bytes=state_bytes(node), weight_bytes=weight_bytes(node),
                **dict(zip(COUNT_FIELDS, counted.T, strict=True)),
            )  # fmt: skip
        return found
