"""What every node's executing part offers the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sims.fast.rows import Rows, Signal, dense
from sims.fast.tally import Tally

IntArray = npt.NDArray[np.int64]
Arrivals = Mapping[str, tuple[Signal, ...]]
"""Signals by input port, in the order of the edges."""
Departures = dict[str, Signal]
"""Signals by output port."""


class Body(Protocol):
    """Executes one node, a frame at a time, and owns its state."""

    tally: Tally

    def step(self, inputs: Arrivals) -> Departures:
        """Take one frame's inputs, update the state, count, and give the outputs."""


def whole(inputs: Arrivals, port: str) -> IntArray:
    """The one value on a port, as an array."""
    (signal,) = inputs[port]
    return dense(signal)


def open_tokens(inputs: Arrivals, stage: int) -> npt.NDArray[np.bool_]:
    """Which tokens the gate opens for a stage, (N,)."""
    (gate,) = inputs["gate"]
    if isinstance(gate, Rows):
        gate = dense(gate)
    return np.asarray(gate[stage] == 1)
