"""Lava's fixed-point LIF with a membrane port, a bias and more resets (docs/fixed_point.md §6)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from loihi.integers import hold_current, truncating_decay
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
        count: Number of neurons R, or of positions.
        channels: Neurons of a position; 0 for a vector.
        bias: In units of the input; (channels,), (count,), (count, channels), or empty.
        du: Decay of the current, in 1/4096 per step, with Lava's hidden +1.
        dv: Decay of the potential, in 1/4096 per step.
        vth: Threshold in units of 64.
        reset: ``"zero"``, ``"subtract"`` or ``"subtract_late"``.
        reset_every: Frames from one zeroing of the potential to the next; 0 is never.
        lag: Step at which frame 0 reaches it.
        first: Step before which it is at rest.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "a_in", "out": "s_out", "membrane": "v_out"}

    def __init__(self, *, count: int, channels: int = 0, bias: Any = (), **params: Any) -> None:
        neurons = count * max(1, channels)
        each = np.ravel(np.array(bias, np.int64))
        super().__init__(bias=np.resize(each, neurons) if each.size else 0, **params)
        self.a_in = InPort(shape=(neurons,))
        self.s_out = OutPort(shape=(neurons,))
        self.v_out = OutPort(shape=(neurons,))
        self.u = Var(shape=(neurons,), init=0)
        self.v = Var(shape=(neurons,), init=0)
        self.fired = Var(shape=(neurons,), init=0)


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
    fired: Any = LavaPyType(np.ndarray, np.int64, precision=1)

    def run_spk(self) -> None:
        """One step of the neuron, in the order of docs/fixed_point.md §6."""
        p, step = self.proc_params, self.time_step - 1
        arrived = self.a_in.recv()
        spikes, v = np.zeros(self.v.shape, np.bool_), np.zeros_like(self.v)
        if step >= p["first"]:
            if p["reset_every"] and (step - p["lag"]) % p["reset_every"] == 0:
                self.v, self.fired = np.zeros_like(self.v), np.zeros_like(self.v)
            spikes, v = self._update(arrived)
        self.s_out.send(spikes.astype(np.int32))
        self.v_out.send(v)

    def _update(self, arrived: Any) -> tuple[Any, Any]:
        p, level = self.proc_params, self.proc_params["vth"] << 6
        u = truncating_decay(self.u, p["du"] + 1) + (arrived << 6)
        self.u = hold_current(u, WRAP, p["name"], self.time_step - 1)
        v = truncating_decay(self.v, p["dv"]) + self.u + (p["bias"] << 6)
        if p["reset"] == "subtract_late":
            v = v - self.fired * level
        v = np.clip(v, -(WRAP - 1), WRAP - 1)
        spikes = v > level
        left = {"zero": np.zeros_like(v), "subtract": v - level, "subtract_late": v}
        self.v = np.where(spikes, left[p["reset"]], v)
        self.fired = spikes.astype(np.int64)
        return spikes, v
