"""Spiking populations and delays with a meaning of their own (docs/fixed_point.md §6)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from conversion.node import IntArray, Node, frozen_int

BIAS_LIMIT = 2**17
"""A bias is shifted left by 6 and added to a register of 24 bits."""
HELD_MAX = 2**27
"""Values that a Delay, or a recurrent edge, may hold."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LIF(Node):
    """Leaky integrate-and-fire population, Lava's fixed point (docs/fixed_point.md §6).

    Attributes:
        count: Neurons; with ``channels`` above 0, positions.
        du, dv: Decay of current and potential in 1/4096 a step; du with Lava's hidden +1.
        vth: Threshold in units of the input; 2^17 is beyond the register and never reached.
        reset: What a spike does: ``"zero"``; ``"subtract"``, the threshold taken off at once, so
            that what is left decays; ``"subtract_late"``, taken off in the next step, undecayed.
        channels: 0 for a vector (count,), otherwise values are (count, channels).
        bias: Empty for none; (channels,), or (count,) where there are no channels, or (count,
            channels), in units of the input.
        reset_every: The potential is set to zero before each frame whose number is a multiple of
            this; 0 is never.
        warmup: Frames before frame 0 in which a population with a bias is awake.
    """

    count: int
    du: int
    dv: int
    vth: int
    reset: Literal["zero", "subtract", "subtract_late"]
    channels: int = 0
    bias: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    reset_every: int = 0
    warmup: int = 0
    kind: ClassVar[str] = "LIF"
    outputs: ClassVar[tuple[str, ...]] = ("out", "membrane")

    def __post_init__(self) -> None:
        self._require(self.count > 0, "needs at least one neuron")
        self._require(-1 <= self.du <= 4095, f"du {self.du} is outside -1..4095")
        self._require(0 <= self.dv <= 4096, f"dv {self.dv} is outside 0..4096")
        self._require(0 <= self.vth <= 2**17, f"vth {self.vth} is outside 0..{2**17}")
        known = ("zero", "subtract", "subtract_late")
        self._require(self.reset in known, f"unknown reset {self.reset!r}")
        for key in ("channels", "reset_every", "warmup"):
            value = getattr(self, key)
            self._require(0 <= value < 2**31, f"{key} {value} is outside 0..{2**31 - 1}")
        object.__setattr__(self, "bias", frozen_int(self.bias, f"node {self.name!r}: bias"))
        if self.bias.size or self.bias.ndim != 1:
            shapes = {self.output_shape("out"), (self.channels or self.count,)}
            said = " or ".join(map(str, sorted(shapes, key=len)))
            self._require(
                self.bias.shape in shapes, f"bias has shape {self.bias.shape}, not {said}"
            )
            peak = int(np.abs(self.bias).max())
            self._require(peak < BIAS_LIMIT, f"bias {peak} is beyond ±{BIAS_LIMIT - 1}")

    @property
    def biased(self) -> bool:
        """Whether there is a bias."""
        return self.bias.size > 0

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.count, self.channels) if self.channels else (self.count,)

    input_shape = output_shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Delay(Node):
    """Shows what came in some steps ago, zeros before that: a delay that is part of the network.

    An edge's delay only brings values of one frame together; this node brings an older frame.

    Attributes:
        shape: Of the value.
        steps: Steps, one number for all values, or one for each, of ``shape``.
    """

    shape: tuple[int, ...]
    steps: IntArray
    kind: ClassVar[str] = "Delay"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        good = 1 <= len(self.shape) <= 2 and min(self.shape) > 0
        self._require(good, f"shape {self.shape} is not (N,) or (N, C)")
        steps = np.atleast_1d(frozen_int(self.steps, f"node {self.name!r}: steps"))
        object.__setattr__(self, "steps", frozen_int(steps, f"node {self.name!r}: steps"))
        fits = steps.shape in ((1,), self.shape)
        self._require(fits, f"steps has shape {steps.shape}, not (1,) or {self.shape}")
        self._require(int(steps.min()) >= 0, f"steps {int(steps.min())} is negative")
        held = int(steps.max()) * math.prod(self.shape)
        self._require(held <= HELD_MAX, f"would hold {held} values, more than {HELD_MAX}")

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return self.shape

    input_shape = output_shape
