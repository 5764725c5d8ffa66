"""Conformance cases of spiking networks: pictures into populations, connections, delays, pools."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conversion.cases.building import Case, IntArray, balance, edge
from conversion.nodes import (
    LIF,
    Conv,
    Delay,
    Delta,
    Dense,
    Input,
    Node,
    Output,
    Regroup,
    Skip,
    StockSigmaDelta,
    SumPool,
)

RESETS = ("zero", "subtract", "subtract_late")


@dataclass
class Chain:
    """A network under construction: its last value, a grid h × w with C channels."""

    rng: np.random.Generator
    last: str
    grid: tuple[int, int]
    channels: int
    nodes: list[Node] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def pick(self, *options: Any) -> Any:
        """One of several."""
        return options[int(self.rng.integers(len(options)))]

    def add(self, node: Node, *sources: str) -> None:
        """Append a node behind the last value, or behind ``sources``."""
        self.nodes.append(node)
        self.paths += [f"{source} -> {node.name}" for source in sources or (self.last,)]
        self.last = node.name

    @property
    def places(self) -> int:
        """Positions of the grid."""
        return self.grid[0] * self.grid[1]

    def populate(self, **fields: Any) -> None:
        """A population over the grid, with random constants where none are given."""
        pick, name = self.pick, f"lif{len(self.nodes)}"
        shapes = ((0,), (self.channels,), (self.places, self.channels))
        rule = {
            "du": pick(4095, 4095, 2047, -1), "dv": pick(0, 163, 1024, 4096),
            "vth": pick(3, 25, 90), "reset": pick(*RESETS), "reset_every": pick(0, 0, 3, 5),
            "bias": self.rng.integers(-9, 14, shapes[pick(0, 1, 1, 2)]),
            "warmup": pick(0, 0, 1, 2, 99),
        }  # fmt: skip
        self.add(LIF(name=name, count=self.places, channels=self.channels, **{**rule, **fields}))

    def window(self) -> dict[str, Any]:
        """Where a window goes; its size fits the grid."""
        return {
            "height": self.grid[0], "width": self.grid[1], "stride": self.pick(1, 2),
            "padding": self.pick(0, 1), "stride_across": self.pick(0, 1, 3),
            "padding_across": self.pick(-1, 0, 2), "exponent": self.pick(0, 0, 1),
        }  # fmt: skip

    def convolve(self) -> None:
        """A convolution."""
        high, wide = (int(self.rng.integers(1, min(side, 3) + 1)) for side in self.grid)
        c_out = int(self.rng.integers(1, 4))
        weight = self.rng.integers(-40, 60, (c_out, self.channels, high, wide))
        node = Conv(name=f"conv{len(self.nodes)}", weight=weight, **self.window())
        self.add(node)
        self.grid, self.channels = node.grid, c_out

    def pool(self) -> None:
        """A pool."""
        high, wide = (int(self.rng.integers(1, min(side, 3) + 1)) for side in self.grid)
        node = SumPool(name=f"pool{len(self.nodes)}", channels=self.channels, kernel_down=high,
                       kernel_across=wide, **self.window())  # fmt: skip
        self.add(node)
        self.grid = node.grid

    def hold(self) -> None:
        """A delay."""
        shape = (self.places, self.channels)
        steps = self.pick(0, 2, self.rng.integers(0, 5, shape))
        self.add(Delay(name=f"delay{len(self.nodes)}", shape=shape, steps=steps))

    def dense(self) -> None:
        """Two sets of weights into one population: what more than eight bits become."""
        c_out, source = int(self.rng.integers(1, 5)), self.last
        names = [f"{part}{len(self.nodes)}" for part in ("high", "low")]
        for name, exponent in zip(names, (1, 0), strict=True):
            weight = self.rng.integers(-30, 40, (c_out, self.channels))
            self.add(Dense(name=name, tokens=self.places, weight=weight, exponent=exponent), source)
        self.channels = c_out
        shape = (self.places, c_out)
        self.add(LIF(name=f"lif{len(self.nodes)}", count=shape[0], channels=c_out, du=4095,
                     dv=500, vth=30, reset="subtract"), *names)  # fmt: skip


def spiking_case(seed: int = 0, *, length: int = 5, frames: int = 9) -> Case:
    """Picture → population, then ``length`` random parts, each with a population → Output."""
    rng = np.random.default_rng(seed)
    grid, channels = (int(rng.integers(2, 6)), int(rng.integers(2, 6))), int(rng.integers(1, 4))
    chain = Chain(rng, "image", grid, channels)
    chain.add(Input(name="image", shape=(chain.places, channels), lo=-100, hi=100))
    chain.paths.clear()
    chain.populate(du=4095)
    for _ in range(length):
        part = chain.pick(chain.convolve, chain.pool, chain.hold, chain.dense, chain.convolve)
        part()
        chain.populate()
    chain.add(Skip(name="skip", tokens=chain.places, channels=chain.channels, exponent=0))
    chain.add(Output(name="out", tokens=chain.places, channels=chain.channels))
    image = rng.integers(-20, 60, (frames, grid[0] * grid[1], channels))
    graph = balance("spiking", chain.nodes, map(edge, chain.paths))
    return graph, {"image": image.astype(np.int64)}


def sparse_grid_case(seed: int = 0, *, frames: int = 8) -> Case:
    """Windows that skip positions, and a Regroup, between populations."""
    rng = np.random.default_rng(seed)
    chain = Chain(rng, "image", (7, 7), 2)
    window = {"stride": 4, "padding": 0, "exponent": 0}
    chain.add(Input(name="image", shape=(49, 2), lo=-100, hi=100))
    chain.paths.clear()
    chain.populate(du=4095, vth=25)
    chain.add(SumPool(name="pool", height=7, width=7, channels=2, kernel_down=3, kernel_across=3,
                      **window), "lif1")  # fmt: skip
    chain.add(Conv(name="conv", height=7, width=7, weight=rng.integers(-40, 60, (2, 2, 3, 3)),
                   **window), "lif1")  # fmt: skip
    chain.grid = (2, 2)
    chain.add(LIF(name="cells", count=4, channels=2, du=4095, dv=163, vth=25, reset="zero"),
              "pool", "conv")  # fmt: skip
    index = rng.permutation(4).reshape(2, 2)
    chain.add(Regroup(name="regroup", positions=4, channels=2, index=index, exponent=5))
    chain.grid, chain.channels = (1, 2), 4
    chain.populate(du=4095, vth=25)
    chain.add(Output(name="out", tokens=2, channels=4))
    image = rng.integers(-20, 60, (frames, 49, 2))
    graph = balance("sparse grid", chain.nodes, map(edge, chain.paths))
    return graph, {"image": image.astype(np.int64)}


def vector_case(seed: int = 0, *, frames: int = 12) -> Case:
    """Vectors: a delay for each value, a bias for each neuron, a membrane read as a value."""
    rng = np.random.default_rng(seed)
    count = 6
    nodes = (
        Input(name="drive", shape=(count,), lo=-50, hi=50),
        Delay(name="late", shape=(count,), steps=rng.integers(0, 4, count)),
        LIF(name="first", count=count, du=1000, dv=300, vth=40, reset="subtract_late",
            bias=rng.integers(-3, 9, count), reset_every=7),
        LIF(name="never", count=count, du=4095, dv=100, vth=2**17, reset="zero",
            bias=rng.integers(-3, 9, count), warmup=99),
    )  # fmt: skip
    paths = ("drive -> late", "late -> first", "late -> never")
    drive = rng.integers(-20, 50, (frames, count)).astype(np.int64)
    return balance("vectors", nodes, map(edge, paths)), {"drive": drive}


def stock_case(seed: int = 0, *, frames: int = 12) -> Case:
    """Lava's own encoders: one of an absolute input, one of sums, whose bias speaks from step 0."""
    rng = np.random.default_rng(seed)
    nodes = (
        Input(name="x", shape=(2, 3), lo=-60, hi=60),
        StockSigmaDelta(name="code", tokens=2, channels=3, bias=np.zeros(3, int), threshold=4,
                        absolute=True),
        Dense(name="dense", tokens=2, weight=rng.integers(-9, 20, (4, 3)), exponent=0),
        StockSigmaDelta(name="sigma", tokens=2, channels=4, bias=rng.integers(-3, 5, 4),
                        threshold=2, spike_exp=6, state_exp=6),
        Dense(name="last", tokens=2, weight=rng.integers(-9, 20, (2, 4)), exponent=1),
        Output(name="out", tokens=2, channels=2),
    )  # fmt: skip
    paths = ("x -> code", "code -> dense", "dense -> sigma", "sigma -> last", "last -> out")
    x = rng.integers(-20, 40, (frames, 2, 3)).astype(np.int64)
    return balance("stock", nodes, map(edge, paths)), {"x": x}


