"""The larger conformance cases: the gate population and whole networks with encoder blocks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from conversion.cases.building import (
    Case,
    Inputs,
    IntArray,
    balance,
    edge,
    footage,
    regions_of,
    schedule,
    weights,
)
from conversion.nodes import (
    LIF,
    Delta,
    Dense,
    Input,
    LinearAttention,
    Node,
    Output,
    RestoreGate,
    SigmaDelta,
    Skip,
)


def gate_nodes(
    rng: np.random.Generator, grid: tuple[int, int], side: int, stages: int, cap_percent: int
) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """Gate population of a network: inputs sched, drive, fixed; gate.lif and gate.restore."""
    region_of = regions_of(grid, side)
    regions = int(region_of.max()) + 1
    price = rng.integers(20, 60, stages)
    nodes = (
        Input(name="sched", shape=(stages, grid[0] * grid[1]), lo=0, hi=1),
        Input(name="drive", shape=(regions,), lo=0, hi=1000),
        Input(name="fixed", shape=(1,), lo=0, hi=100_000),
        LIF(name="gate.lif", count=regions, du=4095, dv=400, vth=100, reset="subtract"),
        RestoreGate(name="gate.restore", region_of=region_of, price=price,
                    own_price=price * 2 // 3, regions=regions, hold=2,
                    cap_percent=cap_percent, refill_percent=cap_percent // 2,
                    capacity=int(price.sum()) * grid[0] * grid[1]),
    )  # fmt: skip
    paths = ("drive -> gate.lif", "gate.lif -> gate.restore:spikes",
             "gate.lif:membrane -> gate.restore:membrane", "sched -> gate.restore:sched",
             "fixed -> gate.restore:fixed")  # fmt: skip
    return nodes, paths


def gate_inputs(
    rng: np.random.Generator, frames: int, grid: tuple[int, int], regions: int, stages: int
) -> Inputs:
    """Masks, drives that cross the threshold in about every third frame, and fixed costs > 0."""
    return {
        "sched": schedule(rng, frames, stages, grid[0] * grid[1]),
        "drive": rng.integers(0, 90, (frames, regions)).astype(np.int64),
        "fixed": rng.integers(200, 500, (frames, 1)).astype(np.int64),
    }


def gate_case(
    seed: int = 0,
    *,
    frames: int = 16,
    grid: tuple[int, int] = (4, 8),
    side: int = 2,
    stages: int = 3,
    cap_percent: int = 40,
    blank: int | None = 5,
) -> Case:
    """The gate population alone; frame ``blank`` has ``fixed`` = 0 and so carries no frame."""
    rng = np.random.default_rng(seed)
    nodes, paths = gate_nodes(rng, grid, side, stages, cap_percent)
    inputs = gate_inputs(rng, frames, grid, grid[0] * grid[1] // side**2, stages)
    if blank is not None and blank < frames:
        inputs["fixed"][blank] = 0
    return balance("gate_case", nodes, map(edge, paths)), inputs


def encoder(
    name: str,
    tokens: int,
    stage: int,
    bias: IntArray,
    shift: int,
    lo: int = -127,
    threshold: int = 0,
) -> SigmaDelta:
    """A SigmaDelta to 8 bits; ``bias`` is (C,) or (N, C)."""
    return SigmaDelta(name=name, tokens=tokens, channels=bias.shape[-1], stage=stage, bias=bias,
                      shift=shift, lo=lo, hi=127, threshold=threshold)  # fmt: skip


def block_nodes(
    rng: np.random.Generator, index: int, source: str, tokens: int, heads: int, head_dim: int,
    hidden: int, threshold: int, answer_shift: int = 7,
) -> tuple[list[Node], list[str]]:  # fmt: skip
    """One encoder block named ``block<index>`` that reads the encoder ``source``.

    The attention of few tokens answers little, and speaks only with a smaller ``answer_shift``.
    """
    d, b = heads * head_dim, f"block{index}"
    fit = 6

    def bias(channels: int) -> IntArray:
        return rng.integers(-600, 600, channels).astype(np.int64)

    def dense(name: str, c_out: int, c_in: int) -> Dense:
        return Dense(
            name=f"{b}.{name}", tokens=tokens, weight=weights(rng, c_out, c_in), exponent=0
        )

    def sums(name: str, channels: int, lo: int) -> SigmaDelta:
        return encoder(f"{b}.{name}", tokens, index, bias(channels), fit, lo, threshold)

    nodes: list[Node] = [
        *(dense(f"qkv.{p}", d, d) for p in "qkv"),
        *(sums(p, d, -127 if p == "v" else 0) for p in "qkv"),
        LinearAttention(name=f"{b}.attention", tokens=tokens, heads=heads, head_dim=head_dim,
                        stage=index, state_shift=7, state_max=255),
        Delta(name=f"{b}.y", tokens=tokens, channels=d, stage=index, shift=answer_shift,
              lo=-127, hi=127,
              bias=np.zeros(d, np.int64), threshold=threshold),
        dense("proj", d, d), Skip(name=f"{b}.skip1", tokens=tokens, channels=d, exponent=fit),
        sums("mid", d, -127), dense("fc1", hidden, d), sums("h", hidden, 0),
        dense("fc2", d, hidden),
        Skip(name=f"{b}.skip2", tokens=tokens, channels=d, exponent=fit), sums("out", d, -127),
    ]  # fmt: skip
    paths = [f"{source} -> {b}.qkv.{p}" for p in "qkv"]
    paths += [f"{b}.qkv.{p} -> {b}.{p}" for p in "qkv"]
    paths += [f"{b}.{p} -> {b}.attention:{p}" for p in "qkv"]
    chain = ("attention", "y", "proj", "mid", "fc1", "h", "fc2", "out")
    paths += [f"{b}.{x} -> {b}.{y}" for x, y in pairwise(chain)]
    paths += [f"{source} -> {b}.skip1", f"{b}.skip1 -> {b}.mid"]
    paths += [f"{b}.mid -> {b}.skip2", f"{b}.skip2 -> {b}.out"]
    return nodes, paths


def block_case(
    seed: int = 0,
    *,
    frames: int = 5,
    grid: tuple[int, int] = (4, 6),
    side: int = 2,
    layers: int = 1,
    patch: int = 10,
    heads: int = 2,
    head_dim: int = 4,
    hidden: int = 12,
    classes: int = 5,
    cap_percent: int = 40,
    threshold: int = 0,
) -> Case:
    """A whole network: gate population, embedding, ``layers`` encoder blocks, head."""
    rng = np.random.default_rng(seed)
    tokens, d, stages = grid[0] * grid[1], heads * head_dim, layers + 1
    gates, paths = gate_nodes(rng, grid, side, stages, cap_percent)
    position = rng.integers(-2000, 2000, (tokens, d)).astype(np.int64)
    nodes: list[Node] = [
        *gates,
        Input(name="patch", shape=(tokens, patch), lo=0, hi=255),
        Delta(name="embed.patch", tokens=tokens, channels=patch, stage=0, shift=0, lo=-127, hi=127,
              bias=np.full(patch, -128), threshold=threshold),
        Dense(name="embed.dense", tokens=tokens, weight=weights(rng, d, patch), exponent=0),
        encoder("embed.out", tokens, 0, position, 6, threshold=threshold),
    ]  # fmt: skip
    chain, source = ["patch -> embed.patch", "embed.patch -> embed.dense"], "embed.out"
    chain.append("embed.dense -> embed.out")
    for index in range(1, stages):
        more, links = block_nodes(rng, index, source, tokens, heads, head_dim, hidden, threshold)
        nodes, chain, source = nodes + more, chain + links, f"block{index}.out"
    gated = [f"gate.restore -> {n.name}:gate" for n in nodes if "gate" in n.inputs]
    nodes += [
        Dense(name="head.dense", tokens=tokens, weight=weights(rng, classes, d), exponent=0),
        Output(
            name="head.out", tokens=tokens, channels=classes, bias=rng.integers(-99, 99, classes)
        ),
    ]
    chain += [f"{source} -> head.dense", "head.dense -> head.out"]
    inputs = gate_inputs(rng, frames, grid, tokens // side**2, stages)
    inputs["patch"] = footage(rng, frames, tokens, patch)
    return balance("block_case", nodes, map(edge, [*paths, *chain, *gated])), inputs
