"""A graph under construction: signals with units and bounds, and the nodes that carry them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.connections import EXPONENT_MAX
from conversion.graph import Edge
from conversion.nir_io.convention import Convention
from conversion.nir_io.items import Item, Shape
from conversion.nodes import Conv, Dense, Node, Regroup, Skip, SumPool

LONG = 2**20
"""Delay of a loop until it is known how many steps it takes without one."""
FloatArray = npt.NDArray[np.float64]
SUM_LIMIT = 2**31 - 1
"""Largest magnitude of a connection's sums (docs/fixed_point.md §9)."""


@dataclass(frozen=True)
class Signal:
    """The value of a NIR node as integers here: real = unit · integer + bias.

    Attributes:
        node, port: Where it is shown here.
        shape: Its shape in NIR: (N,), (C, L) or (C, H, W).
        unit: Real value of the integer 1.
        low, high: Bounds of the integers.
        bias: Real, one for each of our channels: what an Affine adds and no node here yet does.
        layout: (C, H, W) or (C, L) where a Flatten made the shape (N,): channels here then run
            position by position.
        shared: Whether more than one node reads it.
        back: Whether it arrives one step later, by the edge that closes a loop.
    """

    node: str
    shape: Shape
    unit: float
    low: int
    high: int
    port: str = "out"
    bias: FloatArray | None = None
    layout: Shape | None = None
    shared: bool = False
    back: bool = False

    @property
    def peak(self) -> int:
        """Largest magnitude."""
        return max(abs(self.low), abs(self.high))

    @property
    def rows(self) -> int:
        """Positions here, N of (N, C)."""
        return ours(self.shape)[0]

    @property
    def channels(self) -> int:
        """Channels here, C of (N, C)."""
        return ours(self.shape)[1]


def ours(shape: Shape) -> tuple[int, int]:
    """(N, C) of a shape of NIR: a vector is one position; a grid has a row for each position."""
    if len(shape) == 1:
        return 1, shape[0]
    return int(np.prod(shape[1:])), shape[0]


def grid(shape: Shape) -> tuple[int, int]:
    """Rows and columns of a shape (C, H, W) or (C, L)."""
    return (1, shape[1]) if len(shape) == 2 else (shape[1], shape[2])


def positions_first(layout: Shape) -> npt.NDArray[np.int64]:
    """For each channel here of a flattened grid, its index in NIR's order (channel first)."""
    rows, channels = ours(layout)
    return np.arange(rows * channels).reshape(channels, rows).T.ravel()


@dataclass
class Draft:
    """Nodes and edges so far, and what is to be remembered of the NIR graph."""

    convention: Convention
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What had to be rounded."""
    limits: list[str] = field(default_factory=list)
    """What is exact only while values stay within a register."""

    def put(self, node: Node, *signals: Signal) -> None:
        """Add a node that reads signals on its port ``in``."""
        self.nodes[node.name] = node
        self.edges += [
            Edge(
                source=s.node,
                target=node.name,
                source_port=s.port,
                recurrent=s.back,
                delay=LONG if s.back else 0,
            )
            for s in signals
        ]

    def note(self, item: Item, text: str) -> None:
        """Remember in words what is not exactly as in NIR."""
        self.notes.append(f"{item.name}: {text}")

    def limit(self, item: Item, text: str) -> None:
        """Remember in words where a register ends."""
        self.limits.append(f"{item.name}: {text}")

    def room(self, signal: Signal) -> int:
        """Bits by which a signal can still be shifted left."""
        bits = 0
        while bits < EXPONENT_MAX and signal.peak << (bits + 1) <= SUM_LIMIT:
            bits += 1
        node = self.nodes.get(signal.node)  # none yet of a population whose loop is being read
        used = getattr(node, "exponent", 0) if _movable(node, signal) else 0
        return min(bits, EXPONENT_MAX - used)

    def lifted(self, signal: Signal, bits: int, reader: str) -> Signal:
        """The signal in a unit 2^bits times finer.

        The connection in front shifts by more, if nobody else reads it; otherwise a Skip does.
        """
        if bits == 0:
            return signal
        node, new, back = self.nodes.get(signal.node), signal.node, signal.back
        if _movable(node, signal):
            assert isinstance(node, Dense | Conv | Skip | Regroup | SumPool)
            self.nodes[node.name] = replace(node, exponent=node.exponent + bits)
        else:
            new = f"{reader}.lift.{signal.node}"
            rows, channels = ours(signal.shape)
            self.put(Skip(name=new, tokens=rows, channels=channels, exponent=bits), signal)
            back = False
        return replace(
            signal, node=new, port="out", unit=signal.unit / 2**bits, low=signal.low << bits,
            high=signal.high << bits, back=back,
        )  # fmt: skip


def _movable(node: Any, signal: Signal) -> bool:
    """Whether the node that shows a signal can shift it by more, nobody else being concerned."""
    shifts = isinstance(node, Dense | Conv | Skip | Regroup | SumPool)
    return shifts and signal.port == "out" and not signal.shared
