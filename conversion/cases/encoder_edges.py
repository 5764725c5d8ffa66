"""Cases at the edges of encoders, connections, delays, gates and the nodes of the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conversion.cases.building import Case, IntArray, balance, edge
from conversion.cases.case import ConformanceCase, Known
from conversion.cases.host import exponentials
from conversion.graph import Graph
from conversion.nodes import (
    Delay,
    Delta,
    Dense,
    HostNorm,
    HostTable,
    Input,
    LinearAttention,
    Node,
    Output,
    RestoreGate,
    SigmaDelta,
    SoftmaxAttention,
    StockSigmaDelta,
    SumPool,
)

RULE: dict[str, Any] = {"tokens": 1, "channels": 1, "bias": np.zeros(1, np.int64)}
OPEN: dict[str, Any] = {"stage": 0, "gated": False}
WIDE: dict[str, Any] = {"lo": -(2**23), "hi": 2**23 - 1}


def behind_input(node: Node, x: IntArray) -> Case:
    """One node whose every port reads the Input ``x``, (T, *shape)."""
    peak = max(int(np.abs(x).max()), 1)
    source = Input(name="x", shape=x.shape[1:], lo=-peak, hi=peak)
    paths = [f"x -> node:{port}" for port in node.inputs]
    return balance("edge", [source, node], map(edge, paths)), {"x": x}


def series(*values: int) -> IntArray:
    """One token, one channel: (T, 1, 1)."""
    return np.array(values, np.int64).reshape(-1, 1, 1)


def by_hand(name: str, node: Node, x: list[int], shown: list[int]) -> ConformanceCase:
    """One node of one channel with what follows by hand from docs/fixed_point.md."""
    known = Known({"node.out": series(*shown)})

    def given(_: Graph) -> Known:
        return known

    return ConformanceCase(f"edge/{name}", lambda: behind_input(node, series(*x)), known=given)


def hand_worked() -> list[ConformanceCase]:
    """Encoders of one channel; what they send is a message, so a difference to what was sent."""
    delta = Delta(name="node", **RULE, **OPEN, shift=0, **WIDE, threshold=4)
    halves = Delta(name="node", **RULE, **OPEN, shift=1, **WIDE)
    clipped = SigmaDelta(name="node", **RULE, **OPEN, shift=0, lo=-3, hi=5)
    absolute = StockSigmaDelta(name="node", **RULE, threshold=4, absolute=True, spike_exp=0)
    lossy = StockSigmaDelta(name="node", **RULE, threshold=1, spike_exp=0, state_exp=1)
    late = Delay(name="node", shape=(1, 1), steps=np.array([62]))
    return [
        # A change of 3 is held back, of 4 is sent: the comparison is ≥.
        by_hand("a change equal to the threshold is sent", delta, [3, 4, 7, 8, 4, 1],
                [0, 4, 0, 4, -4, 0]),
        by_hand("Lava's encoder sends a change equal to the threshold", absolute,
                [3, 4, 7, 8, 12], [0, 4, 0, 4, 4]),
        # Sigma 3, 7, 2, 3, 4, threshold 2: 3, 4, −5, 1 held back, 2; halved and floored.
        by_hand("Lava's encoder loses the bits it shifts out", lossy, [3, 4, -5, 1, 1],
                [1, 2, -3, 0, 1]),
        # rshift rounds half up: 1/2 → 1, −1/2 → 0, 3/2 → 2, −3/2 → −1.
        by_hand("half rounds up", halves, [1, -1, 3, -3], [1, -1, 2, -3]),
        by_hand("messages of 24 bits", Delta(name="node", **RULE, **OPEN, shift=0, **WIDE),
                [2**23 - 1, 0, -(2**23) + 1, 0],
                [2**23 - 1, -(2**23) + 1, -(2**23) + 1, 2**23 - 1]),
        by_hand("sums are clipped when sent, not when kept", clipped, [9, -9, -9, 9, 1],
                [5, -5, -3, 3, 1]),
        by_hand("a delay of 62", late, [7, *[0] * 61, 5, 1], [*[0] * 62, 7, 0]),
    ]  # fmt: skip


def dense_extremes() -> Case:
    """Weights of ±127, ±126 and 0 on inputs of both signs, near the ends of 32 bits."""
    rows = [[127, -127], [126, -126], [-127, 0], [1, -1]]
    node = Dense(name="node", tokens=1, weight=np.array(rows), exponent=0)
    top = (2**31 - 1) // 254
    x = np.array([[[top, -top]], [[-top, top]], [[1, 0]], [[0, 0]], [[top, 0]]], np.int64)
    return behind_input(node, x)


def long_way() -> Case:
    """Two ways to one sum, one of them 62 steps longer, with a delay for each value behind it."""
    rng = np.random.default_rng(62)
    nodes = (
        Input(name="x", shape=(2, 3), lo=-99, hi=99),
        Dense(name="near", tokens=2, weight=rng.integers(-127, 128, (3, 3)), exponent=0),
        Dense(name="far", tokens=2, weight=rng.integers(-127, 128, (3, 3)), exponent=2),
        SigmaDelta(name="sum", tokens=2, channels=3, bias=np.array([5, -7, 0]), shift=3, lo=-127,
                   hi=127, **OPEN),
        Delay(name="held", shape=(2, 3), steps=np.array([[0, 62, 1], [3, 61, 0]])),
        Output(name="out", tokens=2, channels=3),
    )  # fmt: skip
    edges = [edge("x -> near"), edge("x -> far", delay=62), edge("near -> sum"),
             edge("far -> sum"), edge("sum -> held"), edge("held -> out")]  # fmt: skip
    x = rng.integers(-99, 100, (70, 2, 3)).astype(np.int64)
    return balance("long way", nodes, edges), {"x": x}


def attention_extremes() -> Case:
    """States far beyond ``state_max`` of either sign, and products that stay within 32 bits."""
    node = LinearAttention(name="node", tokens=3, heads=1, head_dim=2, state_shift=30,
                           state_max=1, **OPEN)  # fmt: skip
    rng = np.random.default_rng(30)
    return behind_input(node, rng.integers(-9000, 9001, (6, 3, 2)).astype(np.int64))


def softmax_ties() -> Case:
    """Equal scores, scores beyond the table, and a value that halves."""
    node = SoftmaxAttention(name="node", tokens=3, heads=1, head_dim=1, exp_shift=0,
                            exp_table=exponentials(0.5), gain=2, **OPEN)  # fmt: skip
    x = np.array([[1, 1, 1], [0, 0, 1], [-1, -1, 3000], [0, 0, -3005]], np.int64)[..., None]
    return behind_input(node, x)


def norm_extremes() -> Case:
    """A row without any spread, and a row at both ends of 16 bits."""
    node = HostNorm(name="node", tokens=2, channels=2, floor=1, gain=2**12, **OPEN)
    ends = [-(2**15), 2**15 - 1]
    x = np.array([[[0, 0], ends], [ends, [0, 0]], [[9, -9], [1, -1]]], np.int64)
    return behind_input(node, x)


def table_ends() -> Case:
    """Sums below, at and above both ends of a table."""
    node = HostTable(name="node", tokens=1, channels=1, lo=-2, table=np.array([7, -7, 3]), **OPEN)
    return behind_input(node, series(-3, 1, 1, 1, 1, 2**23 - 2, -(2**24) + 1))


def tied_regions() -> Case:
    """Regions of equal strength, a purse exactly enough, and a region that costs nothing."""
    gate = RestoreGate(name="gate", region_of=np.array([0, 1, 2, 3]), price=np.array([10]),
                       regions=4, hold=2, cap_percent=50, refill_percent=25, capacity=100,
                       own_price=np.array([0]))  # fmt: skip
    shapes = {"spikes": (4,), "membrane": (4,), "sched": (1, 4), "fixed": (1,)}
    nodes = [*(Input(name=p, shape=s, lo=0, hi=1000) for p, s in shapes.items()), gate]
    graph = balance("ties", nodes, [edge(f"{p} -> gate:{p}") for p in shapes])
    membrane = [[5, 5, 5, 5], [9, 8, 9, 8], [1, 1, 2, 1], [3, 3, 3, 3], [0, 0, 0, 0]]
    inputs = {
        "spikes": [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]],
        "membrane": membrane,
        "sched": [[[0, 0, 0, 1]], [[0, 0, 0, 0]], [[1, 0, 0, 0]], [[0, 0, 0, 1]], [[0] * 4]],
        "fixed": [[40], [80], [20], [0], [40]],
    }
    return graph, {name: np.array(rows, np.int64) for name, rows in inputs.items()}


def full_purse() -> Case:
    """A capacity one short of a region's price: what is saved up never suffices."""
    gate = RestoreGate(name="node", region_of=np.array([0, 0]), price=np.array([5]), regions=1,
                       hold=9, cap_percent=100, refill_percent=100, capacity=9)  # fmt: skip
    shapes = {"spikes": (1,), "membrane": (1,), "sched": (1, 2), "fixed": (1,)}
    nodes = [*(Input(name=p, shape=s, lo=0, hi=1000) for p, s in shapes.items()), gate]
    graph = balance("purse", nodes, [edge(f"{p} -> node:{p}") for p in shapes])
    ones = np.ones((4, 1), np.int64)
    sched = np.array([[[0, 0]], [[0, 0]], [[0, 1]], [[0, 0]]])
    return graph, {"spikes": ones, "membrane": 99 * ones, "sched": sched, "fixed": 60 * ones}


def wide_stride() -> Case:
    """A pool whose stride passes over the last column, with one output for each side."""
    node = SumPool(name="node", height=3, width=3, channels=2, kernel_down=2, kernel_across=2,
                   stride=4, padding=0, exponent=1)  # fmt: skip
    return behind_input(node, np.arange(1, 37).reshape(2, 9, 2))


BUILT: dict[str, Callable[[], Case]] = {
    "weights of 127 and sums of 32 bits": dense_extremes,
    "an edge of 62 steps": long_way,
    "a state beyond its maximum": attention_extremes,
    "softmax with equal scores": softmax_ties,
    "a norm at the ends of 16 bits": norm_extremes,
    "a table beyond its ends": table_ends,
    "regions that tie": tied_regions,
    "a capacity below a price": full_purse,
    "a stride beyond a pool": wide_stride,
}


def encoder_edges() -> list[ConformanceCase]:
    """All cases of this file."""
    return [*hand_worked(), *(ConformanceCase(f"edge/{n}", build) for n, build in BUILT.items())]
