"""Host nodes that work on one token at a time: LayerNorm and a table.

docs/fixed_point.md, Host nodes, defines them. On a chip both would be a process of the host.
"""

from __future__ import annotations

from math import isqrt
from typing import Any, ClassVar

import numpy as np

from loihi.integers import SUM_BITS, IntArray, fit
from loihi.processes.gate_port import open_tokens
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

NORM_BITS, TABLE_BITS = 16, 24
"""Widths of what the two add up."""
ROOT_BITS = 4
"""Bits behind the binary point of the norm's root."""


def divide(n: IntArray, d: IntArray) -> IntArray:
    """The quotient n / d rounded half up, for d > 0."""
    return np.asarray((2 * n + d) // (2 * d), np.int64)


class _Pointwise(AbstractProcess):  # type: ignore[misc]
    """Ports and state that both have: a sum of messages, and the answers of the last step.

    Args:
        tokens: Number of tokens N.
        channels: Number of channels C.
        stages: Number of rows S of the gate's mask; 1 where there is no gate.
        stage: Row of the mask this node obeys.
        gated: Whether it has a gate; the port of one that has none stays unconnected.
        first: Step index, from 0, at which frame 0 arrives; without a gate it is closed before.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "a_in", "gate": "gate_in", "out": "a_out"}

    def __init__(self, *, tokens: int, channels: int, stages: int, **params: Any) -> None:
        super().__init__(tokens=tokens, channels=channels, stages=stages, **params)
        self.a_in = InPort(shape=(tokens * channels,))
        self.gate_in = InPort(shape=(stages * tokens,))
        self.a_out = OutPort(shape=(tokens * channels,))
        self.x = Var(shape=(tokens, channels), init=0)
        self.buffer = Var(shape=(tokens, channels), init=0)


class HostNorm(_Pointwise):
    """LayerNorm; further arguments ``floor`` and ``gain`` as in the node."""


class HostTable(_Pointwise):
    """A table; further arguments ``lo`` and ``table`` as in the node."""

    def __init__(self, *, table: Any, **params: Any) -> None:
        super().__init__(table=np.array(table), **params)


class _PointwiseModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Receives, adds up, and answers open tokens one step later."""

    BITS: ClassVar[int] = TABLE_BITS
    a_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    gate_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    x: Any = LavaPyType(np.ndarray, np.int64, precision=32)
    buffer: Any = LavaPyType(np.ndarray, np.int64, precision=32)

    def _answer(self, x: IntArray) -> IntArray:
        raise NotImplementedError

    def run_spk(self) -> None:
        """Send the answers of the last step, then receive and answer."""
        self.a_out.send(self.buffer.reshape(-1))
        p, step = self.proc_params, self.time_step - 1
        self.x += self.a_in.recv().reshape(self.x.shape)
        fit(self.x, self.BITS, p["name"], "x", step)
        mask = open_tokens(p, self.gate_in, step)
        self.buffer = np.zeros_like(self.buffer)
        self.buffer[mask] = fit(self._answer(self.x[mask]), SUM_BITS, p["name"], "out", step)


@implements(proc=HostNorm, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyHostNormModel(_PointwiseModel):
    """Fixed-point model of :class:`HostNorm`."""

    BITS: ClassVar[int] = NORM_BITS

    def _answer(self, x: IntArray) -> IntArray:
        p, channels = self.proc_params, x.shape[1]
        total = x.sum(axis=1, keepdims=True)
        spread = channels * (x * x).sum(axis=1) - total[:, 0] ** 2
        squares = ((spread + p["floor"]) << 2 * ROOT_BITS).tolist()
        root = np.array([isqrt(n) for n in squares], np.int64).reshape(-1, 1)
        return divide((channels * x - total) * (p["gain"] << ROOT_BITS), root)


@implements(proc=HostTable, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyHostTableModel(_PointwiseModel):
    """Fixed-point model of :class:`HostTable`."""

    def _answer(self, x: IntArray) -> IntArray:
        table = self.proc_params["table"]
        out: IntArray = table[np.clip(x - self.proc_params["lo"], 0, table.size - 1)]
        return out
