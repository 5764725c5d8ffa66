"""The output accumulator (docs/fixed_point.md §8)."""

from __future__ import annotations

from typing import Any, ClassVar

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
    Var,
    implements,
    requires,
    tag,
)


class Accumulator(AbstractProcess):  # type: ignore[misc]
    """Adds up messages and shows the sum plus a bias.

    Args:
        tokens: Number of tokens N.
        channels: Number of channels C.
        bias: Shape (C,).
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "a_in", "out": "a_out"}

    def __init__(self, *, tokens: int, channels: int, **params: Any) -> None:
        super().__init__(tokens=tokens, channels=channels, **params)
        self.a_in = InPort(shape=(tokens * channels,))
        self.a_out = OutPort(shape=(tokens * channels,))
        self.acc = Var(shape=(tokens, channels), init=0)


@implements(proc=Accumulator, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyAccumulatorModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`Accumulator`."""

    a_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    acc: Any = LavaPyType(np.ndarray, np.int64)

    def run_spk(self) -> None:
        """Add what arrived and show the sum."""
        self.acc += self.a_in.recv().reshape(self.acc.shape)
        self.a_out.send((self.acc + self.proc_params["bias"]).reshape(-1))
