"""Every register of a chip, driven beyond its ends (docs/fixed_point.md §9, chip mode)."""

from __future__ import annotations

from typing import Any

import numpy as np

from conversion.cases.building import Case, IntArray, balance, edge, weights
from conversion.nodes import (
    LIF,
    Conv,
    Delta,
    Dense,
    Input,
    LinearAttention,
    Node,
    Output,
    Regroup,
    SigmaDelta,
    Skip,
    StockSigmaDelta,
    SumPool,
)

TOP = 2**31 - 1
SHAPE = (4, 3)
SIZE: dict[str, Any] = {"tokens": 4, "channels": 3}
OPEN: dict[str, Any] = {"shift": 0, "lo": -(2**40), "hi": 2**40, "gated": False, "stage": 0}


def edge_values(rng: np.random.Generator, shape: tuple[int, ...]) -> IntArray:
    """Integers on both sides of ±2^23 and ±2^30, at the ends of int32, small ones and zeros."""
    near = [s * (2**b + d) for s in (1, -1) for b in (16, 17, 23, 24, 25, 30) for d in (-1, 0, 1)]
    return rng.choice([*near, TOP, -TOP, TOP - 1, 5, -3, 0, 0, 0], shape).astype(np.int64)


def connections(rng: np.random.Generator) -> list[Node]:
    """One of every kind, on a grid of 2 × 2."""
    grid: dict[str, Any] = {"height": 2, "width": 2}
    return [
        Dense(name="dense", tokens=4, weight=weights(rng, 3, 3, 127), exponent=0),
        Dense(name="shifted", tokens=4, weight=weights(rng, 3, 3, 127), exponent=5),
        Skip(name="skip", exponent=0, **SIZE),
        Skip(name="lifted", exponent=3, **SIZE),
        Conv(
            name="conv",
            weight=weights(rng, 3, 27, 127).reshape(3, 3, 3, 3),
            stride=1,
            padding=1,
            exponent=0,
            **grid,
        ),
        SumPool(
            name="pool",
            channels=3,
            kernel_down=3,
            kernel_across=3,
            stride=1,
            padding=1,
            exponent=2,
            **grid,
        ),
        Regroup(
            name="regroup",
            index=np.array([[1], [3], [0], [2]]),
            positions=4,
            channels=3,
            exponent=4,
        ),
    ]


def neurons() -> list[Node]:
    """LIFs of every reset and current, and Lava's own sigma-delta neurons."""
    rule: dict[str, Any] = {"count": 4, "channels": 3}
    return [
        LIF(name="lif.zero", du=100, dv=200, vth=2**16, reset="zero", **rule),
        LIF(
            name="lif.keep",
            du=0,
            dv=0,
            vth=2**17,
            reset="zero",
            bias=np.array([7, -9, 1]),
            warmup=0,
            **rule,
        ),
        LIF(name="lif.take", du=4095, dv=9, vth=40, reset="subtract", **rule),
        LIF(name="lif.late", du=2000, dv=1, vth=900, reset="subtract_late", **rule),
        StockSigmaDelta(name="stock", bias=np.array([4, -4, 60000]), threshold=3, **SIZE),
        StockSigmaDelta(
            name="stock.in", bias=np.array([0, 0, 0]), threshold=3, absolute=True, **SIZE
        ),
    ]


def overflowing(seed: int, frames: int = 8) -> Case:
    """Every register of a chip, driven beyond its ends."""
    rng = np.random.default_rng(seed)
    heads = LinearAttention(
        name="attention",
        tokens=4,
        heads=1,
        head_dim=3,
        stage=0,
        state_shift=2,
        state_max=2**30,
        gated=False,
    )
    joins, cells = connections(rng), neurons()
    nodes = [
        Input(name="x", shape=SHAPE, lo=-TOP, hi=TOP),
        Delta(name="code", bias=np.array([1, -1, 2**20]), **SIZE, **OPEN),
        *joins,
        SigmaDelta(name="sum", bias=np.array([0, 3, -3]), threshold=2, **SIZE, **OPEN),
        *cells,
        heads,
        Output(name="out", bias=np.array([0, 0, 0]), **SIZE),
    ]
    paths = [f"code -> {n.name}" for n in joins] + [f"{n.name} -> sum" for n in joins]
    paths += [f"x -> {n.name}" for n in cells] + [f"conv -> {n.name}" for n in cells[:5]]
    paths += ["x -> code", "sum -> out", *(f"code -> attention:{p}" for p in "qkv")]
    return balance("overflowing", nodes, map(edge, paths)), {
        "x": edge_values(rng, (frames, *SHAPE))
    }
