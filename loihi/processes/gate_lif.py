"""Lava's fixed-point LIF with a membrane port and reset by subtraction (docs/fixed_point.md §6)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from loihi.integers import between, truncating_decay
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

WRAP = 2**23
"""u wraps here, v is bounded one below it (Lava: ``AbstractPyLifModelFixed.max_uv_val``)."""


class GateLIF(AbstractProcess):  # type: ignore[misc]
    """A population of leaky integrate-and-fire neurons with a membrane port.

    Args:
        count: Number of neurons R.
        du: Decay of the current, in 1/4096 per step, with Lava's hidden +1.
        dv: Decay of the potential, in 1/4096 per step.
        vth: Threshold in units of 64.
        reset: ``"zero"`` or ``"subtract"``.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "a_in", "out": "s_out", "membrane": "v_out"}

    def __init__(self, *, count: int, **params: Any) -> None:
        super().__init__(count=count, **params)
        self.a_in = InPort(shape=(count,))
        self.s_out = OutPort(shape=(count,))
        self.v_out = OutPort(shape=(count,))
        self.u = Var(shape=(count,), init=0)
        self.v = Var(shape=(count,), init=0)


@implements(proc=GateLIF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyGateLIFModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`GateLIF`."""

    a_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    s_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=1)
    v_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    u: Any = LavaPyType(np.ndarray, np.int64, precision=24)
    v: Any = LavaPyType(np.ndarray, np.int64, precision=24)

    def run_spk(self) -> None:
        """One step of the neuron, in the order of docs/fixed_point.md §6."""
        p = self.proc_params
        u = truncating_decay(self.u, p["du"] + 1) + (self.a_in.recv() << 6)
        self.u = np.where(u > WRAP, u - 2 * WRAP, np.where(u <= -WRAP, u + 2 * WRAP, u))
        between(self.u, 1 - WRAP, WRAP, p["name"], "u", self.time_step - 1)
        v = truncating_decay(self.v, p["dv"]) + self.u
        v = np.clip(v, -(WRAP - 1), WRAP - 1)
        level = p["vth"] << 6
        spikes = v > level
        left = v - level if p["reset"] == "subtract" else np.zeros_like(v)
        self.v = np.where(spikes, left, v)
        self.s_out.send(spikes.astype(np.int32))
        self.v_out.send(v)
