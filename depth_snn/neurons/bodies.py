"""The gate neuron on snntorch and on norse, and one face for all three bodies.

v ← βv + I; spike where v > γ; reset by subtraction or to zero. Both libraries compare strictly,
like Lava. In floating point β·v is not truncated, so float and integer potentials differ by less
than 1/(1 − β) units of 1/64 input (truncation loses under one unit a step, and decays); spikes
agree as long as no potential has come closer to the threshold than that, and everywhere when β·v is
a whole number.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from depth_snn.errors import MissingDependency
from depth_snn.neurons.lif_integer import (
    FRACTION_BITS,
    IntArray,
    LIFParams,
    lif_step,
    lif_zeros,
)

ROUNDING = 1e-6
"""Error of double precision that is forgiven, in units of 1/64 input."""

BodyStep = tuple[npt.NDArray[np.bool_], IntArray]


class GateBody(Protocol):
    """A population of gate neurons that is stepped with integer drives."""

    def step(self, drive: IntArray) -> BodyStep:
        """Spikes (n,) and potential before reset (n,), in units of 1/64 input."""


class IntegerBody:
    """The neuron in Loihi integers."""

    def __init__(self, count: int, params: LIFParams) -> None:
        self.params, self.state = params, lif_zeros(count)

    def step(self, drive: IntArray) -> BodyStep:
        """See :class:`GateBody`."""
        spikes, membrane, self.state = lif_step(drive, self.state, self.params)
        return spikes, membrane


class SnntorchBody:
    """The neuron as snntorch's ``Leaky`` in double precision.

    ``Leaky`` integrates and fires; the reset is applied here, because with ``reset_delay=False`` it
    subtracts the threshold once more before it compares when the potential is still above it after
    a reset.
    """

    def __init__(self, count: int, params: LIFParams) -> None:
        snntorch = _library("snntorch")
        import torch

        self.torch, self.params = torch, params
        beta, threshold = torch.tensor(params.beta, dtype=torch.float64), float(params.vth)
        self.leaky = snntorch.Leaky(
            beta=beta, threshold=torch.tensor(threshold).double(), reset_mechanism="none"
        )
        self.v = torch.zeros(1, count, dtype=torch.float64)

    def step(self, drive: IntArray) -> BodyStep:
        """See :class:`GateBody`."""
        with self.torch.no_grad():
            x = self.torch.from_numpy(np.asarray(drive, np.float64))[None]
            spikes, membrane = self.leaky(x, self.v)
            kept = membrane - self.params.vth if self.params.reset == "subtract" else 0 * membrane
            self.v = self.torch.where(spikes > 0, kept, membrane)
        return _pack(spikes[0].numpy(), membrane[0].numpy())


class NorseBody:
    """The neuron as norse's ``lif_box_feed_forward_step`` in double precision.

    norse integrates dv = dt/τ·(i − v): with dt/τ = 1 − β an input i adds (1 − β)·i, so the drive is
    divided by 1 − β. β = 1 has no such form.
    """

    def __init__(self, count: int, params: LIFParams) -> None:
        _library("norse")
        import torch
        from norse.torch.functional import lif_box, reset

        if params.dv == 0:
            raise MissingDependency("norse has no LIF without leak: use dv > 0 or another body")
        self.torch, self.params, self.lif_box = torch, params, lif_box
        method = reset.reset_subtract if params.reset == "subtract" else reset.reset_value
        self.gain = params.dv / 4096
        self.norse_params = lif_box.LIFBoxParameters(
            tau_mem_inv=torch.tensor(self.gain, dtype=torch.float64),
            v_leak=torch.tensor(0.0, dtype=torch.float64),
            v_th=torch.tensor(float(params.vth), dtype=torch.float64),
            v_reset=torch.tensor(0.0, dtype=torch.float64),
            reset_method=method,
        )
        self.state = lif_box.LIFBoxFeedForwardState(v=torch.zeros(count, dtype=torch.float64))

    def step(self, drive: IntArray) -> BodyStep:
        """See :class:`GateBody`."""
        with self.torch.no_grad():
            x = self.torch.from_numpy(np.asarray(drive, np.float64) / self.gain)
            membrane = self.state.v + self.gain * (x - self.state.v)
            spikes, self.state = self.lif_box.lif_box_feed_forward_step(
                x, self.state, self.norse_params, dt=1.0
            )
        return _pack(spikes.numpy(), membrane.numpy())


def _pack(spikes: npt.NDArray[Any], membrane: npt.NDArray[Any]) -> BodyStep:
    # A whole number that double precision left a hair below itself is still that number.
    scaled = np.floor(membrane * (1 << FRACTION_BITS) + ROUNDING).astype(np.int64)
    return spikes > 0, scaled


def _library(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingDependency(
            f"the {name} body of the gate needs {name}: pip install '.[snn]', or use body 'loihi'"
        ) from None


BODIES: dict[str, type[IntegerBody] | type[SnntorchBody] | type[NorseBody]] = {
    "loihi": IntegerBody,
    "snntorch": SnntorchBody,
    "norse": NorseBody,
}


def make_body(name: str, count: int, params: LIFParams) -> GateBody:
    """A population of ``count`` neurons in the named body."""
    return BODIES[name](count, params)
