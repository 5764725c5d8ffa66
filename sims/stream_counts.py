"""What a token-serial mapping does in a frame: rows that pass, and the updates they need.

There every layer is one copy, and tokens (rows of channels) pass through it one after the other,
a step each. A row of a gated node passes when its gate is open; one of another encoder when a
message for it arrives. Rows that do not pass are not updated at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.node import IntArray, Node
from conversion.placement import Placement
from sims.core_counts import CoreCounter
from sims.core_work import ACTIVE, Worker, by_core, count_messages, values_of

ENCODERS = ("Delta", "SigmaDelta", "StockSigmaDelta")
Signals = Mapping[tuple[str, str], Any]


class StreamCounter(CoreCounter):
    """Counts by core with the updates of a token-serial mapping.

    A population of LIF neurons leaks whether anything passes or not, so it keeps its updates.

    Args:
        graph: The graph that runs.
        placement: Where its neurons lie.

    Raises:
        GraphError: as :class:`~sims.core_counts.CoreCounter` does.
    """

    def __init__(self, graph: Graph, placement: Placement) -> None:
        super().__init__(graph, placement)
        self._streams: dict[str, _Stream] = {}
        for node in graph.nodes:
            if node.kind in (*ENCODERS, "LinearAttention"):
                plain = None if node.kind in ENCODERS else self._workers[node.name]
                stream = _Stream(graph, node, self._homes[node.name], plain)
                self._streams[node.name] = self._workers[node.name] = stream

    def restart(self) -> None:
        """Forget the frames seen so far, for another clip of the same network."""
        super().restart()
        for stream in self._streams.values():
            stream.rows = []

    def rows(self) -> dict[str, IntArray]:
        """Rows that passed, by node, int64 (T,)."""
        return {name: np.array(x.rows, np.int64) for name, x in self._streams.items()}

    def steps(self) -> tuple[int, ...]:
        """Steps of each frame: rows of the layer that has most of them, and one at the least."""
        rows = list(self.rows().values())
        return tuple(np.maximum(np.max(rows, axis=0), 1).tolist()) if rows else ()


class _Stream:
    def __init__(self, graph: Graph, node: Node, home: IntArray, plain: Worker | None) -> None:
        self._feeds, self._node, self._home = graph.incoming[node.name], node, home
        self._plain = plain
        self.rows: list[int] = []

    def count(self, signals: Signals, work: IntArray) -> None:
        passing = self._passing(signals)
        self.rows.append(int(passing.sum()))
        if self._plain is not None:
            self._plain.count(signals, work)
            return
        each = self._home.size // passing.size
        work[ACTIVE] += by_core(self._home, np.repeat(passing, each), work.shape[1])
        count_messages(self._home, values_of(signals[self._node.name, "out"]), work)

    def _passing(self, signals: Signals) -> npt.NDArray[np.bool_]:
        node: Any = self._node
        if getattr(node, "gated", False):
            gate = next(edge for edge in self._feeds if edge.port == "gate")
            stages = values_of(signals[gate.source, gate.source_port])
            return np.asarray(stages[node.stage] == 1)
        passing = np.zeros(node.tokens, np.bool_)
        for edge in self._feeds:
            arriving = values_of(signals[edge.source, edge.source_port])
            passing |= arriving.reshape(node.tokens, -1).any(axis=1)
        return passing