def encoded_case(seed: int = 0, *, frames: int = 7) -> Case:
    """Spikes that began before frame 0 meet an encoder without a gate, which must wait for it."""
    rng = np.random.default_rng(seed)
    index = rng.permutation(6).reshape(2, 3)
    nodes = (
        Input(name="image", shape=(6, 2), lo=-90, hi=90),
        Skip(name="near", tokens=6, channels=2, exponent=1),
        LIF(name="early", count=6, channels=2, du=4095, dv=64, vth=20, reset="zero",
            bias=rng.integers(5, 30, (6, 2)), warmup=1),
        Regroup(name="cells", positions=6, channels=2, index=index, exponent=2),
        Dense(name="mix", tokens=2, weight=rng.integers(-9, 20, (4, 6)), exponent=0),
        Delta(name="code", tokens=2, channels=4, stage=0, gated=False, bias=np.array([3, -2, 0, 9]),
              shift=1,
              lo=0, hi=99),
        Output(name="out", tokens=2, channels=4),
    )  # fmt: skip
    paths = ("image -> near", "near -> early", "early -> cells", "cells -> mix", "mix -> code",
             "code -> out")  # fmt: skip
    image: IntArray = rng.integers(-20, 40, (frames, 6, 2)).astype(np.int64)
    return balance("encoded", nodes, map(edge, paths)), {"image": image}


def awake_case(seed: int = 5) -> Case:
    """Populations that Lava's own LIF and LIFReset can be: bias from step 0, reset to zero."""
    rng = np.random.default_rng(seed)
    nodes = (
        Input(name="x", shape=(1, 4), lo=-99, hi=99),
        Dense(name="a", tokens=1, weight=rng.integers(-9, 30, (5, 4)), exponent=0),
        LIF(name="awake lif", count=1, channels=5, du=1500, dv=400, vth=60, reset="zero",
            bias=rng.integers(0, 20, 5), warmup=99),
        Dense(name="b", tokens=1, weight=rng.integers(-9, 50, (3, 5)), exponent=0),
        LIF(name="awake reset", count=1, channels=3, du=4095, dv=400, vth=60, reset="zero",
            bias=rng.integers(0, 20, 3), warmup=99, reset_every=4),
    )  # fmt: skip
    paths = ("x -> a", "a -> awake lif", "awake lif -> b", "b -> awake reset")
    x = rng.integers(-2, 9, (20, 1, 4)).astype(np.int64)
    return balance("awake", nodes, map(edge, paths)), {"x": x}
