"""What spiking networks need beside synapses and neurons (docs/fixed_point.md §4 and §6)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from loihi.integers import SUM_BITS, hold
from loihi.processes.grid import padded
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


class Delay(AbstractProcess):  # type: ignore[misc]
    """Shows each value its own number of steps later, zeros before.

    Args:
        steps: One number for each value, (size,).
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "a_in", "out": "a_out"}

    def __init__(self, *, steps: Any, **params: Any) -> None:
        super().__init__(steps=np.array(steps), **params)
        self.a_in = InPort(shape=steps.shape)
        self.a_out = OutPort(shape=steps.shape)
        self.ring = Var(shape=(int(steps.max()) + 1, steps.size), init=0)


class SumPool(AbstractProcess):  # type: ignore[misc]
    """Sums each channel over windows of a grid, one step later.

    Args:
        height, width, channels: Of the input grid.
        grid: Rows and columns of the output grid.
        kernels: Rows and columns of the window.
        strides: Down and across, in positions.
        paddings: Above and below, and left and right, in positions.
        exponent: Left shift of the sums.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "s_in", "out": "a_out"}

    def __init__(
        self, *, height: int, width: int, channels: int, grid: tuple[int, int], **params: Any
    ) -> None:
        super().__init__(height=height, width=width, **params)
        self.s_in = InPort(shape=(height * width * channels,))
        self.a_out = OutPort(shape=(grid[0] * grid[1] * channels,))
        self.buffer = Var(shape=(*grid, channels), init=0)


@implements(proc=Delay, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyDelayModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`Delay`."""

    a_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    ring: Any = LavaPyType(np.ndarray, np.int64, precision=32)

    def run_spk(self) -> None:
        """Keep what arrives, show what arrived the given steps ago."""
        steps, at = self.proc_params["steps"], (self.time_step - 1) % self.ring.shape[0]
        self.ring[at] = self.a_in.recv()
        self.a_out.send(self.ring[(at - steps) % self.ring.shape[0], np.arange(steps.size)])


@implements(proc=SumPool, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySumPoolModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`SumPool`."""

    s_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    buffer: Any = LavaPyType(np.ndarray, np.int64, precision=32)

    def run_spk(self) -> None:
        """Send the sums of the last step, then receive and add up, window by window."""
        self.a_out.send(self.buffer.reshape(-1))
        p = self.proc_params
        grid = padded(self.s_in.recv().reshape(p["height"], p["width"], -1), p["paddings"])
        view: Any = np.lib.stride_tricks.sliding_window_view
        windows = view(grid, p["kernels"], axis=(0, 1))
        down, across = p["strides"]
        self.buffer = windows[::down, ::across].sum(axis=(3, 4)) << p["exponent"]
        sums = self.buffer.reshape(-1, self.buffer.shape[2])
        kept = hold(sums, SUM_BITS, p["name"], "out", self.time_step - 1)
        self.buffer = kept.reshape(self.buffer.shape)
