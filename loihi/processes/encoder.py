"""Drift-free delta and sigma-delta encoders, with a gate or without (docs/fixed_point.md §3)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from loihi.integers import MESSAGE_BITS, SUM_BITS, IntArray, hold, round_shift
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


class DeltaEncoder(AbstractProcess):  # type: ignore[misc]
    """Sends what changed of an absolute input since it last sent.

    Args:
        tokens: Number of tokens N.
        channels: Number of channels C.
        stages: Number of rows S of the gate's mask; 1 where there is no gate.
        stage: Row of the mask this encoder obeys.
        gated: Whether it has a gate; the port of one that has none stays unconnected.
        first: Step index, from 0, at which frame 0 arrives; without a gate it is closed before.
        bias: Added before the shift; shape (C,) or (N, C).
        shift: Rounded right shift.
        lo: Smallest activation.
        hi: Largest activation.
        threshold: Smallest change that is sent.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "a_in", "gate": "gate_in", "out": "s_out"}

    def __init__(self, *, tokens: int, channels: int, stages: int, **params: Any) -> None:
        super().__init__(tokens=tokens, channels=channels, stages=stages, **params)
        self.a_in = InPort(shape=(tokens * channels,))
        self.gate_in = InPort(shape=(stages * tokens,))
        self.s_out = OutPort(shape=(tokens * channels,))
        self.sigma = Var(shape=(tokens, channels), init=0)
        self.sent = Var(shape=(tokens, channels), init=0)


class SigmaDeltaEncoder(DeltaEncoder):
    """The same over the running sum of its inputs; see :class:`DeltaEncoder` for the arguments."""


class _EncoderModel(PyLoihiProcessModel):  # type: ignore[misc]
    """The sending rule that both encoders share."""

    a_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    gate_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    s_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    sigma: Any = LavaPyType(np.ndarray, np.int64, precision=32)
    sent: Any = LavaPyType(np.ndarray, np.int64, precision=24)

    def _potential(self, arrived: IntArray) -> IntArray:
        raise NotImplementedError

    def run_spk(self) -> None:
        """One step: receive, integrate, send the change of open tokens."""
        p = self.proc_params
        arrived = self.a_in.recv().reshape(p["tokens"], p["channels"])
        mask = open_tokens(p, self.gate_in, self.time_step - 1)
        act = round_shift(self._potential(arrived) + p["bias"], p["shift"])
        delta = np.clip(act, p["lo"], p["hi"]) - self.sent
        fires = mask[:, None] & (delta != 0) & (np.abs(delta) >= p["threshold"])
        message = np.where(fires, delta, 0)
        self.sent += message
        message = hold(message, MESSAGE_BITS, p["name"], "message", self.time_step - 1)
        self.s_out.send(message.reshape(-1))


@implements(proc=DeltaEncoder, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyDeltaEncoderModel(_EncoderModel):
    """Fixed-point model of :class:`DeltaEncoder`."""

    def _potential(self, arrived: IntArray) -> IntArray:
        return arrived


@implements(proc=SigmaDeltaEncoder, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySigmaDeltaEncoderModel(_EncoderModel):
    """Fixed-point model of :class:`SigmaDeltaEncoder`."""

    def _potential(self, arrived: IntArray) -> IntArray:
        self.sigma += arrived
        node = self.proc_params["name"]
        sigma = hold(self.sigma, SUM_BITS, node, "sigma", self.time_step - 1)
        self.sigma = sigma
        return sigma
