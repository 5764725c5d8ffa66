"""Incremental ReLU linear attention with one state matrix per head (docs/fixed_point.md §5)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from loihi.integers import SUM_BITS, IntArray, hold, round_shift
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


class LinearAttention(AbstractProcess):  # type: ignore[misc]
    """Sums q, k and v messages, keeps Σ kᵢvᵢᵀ per head, and answers open tokens one step later.

    Args:
        tokens: Number of tokens N.
        heads: Number of heads H.
        head_dim: Width d of a head.
        stages: Number of rows S of the gate's mask; 1 where there is no gate.
        stage: Row of the mask this node obeys.
        gated: Whether it has a gate; the port of one that has none stays unconnected.
        first: Step index, from 0, at which frame 0 arrives; without a gate it is closed before.
        state_shift: Rounded right shift of the state.
        state_max: Bound of the shifted state.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {
        "q": "q_in", "k": "k_in", "v": "v_in", "gate": "gate_in", "out": "a_out",
    }  # fmt: skip

    def __init__(
        self, *, tokens: int, heads: int, head_dim: int, stages: int, **params: Any
    ) -> None:
        super().__init__(tokens=tokens, heads=heads, head_dim=head_dim, stages=stages, **params)
        shape = (tokens, heads, head_dim)
        size = tokens * heads * head_dim
        self.q_in = InPort(shape=(size,))
        self.k_in = InPort(shape=(size,))
        self.v_in = InPort(shape=(size,))
        self.gate_in = InPort(shape=(stages * tokens,))
        self.a_out = OutPort(shape=(size,))
        self.q = Var(shape=shape, init=0)
        self.k = Var(shape=shape, init=0)
        self.v = Var(shape=shape, init=0)
        self.state = Var(shape=(heads, head_dim, head_dim), init=0)
        self.buffer = Var(shape=shape, init=0)


@implements(proc=LinearAttention, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyLinearAttentionModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`LinearAttention`: a changed token costs two outer products."""

    q_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    k_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    v_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    gate_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    q: Any = LavaPyType(np.ndarray, np.int64, precision=32)
    k: Any = LavaPyType(np.ndarray, np.int64, precision=32)
    v: Any = LavaPyType(np.ndarray, np.int64, precision=32)
    state: Any = LavaPyType(np.ndarray, np.int64, precision=32)
    buffer: Any = LavaPyType(np.ndarray, np.int64, precision=32)

    def run_spk(self) -> None:
        """Send the answers of the last step, then receive, update the state and answer."""
        self.a_out.send(self.buffer.reshape(-1))
        p = self.proc_params
        ports = (self.q_in, self.k_in, self.v_in)
        dq, dk, dv = (port.recv().reshape(self.q.shape) for port in ports)
        mask = open_tokens(p, self.gate_in, self.time_step - 1)
        self._exchange(dk, dv)
        self.q += dq
        self.q = self._held(self.q, "q")
        bound = p["state_max"]
        matrix = np.clip(round_shift(self.state, p["state_shift"]), -bound, bound)
        self.buffer = np.zeros_like(self.buffer)
        self.buffer[mask] = np.einsum("iha,hab->ihb", self.q[mask], matrix)
        self.buffer = self._held(self.buffer, "out")

    def _exchange(self, dk: IntArray, dv: IntArray) -> None:
        """Take changed tokens' old outer products out of the state and put the new ones in."""
        changed = (dk != 0).any(axis=(1, 2)) | (dv != 0).any(axis=(1, 2))
        self.state -= np.einsum("iha,ihb->hab", self.k[changed], self.v[changed])
        self.k += dk
        self.v += dv
        self.state += np.einsum("iha,ihb->hab", self.k[changed], self.v[changed])
        self.k, self.v = self._held(self.k, "k"), self._held(self.v, "v")
        self.state = self._held(self.state, "state")

    def _held(self, values: IntArray, what: str) -> IntArray:
        return hold(values, SUM_BITS, self.proc_params["name"], what, self.time_step - 1)
