"""Softmax attention with its scores kept up to date by changes (docs/fixed_point.md, Host nodes).

On a chip this would be a process of the host, since its state has N² scores per head.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from loihi.integers import SUM_BITS, IntArray, fit, round_shift
from loihi.processes.gate_port import open_tokens
from loihi.processes.host_pointwise import divide
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

OPERAND_BITS = 24
"""Width of q, k and v."""


class SoftmaxAttention(AbstractProcess):  # type: ignore[misc]
    """Sums q, k and v messages, keeps every score, and answers open tokens one step later.

    Args:
        tokens: Number of tokens N.
        heads: Number of heads H.
        head_dim: Width d of a head.
        exp_table: Exponentials of minus the distance from a row's largest score.
        exp_shift: Rounded right shift of that distance.
        gain: Integers of the result per unit of v.
        stages: Number of rows S of the gate's mask; 1 where there is no gate.
        stage: Row of the mask this node obeys.
        gated: Whether it has a gate; the port of one that has none stays unconnected.
        first: Step index, from 0, at which frame 0 arrives; without a gate it is closed before.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {
        "q": "q_in", "k": "k_in", "v": "v_in", "gate": "gate_in", "out": "a_out",
    }  # fmt: skip

    def __init__(
        self, *, tokens: int, heads: int, head_dim: int, stages: int, exp_table: Any, **params: Any
    ) -> None:
        table = np.append(exp_table, 0)  # what lies beyond the table weighs nothing
        super().__init__(
            tokens=tokens, heads=heads, head_dim=head_dim, stages=stages, table=table, **params
        )
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
        self.scores = Var(shape=(heads, tokens, tokens), init=0)
        self.buffer = Var(shape=shape, init=0)


@implements(proc=SoftmaxAttention, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySoftmaxAttentionModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`SoftmaxAttention`."""

    q_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    k_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    v_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    gate_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    q: Any = LavaPyType(np.ndarray, np.int64, precision=32)
    k: Any = LavaPyType(np.ndarray, np.int64, precision=32)
    v: Any = LavaPyType(np.ndarray, np.int64, precision=32)
    scores: Any = LavaPyType(np.ndarray, np.int64, precision=32)
    buffer: Any = LavaPyType(np.ndarray, np.int64, precision=32)

    def run_spk(self) -> None:
        """Send the answers of the last step, then receive, bring the scores up to date, answer."""
        self.a_out.send(self.buffer.reshape(-1))
        ports = (self.q_in, self.k_in, self.v_in)
        dq, dk, dv = (port.recv().reshape(self.q.shape) for port in ports)
        mask = open_tokens(self.proc_params, self.gate_in, self.time_step - 1)
        self._exchange(dq, dk)
        self.v += dv
        self._check(self.v, OPERAND_BITS, "v")
        self.buffer = np.zeros_like(self.buffer)
        if mask.any():
            self.buffer[mask] = self._answer(self.scores[:, mask])
        self._check(self.buffer, SUM_BITS, "out")

    def _exchange(self, dq: IntArray, dk: IntArray) -> None:
        """S += Δq·K_oldᵀ + Q_new·Δkᵀ, for tokens that changed."""
        asking, offering = ((d != 0).any(axis=(1, 2)) for d in (dq, dk))
        self.scores[:, asking] += np.einsum("iha,jha->hij", dq[asking], self.k)
        self.q += dq
        self.k += dk
        self.scores[:, :, offering] += np.einsum("iha,jha->hij", self.q, dk[offering])
        self._check(self.q, OPERAND_BITS, "q")
        self._check(self.k, OPERAND_BITS, "k")
        self._check(self.scores, SUM_BITS, "S")

    def _answer(self, scores: IntArray) -> IntArray:
        """Answers (n, H, d) of rows of scores (H, n, N)."""
        p = self.proc_params
        far = round_shift(scores.max(axis=2, keepdims=True) - scores, p["exp_shift"])
        weights = p["table"][np.minimum(far, p["table"].size - 1)]
        sums = np.einsum("hij,jhb->ihb", weights, self.v)
        return divide(p["gain"] * sums, weights.sum(axis=2).T[..., None])

    def _check(self, values: IntArray, bits: int, what: str) -> None:
        fit(values, bits, self.proc_params["name"], what, self.time_step - 1)
