"""Connections: weights shared by all tokens, and the one-to-one skip (docs/fixed_point.md §4)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from loihi.integers import hold_sums
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


class TokenDense(AbstractProcess):  # type: ignore[misc]
    """``out = (W · in) << exponent`` for every token, one step later.

    Args:
        tokens: Number of tokens N.
        weight: Integers of shape (C_out, C_in).
        exponent: Left shift of the sums.
        repeat: Groups of channels in a token; each meets the same weights.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "s_in", "out": "a_out"}

    def __init__(self, *, tokens: int, weight: Any, repeat: int, **params: Any) -> None:
        super().__init__(tokens=tokens, **params)
        rows, columns = weight.shape
        self.s_in = InPort(shape=(tokens * repeat * columns,))
        self.a_out = OutPort(shape=(tokens * repeat * rows,))
        self.weight = Var(shape=weight.shape, init=np.array(weight))
        self.buffer = Var(shape=(tokens, repeat, rows), init=0)


class Skip(AbstractProcess):  # type: ignore[misc]
    """``out = in << exponent``, one step later.

    Args:
        size: Number of values N·C.
        exponent: Left shift.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "s_in", "out": "a_out"}

    def __init__(self, *, size: int, **params: Any) -> None:
        super().__init__(size=size, **params)
        self.s_in = InPort(shape=(size,))
        self.a_out = OutPort(shape=(size,))
        self.buffer = Var(shape=(size,), init=0)


@implements(proc=TokenDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyTokenDenseModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`TokenDense`; silent groups cost nothing."""

    s_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    weight: Any = LavaPyType(np.ndarray, np.int64, precision=8)
    buffer: Any = LavaPyType(np.ndarray, np.int64, precision=32)

    def run_spk(self) -> None:
        """Send the sums of the last step, then receive and add up."""
        self.a_out.send(self.buffer.reshape(-1))
        p = self.proc_params
        arrived = self.s_in.recv().reshape(*self.buffer.shape[:2], -1)
        active = arrived.any(axis=2)
        self.buffer = np.zeros_like(self.buffer)
        self.buffer[active] = (arrived[active] @ self.weight.T) << p["exponent"]
        sums = self.buffer.reshape(p["tokens"], -1)
        kept = hold_sums(sums, p["exponent"], p["name"], self.time_step - 1)
        self.buffer = kept.reshape(self.buffer.shape)


@implements(proc=Skip, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySkipModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`Skip`."""

    s_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    buffer: Any = LavaPyType(np.ndarray, np.int64, precision=32)

    def run_spk(self) -> None:
        """Send what arrived at the last step, then receive and shift."""
        self.a_out.send(self.buffer)
        p = self.proc_params
        shifted = self.s_in.recv() << p["exponent"]
        self.buffer = hold_sums(shifted, p["exponent"], p["name"], self.time_step - 1)
