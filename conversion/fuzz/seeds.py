"""Small graphs that hold every node type between them; what is mutated starts from these."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import numpy as np

from conversion.graph import Edge, Graph
from conversion.nodes import (
    LIF,
    Conv,
    Delay,
    Delta,
    Dense,
    HostNorm,
    HostTable,
    Input,
    LinearAttention,
    Output,
    Regroup,
    RestoreGate,
    SigmaDelta,
    Skip,
    SoftmaxAttention,
    Sparse,
    StockSigmaDelta,
    SumPool,
)
from conversion.passes.balance_delays import balance_delays

TOKENS, CHANNELS = 2, 3


def _coder(name: str, kind: type[Delta], channels: int = CHANNELS) -> Delta:
    return kind(
        name=name, tokens=TOKENS, channels=channels, stage=0, bias=np.arange(channels), shift=1,
        lo=-127, hi=127,
    )  # fmt: skip


def chain_graph() -> Graph:
    """Input → Delta → Dense and Skip → SigmaDelta → Output, with masks from an Input."""
    nodes = (
        Input(name="x", shape=(TOKENS, CHANNELS), lo=0, hi=255),
        Input(name="mask", shape=(1, TOKENS), lo=0, hi=1),
        _coder("code", Delta),
        Dense(name="dense", tokens=TOKENS, weight=np.arange(-4, 5).reshape(3, 3), exponent=1),
        Skip(name="skip", tokens=TOKENS, channels=CHANNELS, exponent=2),
        _coder("sum", SigmaDelta),
        Output(name="out", tokens=TOKENS, channels=CHANNELS),
    )
    edges = (
        Edge(source="x", target="code"), Edge(source="mask", target="code", port="gate"),
        Edge(source="code", target="dense"), Edge(source="code", target="skip"),
        Edge(source="dense", target="sum"), Edge(source="skip", target="sum"),
        Edge(source="mask", target="sum", port="gate"), Edge(source="sum", target="out"),
    )  # fmt: skip
    meta = {"scales": {"code": 0.5}, "classes": ["road", None, True, [1, 2]]}
    graph = Graph(name="chain", dialect="quantised", nodes=nodes, edges=edges, meta=meta)
    return balance_delays(graph)


def gate_graph() -> Graph:
    """Drives → LIF → RestoreGate, with its other inputs."""
    nodes = (
        Input(name="drive", shape=(2,), lo=0, hi=1000),
        Input(name="sched", shape=(2, TOKENS), lo=0, hi=1),
        Input(name="fixed", shape=(1,), lo=0, hi=2**40),
        LIF(name="lif", count=2, du=4095, dv=400, vth=100, reset="subtract"),
        RestoreGate(
            name="gate", region_of=np.array([0, 1]), price=np.array([9, 7]), regions=2, hold=2,
            cap_percent=15, refill_percent=5, capacity=2**50,
        ),
    )  # fmt: skip
    edges = (
        Edge(source="drive", target="lif"),
        Edge(source="lif", target="gate", port="spikes"),
        Edge(source="lif", target="gate", port="membrane", source_port="membrane"),
        Edge(source="sched", target="gate", port="sched"),
        Edge(source="fixed", target="gate", port="fixed"),
    )
    return Graph(name="gate", dialect="quantised", nodes=nodes, edges=edges)


def picture_graph() -> Graph:
    """Picture → Conv → Regroup, and attention over tokens."""
    nodes = (
        Input(name="pixels", shape=(16, 1), lo=0, hi=255),
        Input(name="mask", shape=(1, TOKENS), lo=0, hi=1),
        Delta(name="code", tokens=16, channels=1, stage=0, bias=np.array([-128]), shift=0,
              lo=-128, hi=127, gated=False),
        Conv(name="conv", height=4, width=4, weight=np.ones((3, 1, 2, 2), int), stride=2,
             padding=0, exponent=0),
        SigmaDelta(name="level", tokens=4, channels=3, stage=0, bias=np.zeros(3, int), shift=2,
                   lo=0, hi=127, gated=False),
        Regroup(name="cells", positions=4, channels=3, index=np.array([[0, 1], [2, 3]]),
                exponent=0),
        LinearAttention(name="attention", tokens=TOKENS, heads=2, head_dim=3, stage=0,
                        state_shift=3, state_max=255),
        _coder("y", Delta, 6),
    )  # fmt: skip
    edges = (
        Edge(source="pixels", target="code"), Edge(source="code", target="conv"),
        Edge(source="conv", target="level"), Edge(source="level", target="cells"),
        *(Edge(source="cells", target="attention", port=port) for port in "qkv"),
        Edge(source="mask", target="attention", port="gate"),
        Edge(source="attention", target="y"), Edge(source="mask", target="y", port="gate"),
    )  # fmt: skip
    return balance_delays(Graph(name="picture", dialect="quantised", nodes=nodes, edges=edges))


def spiking_graph() -> Graph:
    """Picture → Lava's own encoders with a SumPool between → Delay → LIF with all it can have."""
    none = np.zeros(1, np.int64)
    lif = partial(LIF, count=4, channels=1, du=2048, dv=128)
    nodes = (
        Input(name="pixels", shape=(16, 1), lo=0, hi=255),
        StockSigmaDelta(name="code", tokens=16, channels=1, bias=none, threshold=1, absolute=True),
        SumPool(name="pool", height=4, width=4, channels=1, kernel_down=2, kernel_across=2,
                stride=2, padding=0, exponent=1),
        StockSigmaDelta(name="sum", tokens=4, channels=1, bias=none + 3, threshold=2),
        Delay(name="late", shape=(4, 1), steps=np.array([[0], [1], [2], [0]])),
        lif(name="first", vth=90, reset="subtract_late", bias=np.array([7]), reset_every=3,
            warmup=2),
        lif(name="second", vth=1, reset="zero", bias=np.array([[1], [0], [-1], [2]])),
        Output(name="out", tokens=4, channels=1, bias=np.array([5])),
    )  # fmt: skip
    names = [node.name for node in nodes]
    edges = tuple(Edge(source=a, target=b) for a, b in pairwise(names))
    return balance_delays(Graph(name="spiking", dialect="quantised", nodes=nodes, edges=edges))


