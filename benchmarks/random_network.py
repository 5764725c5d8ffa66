"""A recurrent network of integrate-and-fire neurons, wired at random."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.graph import Edge, Graph
from conversion.nodes import LIF, Input, Sparse

VTH = 100
MEAN_DRIVE = 5
"""Mean of the constant drives: a neuron spikes every VTH / 5 steps or so."""
WEIGHT_MAX = 20
"""Weights are even, which Loihi's mixed sign mode wants, and as often negative as positive."""


@dataclass(frozen=True, eq=False)
class RandomNetwork:
    """Synapses by source, with ``fan_out`` from each neuron, and a constant drive for each.

    Nothing leaks and all numbers are whole, so that floats and integers give the same spikes:
    v += drive + what spiked one step before; a spike where v > VTH; then v = 0.
    """

    targets: npt.NDArray[np.int32]
    weights: npt.NDArray[np.int8]
    drive: npt.NDArray[np.int32]

    @property
    def neurons(self) -> int:
        """How many."""
        return int(self.drive.size)

    @property
    def fan_out(self) -> int:
        """Synapses from each neuron."""
        return int(self.targets.shape[1])

    def graph(self) -> Graph:
        """The network as this project takes it."""
        count = self.neurons
        starts = np.arange(count + 1, dtype=np.int64) * self.fan_out
        nodes = (
            Input(name="drive", shape=(count,), lo=0, hi=2**15),
            LIF(name="lif", count=count, du=4095, dv=0, vth=VTH, reset="zero"),
            Sparse(name="wire", count=count, starts=starts, targets=self.targets.reshape(-1),
                   weight=self.weights.reshape(-1), exponent=0),
        )  # fmt: skip
        edges = (
            Edge(source="drive", target="lif"),
            Edge(source="lif", target="wire"),
            Edge(source="wire", target="lif", recurrent=True),
        )
        return Graph(name="random", dialect="quantised", nodes=nodes, edges=edges)

    def save(self, folder: Path) -> None:
        """Arrays for the workers of the peers."""
        for name in ("targets", "weights", "drive"):
            np.save(folder / f"{name}.npy", getattr(self, name))


def make_random(
    neurons: int, fan_out: int, mean_drive: int = MEAN_DRIVE, seed: int = 5
) -> RandomNetwork:
    """Wire a network; no neuron meets a target twice, each list is rising.

    Args:
        neurons: How many.
        fan_out: Synapses from each.
        mean_drive: Mean of the drives, which sets how often the neurons spike.
        seed: Of wiring, weights and drives.
    """
    rng = np.random.default_rng(seed)
    # One target in each of fan_out equal parts: as good as random, distinct and sorted at once.
    part = neurons // fan_out
    targets = rng.integers(0, part, (neurons, fan_out), np.int32)
    targets += (np.arange(fan_out, dtype=np.int32) * part)[None, :]
    weights = rng.integers(-WEIGHT_MAX // 2, WEIGHT_MAX // 2 + 1, (neurons, fan_out), np.int8)
    weights *= 2
    drive = rng.integers(0, 2 * mean_drive + 1, neurons, np.int32)
    return RandomNetwork(targets=targets, weights=weights, drive=drive)
