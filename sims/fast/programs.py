"""Networks that run as one compiled program, without Python between their nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

import numpy.typing as npt

from conversion.graph import Graph
from sims.counts import NodeCounts
from sims.fast import spiking
from sims.fast.tokens import token_program_of

Key = tuple[str, str]


class Program(Protocol):
    """What the simulator asks of a program."""

    def warm_up(self, frames: int) -> None:
        """The frames before frame 0."""

    def advance(
        self, inputs: Mapping[str, npt.ArrayLike], base: int, frames: int
    ) -> Iterator[tuple[int, int]]:
        """Take frames chunk by chunk; first and last + 1 of each, counted from ``base``."""

    def rows_of(self, key: Key, frames: int) -> npt.NDArray[Any]:
        """What a shown port held in the frames of the last chunk."""

    def counts(self, frames: int) -> dict[str, NodeCounts]:
        """Counts of every node over the first ``frames`` frames."""


def program_of(graph: Graph, shown: Collection[Key], *, threads: int = 1) -> Program | None:
    """The program of a strict run, or None if no program takes the graph.

    Args:
        graph: A balanced graph.
        shown: Ports whose values are asked for.
        threads: Threads that a spiking network may use; the integers do not depend on them.
    """
    return spiking.program_of(graph, shown, threads=threads) or token_program_of(graph, shown)
