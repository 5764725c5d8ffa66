"""One delayed connection inside a block (docs/fixed_point.md §1)."""

from __future__ import annotations

from typing import Any

import numpy as np

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
    implements,
    requires,
    tag,
)


class Line(AbstractProcess):  # type: ignore[misc]
    """Shows what arrived ``delay`` steps ago; zeros come out first.

    Args:
        size: Number of values.
        delay: Steps, at least 1.
        name: Name in messages.
    """

    def __init__(self, *, size: int, delay: int, **params: Any) -> None:
        super().__init__(size=size, delay=delay, **params)
        self.a_in = InPort(shape=(size,))
        self.s_out = OutPort(shape=(size,))


@implements(proc=Line, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyLineModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`Line`."""

    a_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    s_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.held = np.zeros((proc_params["delay"], proc_params["size"]), np.int64)

    def run_spk(self) -> None:
        """Send the oldest row and put the new one in its place."""
        row = (self.time_step - 1) % self.held.shape[0]
        self.s_out.send(self.held[row])
        self.held[row] = self.a_in.recv()
