"""Seeded small graphs whose LayerNorm, GELU and softmax attention run on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from conversion.cases.building import (
    Case,
    IntArray,
    balance,
    edge,
    footage,
    schedule,
    weights,
)
from conversion.nodes import (
    Delta,
    Dense,
    HostNorm,
    HostTable,
    Input,
    Node,
    Output,
    Regroup,
    SigmaDelta,
    Skip,
    SoftmaxAttention,
)


def exponentials(unit: float, top: int = 2**16) -> IntArray:
    """exp(−t·unit)·top for t = 0, 1, …, down to the last entry that is not 0."""
    steps = np.arange(int(np.log(2 * top) / unit) + 1)
    table = np.rint(top * np.exp(-steps * unit)).astype(np.int64)
    return np.asarray(table[table > 0])


def gelu_table(top: int, unit: float) -> IntArray:
    """GELU, by its approximation, at −top … top in steps of ``unit``, results in the same steps."""
    x = np.arange(-top, top + 1) * unit
    y = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return np.asarray(np.rint(y / unit), np.int64)


def softmax_case(
    seed: int = 0,
    *,
    frames: int = 6,
    tokens: int = 6,
    heads: int = 2,
    head_dim: int = 3,
    hidden: int = 5,
    threshold: int = 0,
    exp_shift: int = 1,
    gated: bool = True,
) -> Case:
    """A whole block of the twin behind a class token: norm, softmax attention, residual, GELU."""
    rng = np.random.default_rng(seed)
    width = heads * head_dim
    mask: dict[str, Any] = {"stage": 1, "gated": True} if gated else {"gated": False, "stage": 0}

    def dense(name: str, c_out: int, c_in: int) -> Dense:
        return Dense(name=name, tokens=tokens, weight=weights(rng, c_out, c_in), exponent=0)

    def coder(name: str, kind: type[Delta], channels: int, shift: int, top: int = 127) -> Delta:
        bias = rng.integers(-20, 20, channels) << shift
        if kind is Delta:
            bias = np.zeros(channels, np.int64)
        return kind(name=name, tokens=tokens, channels=channels, bias=bias, shift=shift, lo=-top,
                    hi=top, threshold=threshold, **mask)  # fmt: skip

    place = np.arange(-1, tokens - 1)[:, None]
    nodes: list[Node] = [
        Input(name="patch", shape=(tokens - 1, width), lo=0, hi=255),
        Delta(name="code", tokens=tokens - 1, channels=width, stage=0, gated=False, shift=0,
              lo=-128, hi=127, bias=np.full(width, -128)),
        Regroup(name="place", positions=tokens - 1, channels=width, index=place, exponent=2),
        SigmaDelta(name="x", tokens=tokens, channels=width, shift=0, lo=-2047, hi=2047,
                   bias=rng.integers(-200, 200, (tokens, width)), **mask),
        HostNorm(name="norm.host", tokens=tokens, channels=width, floor=40, gain=50, **mask),
        coder("norm", Delta, width, 0),
        *(dense(f"{p}.syn", width, width) for p in "qkv"),
        *(coder(p, SigmaDelta, width, 6) for p in "qkv"),
        SoftmaxAttention(name="y.host", tokens=tokens, heads=heads, head_dim=head_dim, gain=3,
                         exp_shift=exp_shift, exp_table=exponentials(0.01), **mask),
        coder("y", Delta, width, 1),
        dense("proj", width, width), Skip(name="skip", tokens=tokens, channels=width, exponent=4),
        coder("mid", SigmaDelta, width, 4, 1023),
        dense("fc1.syn", hidden, width), coder("fc1", SigmaDelta, hidden, 9),
        HostTable(name="h.host", tokens=tokens, channels=hidden, lo=-127,
                  table=gelu_table(127, 1 / 32), **mask),
        coder("h", Delta, hidden, 0),
        Output(name="out", tokens=tokens, channels=hidden),
    ]  # fmt: skip
    paths = ["patch -> code", "code -> place", "place -> x", "x -> norm.host", "norm.host -> norm",
             "y.host -> y", "y -> proj", "proj -> mid", "x -> skip", "skip -> mid",
             "mid -> fc1.syn", "fc1.syn -> fc1", "fc1 -> h.host", "h.host -> h",
             "h -> out"]  # fmt: skip
    for p in "qkv":
        paths += [f"norm -> {p}.syn", f"{p}.syn -> {p}", f"{p} -> y.host:{p}"]
    inputs = {"patch": footage(rng, frames, tokens - 1, width)}
    if gated:
        nodes.append(Input(name="sched", shape=(2, tokens), lo=0, hi=1))
        paths += [f"sched -> {n.name}:gate" for n in nodes if "gate" in n.inputs]
        inputs["sched"] = schedule(rng, frames, 2, tokens)
    return balance("softmax_case", nodes, map(edge, paths)), inputs
