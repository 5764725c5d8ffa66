"""Who asks to be restored, and how loudly: spikes, and the rules they are compared with.

Every rule gives what a gate neuron gives, spikes and potentials by region, and is served by the
same restore gate from the same bucket. So rules are compared at the same work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from depth_snn.config import GateConfig, NetworkConfig
from depth_snn.errors import ConfigError
from depth_snn.neurons.bodies import make_body
from depth_snn.neurons.lif_integer import LIFParams
from depth_snn.pruning.view import View
from depth_snn.recovery.drive import (
    DRIVE_MAX,
    Gradient,
    change_drive,
    drive_macs,
    feature_gradient,
    region_drive,
)
from depth_snn.recovery.judge import pixel_error, pixel_error_macs

IntArray = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
F32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Scene:
    """What a rule may look at.

    Attributes:
        rgb: The frame (H, W, 3).
        change: How far each token's shown result may be off, in the judge's units (N,).
        motion: Motion of each token beyond the camera's, pixels (N,).
        ego: Whether the camera moves.
        view: What is shown, and since when.
    """

    rgb: npt.NDArray[np.uint8]
    change: F32
    motion: F32
    ego: bool
    view: View


@dataclass(frozen=True, eq=False)
class Ask:
    """What a rule says: input of the neurons (R,), spikes (R,), potentials (R,)."""

    drive: IntArray
    spikes: Mask
    membrane: IntArray


class Rule(Protocol):
    """Anything that asks for regions.

    Attributes:
        macs: MACs of one frame's asking.
    """

    macs: int

    def ask(self, scene: Scene) -> Ask:
        """What is asked for in this frame."""


class SpikeRule:
    """A LIF per region over the judged change, or over D_t as the proposal has it."""

    def __init__(self, config: NetworkConfig, gate: GateConfig) -> None:
        self.config, self.gate = config, gate
        reset: Literal["zero", "subtract"] = "zero" if gate.reset == "zero" else "subtract"
        params = LIFParams(dv=gate.dv, vth=gate.vth, reset=reset)
        self.body = make_body(gate.body, config.regions, params)
        own = drive_macs(config) if gate.drive == "gradient" else config.tokens
        if gate.gain_pixels:
            own += pixel_error_macs(config) + config.tokens
        self.macs = own + (3 if gate.adapt else 2) * config.regions
        self._last: Gradient | None = None
        self._tired = np.zeros(config.regions, np.int64)

    def ask(self, scene: Scene) -> Ask:
        """See :class:`Rule`."""
        drive = self._drive(scene)
        if self.gate.adapt:  # an adaptation current, on the input side: the chip's neuron stays
            drive = np.maximum(drive - self._tired, 0)
        spikes, membrane = self.body.step(drive)
        self._tired = (self._tired >> 1) + self.gate.adapt * spikes
        return Ask(drive, spikes, membrane)

    def _drive(self, scene: Scene) -> IntArray:
        gate, config = self.gate, self.config
        if gate.drive == "change":
            drive = change_drive(scene.change, gate.gain, config)
        else:
            gradient = feature_gradient(scene.rgb, config)
            before, self._last = self._last, gradient
            drive = region_drive(gradient, before, config)
        if gate.gain_pixels and scene.view.started:
            error = pixel_error(scene.rgb, scene.view)
            drive = drive + change_drive(error, gate.gain_pixels, config)
        return np.minimum(drive, DRIVE_MAX)


class NoRule:
    """Nobody asks: pruning without recovery."""

    macs = 0

    def __init__(self, config: NetworkConfig, gate: GateConfig) -> None:
        self.nothing = np.zeros(config.regions, np.int64)

    def ask(self, scene: Scene) -> Ask:
        """See :class:`Rule`."""
        return Ask(self.nothing, self.nothing > 0, self.nothing)


class OrderRule:
    """Every region asks, in an order that a rule of thumb gives.

    Args:
        config: Shape of the network.
        gate: For the seed-free rules unused; D_t's threshold is its γ.
        order: ``"random"``, ``"periodic"`` (longest not computed first), ``"threshold"`` (D_t above
            γ, largest first), ``"topk_error"`` or ``"topk_motion"``.
    """

    def __init__(self, config: NetworkConfig, gate: GateConfig, order: str) -> None:
        self.config, self.gate, self.order = config, gate, order
        self.rng = np.random.default_rng(0)
        own = {"threshold": drive_macs(config), "topk_error": pixel_error_macs(config)}
        self.macs = own.get(order, config.tokens)
        self._last: Gradient | None = None

    def ask(self, scene: Scene) -> Ask:
        """See :class:`Rule`."""
        config, gate = self.config, self.gate
        if self.order == "random":
            drive = self.rng.permutation(config.regions) + 1
        elif self.order == "threshold":
            gradient = feature_gradient(scene.rgb, config)
            before, self._last = self._last, gradient
            drive = region_drive(gradient, before, config)
            return Ask(drive, drive > gate.vth, drive)
        else:
            drive = change_drive(self._values(scene), 64, config)
        return Ask(drive, drive > 0, drive)

    def _values(self, scene: Scene) -> F32:
        if self.order == "periodic":
            return scene.view.age
        if self.order == "topk_motion":
            return scene.motion
        return pixel_error(scene.rgb, scene.view)


RULES = ("spikes", "none", "random", "periodic", "threshold", "topk_error", "topk_motion")
"""Names of the rules; ``threshold`` is a plain threshold on D_t."""


def make_rule(name: str, config: NetworkConfig, gate: GateConfig) -> Rule:
    """A rule by name.

    Raises:
        ConfigError: if there is none of that name.
    """
    if name == "spikes":
        return SpikeRule(config, gate)
    if name == "none":
        return NoRule(config, gate)
    if name not in RULES:
        raise ConfigError(f"recovery rule {name!r}: expected one of {', '.join(RULES)}")
    return OrderRule(config, gate, name)
