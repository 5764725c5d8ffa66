"""A chain of Dense and LIF whose layers all fire about equally often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from conversion.graph import Edge, Graph
from conversion.nodes import LIF, Dense, Input, Node

SHARE = 0.05
"""Share of the inputs, and about of every layer's neurons, that spike in a step."""
DU, DV = 2048, 410
TRIAL = 400
"""Steps on which the thresholds are chosen; the first half, which begins in silence, only leads."""


@dataclass(frozen=True, eq=False)
class Chain:
    """Layers of equal width: input spikes (T, N), a weight matrix and a threshold for each."""

    spikes: npt.NDArray[np.bool_]
    weights: tuple[npt.NDArray[np.int64], ...]
    thresholds: tuple[int, ...]

    @property
    def rules(self) -> list[dict[str, float]]:
        """The neurons as Lava takes them."""
        return [{"du": DU, "dv": DV, "vth": vth} for vth in self.thresholds]

    @property
    def last(self) -> str:
        """The port where the spikes come out."""
        return f"lif{len(self.weights) - 1}.out"

    def graph(self) -> Graph:
        """The network as this project takes it."""
        count = int(self.spikes.shape[1])
        nodes: list[Node] = [Input(name="in", shape=(1, count), lo=0, hi=1)]
        edges, last = [], "in"
        for i, (weight, vth) in enumerate(zip(self.weights, self.thresholds, strict=True)):
            nodes.append(Dense(name=f"dense{i}", tokens=1, weight=weight, exponent=0))
            nodes.append(LIF(name=f"lif{i}", count=1, channels=count, du=DU, dv=DV, vth=vth,
                             reset="zero"))  # fmt: skip
            edges.append(Edge(source=last, target=f"dense{i}"))
            edges.append(Edge(source=f"dense{i}", target=f"lif{i}"))
            last = f"lif{i}"
        return Graph(name="chain", dialect="quantised", nodes=tuple(nodes), edges=tuple(edges))


def make_chain(count: int, layers: int, steps: int, seed: int = 3) -> Chain:
    """Random weights, with thresholds at which the layers fire about ``SHARE`` of the time."""
    rng = np.random.default_rng(seed)
    spikes = rng.random((steps, count)) < SHARE
    trial, weights, thresholds = spikes[:TRIAL], [], []
    for _ in range(layers):
        weight = rng.integers(-60, 61, (count, count))
        drive = np.rint(trial.astype(np.float32) @ weight.T.astype(np.float32))
        vth = _threshold(drive)
        weights.append(weight)
        thresholds.append(vth)
        trial = _fire(drive, vth)
    return Chain(spikes, tuple(weights), tuple(thresholds))


def _threshold(drive: npt.NDArray[np.float32]) -> int:
    low, high = 0, 2**16
    while high - low > 1:
        middle = (low + high) // 2
        if _fire(drive, middle)[len(drive) // 2 :].mean() > SHARE:
            low = middle
        else:
            high = middle
    return high


def _fire(drive: npt.NDArray[np.float32], vth: int) -> npt.NDArray[np.bool_]:
    """About what the neurons do, in floats: good enough to choose a threshold by."""
    u, v = np.zeros(drive.shape[1]), np.zeros(drive.shape[1])
    out = np.zeros(drive.shape, np.bool_)
    for t, x in enumerate(drive):
        u = (1 - DU / 4096) * u + x
        v = (1 - DV / 4096) * v + u
        out[t] = v > vth
        v[out[t]] = 0
    return out