def host_graph() -> Graph:
    """LayerNorm, a table and softmax attention, with encoders between; one has no gate."""
    nodes = (
        Input(name="x", shape=(TOKENS, CHANNELS), lo=0, hi=255),
        Input(name="mask", shape=(1, TOKENS), lo=0, hi=1),
        _coder("code", Delta),
        HostNorm(name="norm", tokens=TOKENS, channels=CHANNELS, floor=9, gain=32),
        _coder("normed", Delta),
        HostTable(name="table", tokens=TOKENS, channels=CHANNELS, lo=-2, gated=False,
                  table=np.array([0, 0, 0, 1, 2])),
        _coder("looked", Delta),
        SoftmaxAttention(name="attention", tokens=TOKENS, heads=1, head_dim=CHANNELS, exp_shift=2,
                         exp_table=np.array([1024, 377, 139, 0]), gain=4),
        _coder("y", Delta),
        Output(name="out", tokens=TOKENS, channels=CHANNELS),
    )  # fmt: skip
    chain = ("x", "code", "norm", "normed", "table", "looked")
    gated = ("code", "norm", "normed", "looked", "attention", "y")
    edges = (
        *(Edge(source=a, target=b) for a, b in pairwise(chain)),
        *(Edge(source="looked", target="attention", port=port) for port in "qkv"),
        *(Edge(source="mask", target=name, port="gate") for name in gated),
        Edge(source="attention", target="y"), Edge(source="y", target="out"),
    )  # fmt: skip
    return balance_delays(Graph(name="host", dialect="quantised", nodes=nodes, edges=edges))


def loop_graph() -> Graph:
    """Drive → LIF → Sparse → LIF, and back through a recurrent edge, and from a LIF to itself."""
    nodes = (
        Input(name="drive", shape=(3,), lo=-99, hi=99),
        LIF(name="one", count=3, du=4095, dv=300, vth=40, reset="zero", bias=np.array([3, 0, 1])),
        Sparse(name="to", count=2, starts=np.array([0, 1, 1, 3]), targets=np.array([1, 0, 1]),
               weight=np.array([90, -3, 7]), exponent=1),
        LIF(name="two", count=2, du=4095, dv=300, vth=10, reset="subtract"),
        Sparse(name="back", count=3, starts=np.array([0, 2, 3]), targets=np.array([0, 2, 1]),
               weight=np.array([-20, 30, 127]), exponent=0),
    )  # fmt: skip
    edges = (
        Edge(source="drive", target="one"), Edge(source="one", target="to"),
        Edge(source="to", target="two"), Edge(source="two", target="back"),
        Edge(source="back", target="one", delay=1, recurrent=True),
        Edge(source="one", target="one", delay=1, recurrent=True),
    )  # fmt: skip
    return Graph(name="loop", dialect="quantised", nodes=nodes, edges=edges)


SEED_GRAPHS: dict[str, Callable[[], Graph]] = {
    "chain": chain_graph, "gate": gate_graph, "picture": picture_graph,
    "spiking": spiking_graph, "host": host_graph, "loop": loop_graph,
}  # fmt: skip
"""Builders by name; a new node type belongs into one of them."""
