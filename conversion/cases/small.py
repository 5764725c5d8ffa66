"""Seeded small quantised graphs with their inputs; every simulator and target runs on them.

Each builder returns ``(graph, inputs)``: a balanced graph of the quantised dialect and one integer
array of shape (T, *shape) per Input node. The same seed gives the same case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from conversion.cases.building import (
    Case,
    balance,
    edge,
    footage,
    schedule,
    weights,
)
from conversion.cases.host import softmax_case
from conversion.cases.loops import coder_loop_case, spiking_loop_case
from conversion.cases.networks import block_case, gate_case
from conversion.cases.pictures import cells_case, conv_case, picture_case
from conversion.nodes import (
    LIF,
    Delta,
    Dense,
    Input,
    LinearAttention,
    Output,
    SigmaDelta,
    Skip,
)


def dense_case(
    seed: int = 0,
    *,
    frames: int = 6,
    tokens: int = 6,
    c_in: int = 5,
    c_out: int = 4,
    exponent: int = 1,
    threshold: int = 0,
) -> Case:
    """Input → Delta → Dense → SigmaDelta → Output, the gates from an Input."""
    rng = np.random.default_rng(seed)
    bias = rng.integers(-500, 500, c_out)
    nodes = (
        Input(name="patch", shape=(tokens, c_in), lo=0, hi=255),
        Input(name="sched", shape=(2, tokens), lo=0, hi=1),
        Delta(name="code", tokens=tokens, channels=c_in, stage=0, shift=0, lo=-127, hi=127,
              bias=np.full(c_in, -128), threshold=threshold),
        Dense(name="dense", tokens=tokens, weight=weights(rng, c_out, c_in, 127),
              exponent=exponent),
        SigmaDelta(name="sum", tokens=tokens, channels=c_out, stage=1, shift=7 + exponent, lo=-127,
                   hi=127, bias=bias, threshold=threshold),
        Output(name="out", tokens=tokens, channels=c_out, bias=rng.integers(-9, 9, c_out)),
    )  # fmt: skip
    paths = ("patch -> code", "sched -> code:gate", "code -> dense", "dense -> sum",
             "sched -> sum:gate", "sum -> out")  # fmt: skip
    inputs = {
        "patch": footage(rng, frames, tokens, c_in),
        "sched": schedule(rng, frames, 2, tokens),
    }
    return balance("dense_case", nodes, map(edge, paths)), inputs


def lif_case(
    seed: int = 0,
    *,
    frames: int = 60,
    count: int = 7,
    du: int = 4095,
    dv: int = 300,
    vth: int = 100,
    reset: Literal["zero", "subtract"] = "subtract",
) -> Case:
    """Input → LIF, with a drive that crosses the threshold now and then and is also negative."""
    rng = np.random.default_rng(seed)
    nodes = (
        Input(name="drive", shape=(count,), lo=-4 * vth, hi=4 * vth),
        LIF(name="lif", count=count, du=du, dv=dv, vth=vth, reset=reset),
    )
    drive = rng.integers(-vth // 4, vth // 2 + 1, (frames, count))
    drive[rng.random((frames, count)) < 0.05] = 3 * vth
    drive[rng.random((frames, count)) < 0.3] = 0
    return balance("lif_case", nodes, [edge("drive -> lif")]), {"drive": drive.astype(np.int64)}


def encoder_case(
    seed: int = 0,
    *,
    frames: int = 8,
    tokens: int = 5,
    channels: int = 4,
    threshold: int = 6,
    exponent: int = 3,
) -> Case:
    """Input → Delta → Skip → SigmaDelta with per-token bias → Output; two edges meet at the sum."""
    rng = np.random.default_rng(seed)
    position = rng.integers(-300, 300, (tokens, channels))
    nodes = (
        Input(name="patch", shape=(tokens, channels), lo=0, hi=255),
        Input(name="sched", shape=(2, tokens), lo=0, hi=1),
        Delta(name="code", tokens=tokens, channels=channels, stage=0, shift=1, lo=-60, hi=50,
              bias=rng.integers(-160, -90, channels), threshold=threshold),
        Skip(name="near", tokens=tokens, channels=channels, exponent=exponent),
        Skip(name="far", tokens=tokens, channels=channels, exponent=0),
        SigmaDelta(name="sum", tokens=tokens, channels=channels, stage=1, shift=3, lo=0, hi=90,
                   bias=position, threshold=threshold),
        Output(name="out", tokens=tokens, channels=channels),
    )  # fmt: skip
    edges = [
        *map(edge, ("patch -> code", "sched -> code:gate", "code -> near", "near -> sum")),
        edge("code -> far", delay=2),
        *map(edge, ("far -> sum", "sched -> sum:gate", "sum -> out")),
    ]
    inputs = {
        "patch": footage(rng, frames, tokens, channels),
        "sched": schedule(rng, frames, 2, tokens),
    }
    return balance("encoder_case", nodes, edges), inputs


def attention_case(
    seed: int = 0,
    *,
    frames: int = 6,
    tokens: int = 6,
    heads: int = 2,
    head_dim: int = 3,
    threshold: int = 0,
    state_shift: int = 6,
    state_max: int = 255,
) -> Case:
    """Three gated Deltas → LinearAttention → Delta → Output."""
    rng = np.random.default_rng(seed)
    channels = heads * head_dim
    parts = {"q": 0, "k": 0, "v": -127}
    coders = [
        Delta(name=f"code_{p}", tokens=tokens, channels=channels, stage=0, shift=0, lo=lo, hi=127,
              bias=np.full(channels, -128), threshold=threshold)
        for p, lo in parts.items()
    ]  # fmt: skip
    nodes = (
        *(Input(name=p, shape=(tokens, channels), lo=0, hi=255) for p in parts),
        Input(name="sched", shape=(2, tokens), lo=0, hi=1),
        *coders,
        LinearAttention(name="attention", tokens=tokens, heads=heads, head_dim=head_dim, stage=1,
                        state_shift=state_shift, state_max=state_max),
        Delta(name="y", tokens=tokens, channels=channels, stage=1, shift=8, lo=-127, hi=127,
              bias=np.zeros(channels, np.int64), threshold=threshold),
        Output(name="out", tokens=tokens, channels=channels),
    )  # fmt: skip
    paths: list[str] = []
    for p in parts:
        paths += [f"{p} -> code_{p}", f"sched -> code_{p}:gate", f"code_{p} -> attention:{p}"]
    paths += ["sched -> attention:gate", "attention -> y", "sched -> y:gate", "y -> out"]
    inputs = {p: footage(rng, frames, tokens, channels) for p in parts}
    inputs["sched"] = schedule(rng, frames, 2, tokens)
    return balance("attention_case", nodes, map(edge, paths)), inputs


__all__ = [
    "CASES", "attention_case", "block_case", "cells_case", "conv_case", "dense_case",
    "encoder_case", "gate_case", "lif_case", "picture_case",
]  # fmt: skip

CASES: dict[str, Callable[[int], Case]] = {
    "dense": dense_case,
    "dense, threshold 5": lambda seed: dense_case(seed, threshold=5),
    "lif": lif_case,
    "lif, reset to zero, with current": lambda seed: lif_case(seed, du=1500, reset="zero"),
    "encoder": encoder_case,
    "attention": attention_case,
    "attention, threshold 9": lambda seed: attention_case(seed, threshold=9, state_max=100),
    "gate": gate_case,
    "block": block_case,
    "conv": conv_case,
    "conv, one position changes": lambda seed: conv_case(seed, changing=0.02, frames=7),
    "conv, all positions change": lambda seed: conv_case(seed, changing=1.0, exponent=2),
    "conv, padding beyond the kernel": lambda seed: conv_case(seed, grid=(4, 5), padding=7),
    "conv 3, stride 1, threshold 3": lambda seed: conv_case(
        seed, kernel=3, stride=1, padding=1, threshold=3
    ),
    "conv 1, no padding": lambda seed: conv_case(seed, kernel=1, stride=1, padding=0),
    "conv, stride beyond the kernel": lambda seed: conv_case(
        seed, kernel=2, stride=3, padding=0, grid=(8, 11), channels=(1, 5)
    ),
    "conv as large as the grid": lambda seed: conv_case(
        seed, kernel=5, stride=1, padding=0, grid=(5, 5)
    ),
    "cells": cells_case,
    "cells, one group, threshold 4": lambda seed: cells_case(seed, repeat=1, threshold=4, spare=0),
    "cells, groups across positions": lambda seed: cells_case(seed, places=4, repeat=2),
    "picture": picture_case,
    "picture, three levels": lambda seed: picture_case(seed, stem=(2, 3, 3), frames=5, threshold=2),
    "softmax": softmax_case,
    "softmax, no gates": lambda seed: softmax_case(seed, gated=False),
    "softmax, threshold 7": lambda seed: softmax_case(seed, threshold=7, exp_shift=0, frames=9),
    "loops of spikes": spiking_loop_case,
    "loops of encoders": coder_loop_case,
    "loops of encoders, no gates": lambda seed: coder_loop_case(seed, gated=False),
    "two blocks, threshold 4": lambda seed: block_case(seed, layers=2, threshold=4, frames=4),
}
"""Every case by name; each value builds it from a seed."""
