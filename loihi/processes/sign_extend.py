"""Gives 24-bit values from a neurocore their sign back."""

from __future__ import annotations

from typing import Any

import numpy as np

from loihi.integers import sign_extended
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


class SignExtend(AbstractProcess):  # type: ignore[misc]
    """Sends at once what arrives, its low 24 bits read as a signed number.

    Args:
        size: Number of values.
        name: Name in messages.
    """

    def __init__(self, *, size: int, **params: Any) -> None:
        super().__init__(size=size, **params)
        self.a_in = InPort(shape=(size,))
        self.s_out = OutPort(shape=(size,))


@implements(proc=SignExtend, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySignExtendModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`SignExtend`."""

    a_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    s_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32)

    def run_spk(self) -> None:
        """Receive, extend, send."""
        self.s_out.send(sign_extended(self.a_in.recv()))
