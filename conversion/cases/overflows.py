"""A network for each register of docs/fixed_point.md §9: the first frame fits, the second does not.

Each stands in the set three times: strict, where every engine must refuse it; chip, where what lies
on the chip must wrap alike; and unbounded, where every engine must go on with the same integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from conversion.cases.building import Case, IntArray, balance, edge
from conversion.cases.case import ConformanceCase, Mode
from conversion.graph import Graph
from conversion.nodes import (
    LIF,
    Conv,
    Delta,
    Dense,
    Input,
    LinearAttention,
    Node,
    Regroup,
    RestoreGate,
    SigmaDelta,
    Skip,
    SumPool,
)

TOP = 2**31 - 1
"""Largest value of a register of 32 bits."""
X = Input(name="x", shape=(1, 1), lo=-(2**60), hi=2**60)
MASK = Input(name="mask", shape=(1, 1), lo=0, hi=1)
GATED = "mask -> code:gate"


def network(nodes: Sequence[Node], *paths: str) -> Graph:
    """A graph from nodes and the texts of its edges."""
    return balance("made", nodes, map(edge, paths))


def column(*values: int) -> IntArray:
    """One token, one channel, one value for each frame: (T, 1, 1)."""
    return np.array(values, np.int64).reshape(-1, 1, 1)


def connection(node: Node, *values: int) -> Case:
    """A connection behind an Input."""
    return network((X, node), f"x -> {node.name}"), {"x": column(*values)}


def out() -> Case:
    """The sum of a Dense."""
    weight = np.array([[1]])
    return connection(Dense(name="code", tokens=1, weight=weight, exponent=1), 2**30 - 1, 2**30)


def convolved() -> Case:
    """The sum of a Conv, at the lower end."""
    node = Conv(name="code", height=1, width=1, weight=np.array([[[[1]]]]), stride=1, padding=0,
                exponent=1)  # fmt: skip
    return connection(node, -(2**30), -(2**30) - 1)


def pooled() -> Case:
    """The sum of a SumPool."""
    node = SumPool(name="code", height=1, width=1, channels=1, kernel_down=1, kernel_across=1,
                   stride=1, padding=0, exponent=1)  # fmt: skip
    return connection(node, 2**30 - 1, 2**30)


def skip() -> Case:
    """What a Skip shifts, at the lower end."""
    node = Skip(name="code", tokens=1, channels=1, exponent=1)
    return connection(node, -(2**30), -(2**30) - 1)


def regrouped() -> Case:
    """What a Regroup shifts."""
    index = np.array([[0]])
    node = Regroup(name="code", positions=1, channels=1, index=index, exponent=1)
    return connection(node, 2**30 - 1, 2**30)


def sigma() -> Case:
    """The sum of a SigmaDelta."""
    node = SigmaDelta(name="code", tokens=1, channels=1, stage=0, bias=np.zeros(1, np.int64),
                      shift=0, lo=0, hi=1)  # fmt: skip
    graph = network((X, MASK, node), "x -> code", GATED)
    return graph, {"x": column(TOP, 1), "mask": column(0, 0)}


def message() -> Case:
    """What a Delta sends, 24 bits: first the largest, then one more than the least."""
    node = Delta(name="code", tokens=1, channels=1, stage=0, bias=np.zeros(1, np.int64), shift=0,
                 lo=-(2**40), hi=2**40)  # fmt: skip
    graph = network((X, MASK, node), "x -> code", GATED)
    return graph, {"x": column(2**23 - 1, 2**24 - 1), "mask": column(1, 1)}


def attention(q: IntArray, k: IntArray, v: IntArray) -> Case:
    """A LinearAttention of one token and one channel."""
    node = LinearAttention(
        name="code", tokens=1, heads=1, head_dim=1, stage=0, state_shift=0, state_max=2**40
    )
    parts = [replace(X, name=n) for n in "qkv"]
    reads = ("q -> code:q", "k -> code:k", "v -> code:v", GATED)
    inputs = {"q": q, "k": k, "v": v, "mask": column(1, 1)}
    return network((*parts, MASK, node), *reads), inputs


def state() -> Case:
    """The state S of a LinearAttention."""
    return attention(column(0, 0), column(1, 1), column(TOP, 1))


def product() -> Case:
    """The product of query and state."""
    return attention(column(1, 1), column(1, 0), column(2**30, 0))


def current() -> Case:
    """A LIF's current, beyond what one wrap brings back."""
    lif = LIF(name="code", count=1, du=4095, dv=0, vth=1, reset="zero")
    drive = Input(name="x", shape=(1,), lo=-(2**40), hi=2**40)
    return network((drive, lif), "x -> code"), {"x": np.array([[2**18 + 2**17], [2**19]])}


def register() -> Case:
    """A register of the RestoreGate, 64 bits."""
    gate = RestoreGate(name="code", region_of=np.array([0]), price=np.array([1]), regions=1,
                       hold=1, cap_percent=4, refill_percent=4, capacity=9)  # fmt: skip
    row = Input(name="r", shape=(1,), lo=0, hi=2**62 - 1)
    paths = ("r -> code:spikes", "r -> code:membrane", "mask -> code:sched", "r -> code:fixed")
    inputs = {"r": np.array([[2**60], [2**61 + 2**60]]), "mask": column(1, 1)}
    return network((row, MASK, gate), *paths), inputs


OVERFLOWS: dict[str, Callable[[], Case]] = {
    "out": out, "conv": convolved, "pool": pooled, "skip": skip, "regroup": regrouped,
    "sigma": sigma, "message": message, "S": state, "product": product, "u": current,
    "register": register,
}  # fmt: skip
"""By the quantity that leaves its register in the node ``code``."""


BEYOND: dict[str, Mode] = {"overflow": "strict", "wrap": "chip", "unbounded": "unbounded"}
"""By family, what the value that does not fit shall do."""


def overflows() -> list[ConformanceCase]:
    """The last values that fit; and the first that do not, once for each mode."""
    cases = []
    for name, build in OVERFLOWS.items():
        cases.append(ConformanceCase(f"limit/{name}", partial(first_frame, build)))
        cases += [
            ConformanceCase(f"{family}/{name}", build, mode) for family, mode in BEYOND.items()
        ]
    return cases


def first_frame(build: Callable[[], Case]) -> Case:
    """The same network with its first frame only, whose values just fit."""
    graph, inputs = build()
    return graph, {name: array[:1] for name, array in inputs.items()}
