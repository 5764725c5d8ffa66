"""What recurrent edges bring: values of earlier frames (docs/fixed_point.md §1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from conversion.graph import Edge, Graph
from sims.fast.rows import Signal, dense

IntArray = npt.NDArray[np.int64]
Key = tuple[str, str]


def key_of(graph: Graph, edge: Edge) -> Key:
    """What an edge reads: the port of its source, or what that port showed some frames ago."""
    if not edge.recurrent:
        return edge.source, edge.source_port
    return edge.source, _ago(edge.source_port, graph.frames_back(edge))


def _ago(port: str, frames: int) -> str:
    return f"{port}, {frames} frames ago"


class Past:
    """The last values of every port that a recurrent edge reads, zeros before the first frame.

    Args:
        graph: The graph; a port is kept for as many frames as its oldest reader goes back.
    """

    def __init__(self, graph: Graph) -> None:
        self._back: dict[Key, set[int]] = {}
        for edge in graph.edges:
            if edge.recurrent:
                read = self._back.setdefault((edge.source, edge.source_port), set())
                read.add(graph.frames_back(edge))
        self._rings = {
            (name, port): np.zeros((max(back), *graph.by_name[name].output_shape(port)), np.int64)
            for (name, port), back in self._back.items()
        }
        self._at = 0

    def shown(self) -> Iterator[tuple[Key, IntArray]]:
        """Values of earlier frames by what :func:`key_of` calls them, valid for one frame."""
        for key, ring in self._rings.items():
            for frames in self._back[key]:
                yield (key[0], _ago(key[1], frames)), ring[(self._at - frames) % len(ring)]

    def keep(self, signals: Mapping[Key, Signal]) -> None:
        """Take in the frame that is over, in place of the oldest."""
        for key, ring in self._rings.items():
            ring[self._at % len(ring)] = dense(signals[key])
        self._at += 1
