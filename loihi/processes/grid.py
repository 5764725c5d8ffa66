"""Connections of grids: convolution, and positions handed to tokens (docs/fixed_point.md §4)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from loihi.integers import SUM_BITS, IntArray, hold
from loihi.shim import (
    CPU,
    AbstractProcess,
    InPort,
    LavaPyType,
    LoihiProtocol,
    OutPort,
    PyInPort,
    PyLoihiProcessModel,
    PyOutPort,
    Var,
    implements,
    requires,
    tag,
)


class GridConv(AbstractProcess):  # type: ignore[misc]
    """Cross-correlation over a grid of positions with zeros outside, one step later.

    Args:
        height: Rows of the input grid.
        width: Columns of the input grid.
        grid: Rows and columns of the output grid.
        weight: Integers of shape (C_out, C_in, k_down, k_across).
        strides: Down and across, in positions.
        paddings: Above and below, and left and right, in positions.
        exponent: Left shift of the sums.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "s_in", "out": "a_out"}

    def __init__(
        self, *, height: int, width: int, grid: tuple[int, int], weight: Any, **params: Any
    ) -> None:
        super().__init__(height=height, width=width, grid=grid, **params)
        rows, columns = grid
        self.s_in = InPort(shape=(height * width * weight.shape[1],))
        self.a_out = OutPort(shape=(rows * columns * weight.shape[0],))
        self.weight = Var(shape=weight.shape, init=np.array(weight))
        self.buffer = Var(shape=(rows, columns, weight.shape[0]), init=0)


class Regroup(AbstractProcess):  # type: ignore[misc]
    """Each token's positions side by side, shifted left, one step later.

    Args:
        positions: Number of positions M.
        channels: Channels of a position.
        index: Positions of each token, shape (N, P).
        exponent: Left shift.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "s_in", "out": "a_out"}

    def __init__(self, *, positions: int, channels: int, index: Any, **params: Any) -> None:
        super().__init__(positions=positions, channels=channels, index=np.array(index), **params)
        self.s_in = InPort(shape=(positions * channels,))
        self.a_out = OutPort(shape=(index.size * channels,))
        self.buffer = Var(shape=(index.shape[0], index.shape[1] * channels), init=0)


def padded(grid: IntArray, paddings: tuple[int, int]) -> IntArray:
    """A grid (h, w, C) with zeros around it."""
    above, beside = paddings
    return np.pad(grid, ((above, above), (beside, beside), (0, 0)))


@implements(proc=GridConv, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyGridConvModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`GridConv`: one tap of the kernel after another."""

    s_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    weight: Any = LavaPyType(np.ndarray, np.int64, precision=8)
    buffer: Any = LavaPyType(np.ndarray, np.int64, precision=32)

    def run_spk(self) -> None:
        """Send the sums of the last step, then receive and correlate."""
        self.a_out.send(self.buffer.reshape(-1))
        p = self.proc_params
        arrived = self.s_in.recv().reshape(p["height"], p["width"], -1)
        self.buffer = np.zeros_like(self.buffer)
        if arrived.any():
            self._correlate(padded(arrived, p["paddings"]))
        sums = self.buffer.reshape(-1, self.buffer.shape[2])
        kept = hold(sums, SUM_BITS, p["name"], "out", self.time_step - 1)
        self.buffer = kept.reshape(self.buffer.shape)

    def _correlate(self, grid: IntArray) -> None:
        (down, across), (rows, columns, _) = self.proc_params["strides"], self.buffer.shape
        for a in range(self.weight.shape[2]):
            for b in range(self.weight.shape[3]):
                at, beside = a + down * np.arange(rows), b + across * np.arange(columns)
                tap = grid[at[:, None], beside]
                spoken = tap.any(axis=2)
                self.buffer[spoken] += tap[spoken] @ self.weight[:, :, a, b].T
        self.buffer <<= self.proc_params["exponent"]


@implements(proc=Regroup, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRegroupModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`Regroup`."""

    s_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    buffer: Any = LavaPyType(np.ndarray, np.int64, precision=32)

    def run_spk(self) -> None:
        """Send what arrived at the last step, then receive, hand out and shift."""
        self.a_out.send(self.buffer.reshape(-1))
        p = self.proc_params
        arrived = self.s_in.recv().reshape(p["positions"], p["channels"])
        named = np.where((p["index"] >= 0)[..., None], arrived[p["index"]], 0)
        handed = named.reshape(self.buffer.shape) << p["exponent"]
        self.buffer = hold(handed, SUM_BITS, p["name"], "out", self.time_step - 1)
