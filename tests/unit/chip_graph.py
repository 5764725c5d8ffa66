"""A small network of which a part can go to neurocores, with its inputs."""

from __future__ import annotations

import numpy as np

from conversion.cases.building import Case, balance, edge
from conversion.nodes import LIF, Conv, Delta, Dense, Input, Output, Skip, StockSigmaDelta

CHIP = ("conv", "lif1", "dense", "lif2", "wide", "sums")
"""Its nodes that a neurocore can compute with Lava's own processes."""


def chip_case(seed: int = 0, frames: int = 12) -> Case:
    """Spikes → Conv → LIF → Dense → LIF → Output, and LIF → Dense → sigma-delta → Output.

    An encoder of ours in front, a delta, gives graded messages to the other branch.
    """
    rng = np.random.default_rng(seed)
    nodes = (
        Input(name="spikes", shape=(12, 2), lo=0, hi=1),
        Conv(name="conv", height=3, width=4, weight=rng.integers(-30, 60, (2, 2, 2, 3)), stride=1,
             padding=1, exponent=1),
        LIF(name="lif1", count=16, channels=2, du=4095, dv=500, vth=60, reset="zero",
            bias=np.array([3, 0]), warmup=9),
        Dense(name="dense", tokens=16, weight=rng.integers(-40, 70, (3, 2)), exponent=0),
        LIF(name="lif2", count=16, channels=3, du=2047, dv=163, vth=40, reset="zero"),
        Skip(name="skip", tokens=16, channels=3, exponent=0),
        Output(name="out", tokens=16, channels=3),
        Input(name="values", shape=(2, 3), lo=-200, hi=200),
        Delta(name="code", tokens=2, channels=3, stage=0, bias=np.zeros(3, np.int64), shift=0,
              lo=-200, hi=200, gated=False),
        Dense(name="wide", tokens=2, weight=rng.integers(-127, 128, (3, 3)), exponent=2),
        StockSigmaDelta(name="sums", tokens=2, channels=3, bias=np.array([1, -2, 3]), threshold=4,
                        spike_exp=0, state_exp=3),
        Skip(name="skip2", tokens=2, channels=3, exponent=0),
        Output(name="out2", tokens=2, channels=3),
    )  # fmt: skip
    paths = ("spikes -> conv", "conv -> lif1", "lif1 -> dense", "dense -> lif2", "lif2 -> skip",
             "skip -> out", "values -> code", "code -> wide", "wide -> sums", "sums -> skip2",
             "skip2 -> out2")  # fmt: skip
    inputs = {
        "spikes": rng.integers(0, 2, (frames, 12, 2)),
        "values": rng.integers(-200, 201, (frames, 2, 3)),
    }
    return balance("chip_case", nodes, map(edge, paths)), inputs
