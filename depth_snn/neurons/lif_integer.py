"""The gate neuron in Loihi integers (docs/fixed_point.md §6); NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from depth_snn.errors import ConfigError

IntArray = npt.NDArray[np.int64]

FRACTION_BITS = 6
"""Inputs and thresholds are shifted left by this before they meet u and v (Lava's LIF)."""
LIMIT = 2**23
"""u wraps and v saturates here."""


@dataclass(frozen=True)
class LIFParams:
    """Parameters of Lava's fixed-point LIF.

    Attributes:
        dv: Voltage decay out of 4096.
        vth: Threshold; compared as ``vth << 6``.
        du: Current decay out of 4096, applied as du + 1; 4095 means no current memory.
        reset: ``"subtract"`` the threshold at a spike, or set v to ``"zero"``.
    """

    dv: int
    vth: int
    du: int = 4095
    reset: Literal["subtract", "zero"] = "subtract"

    def __post_init__(self) -> None:
        if not (0 <= self.dv <= 4096 and -1 <= self.du <= 4095 and 0 <= self.vth < 2**17):
            raise ConfigError(f"LIF parameters out of range: {self}")
        if self.reset not in ("subtract", "zero"):
            raise ConfigError(f"LIF reset {self.reset!r}: expected 'subtract' or 'zero'")

    @property
    def beta(self) -> float:
        """Share of the potential that survives one step."""
        return (4096 - self.dv) / 4096


class LIFState(NamedTuple):
    """Current u and potential v, each (n,), in units of 1/64 input."""

    u: IntArray
    v: IntArray


def lif_zeros(count: int) -> LIFState:
    """State of ``count`` neurons at rest."""
    return LIFState(np.zeros(count, np.int64), np.zeros(count, np.int64))


def _decay(x: IntArray, amount: int) -> IntArray:
    out: IntArray = np.sign(x) * ((np.abs(x) * (4096 - amount)) >> 12)
    return out


def lif_step(
    x: IntArray, state: LIFState, params: LIFParams
) -> tuple[npt.NDArray[np.bool_], IntArray, LIFState]:
    """One step of the neuron.

    Args:
        x: Input (n,), integers.
        state: State before the step.
        params: Parameters.

    Returns:
        Spikes (n,), potential before the reset (n,), and the state after the step.
    """
    u = _decay(state.u, params.du + 1) + (np.asarray(x, np.int64) << FRACTION_BITS)
    u = np.where(u > LIMIT, u - 2 * LIMIT, np.where(u <= -LIMIT, u + 2 * LIMIT, u))
    v = np.clip(_decay(state.v, params.dv) + u, -(LIMIT - 1), LIMIT - 1)
    threshold = params.vth << FRACTION_BITS
    spikes = v > threshold
    after = np.where(spikes, v - threshold if params.reset == "subtract" else 0, v)
    return spikes, v, LIFState(u, after)
