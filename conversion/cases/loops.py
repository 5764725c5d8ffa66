"""Conformance cases with recurrent edges: loops of spikes through Sparse, loops of encoders."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np

from conversion.cases.building import Case, balance, edge, footage, schedule, sparse, weights
from conversion.cases.networks import gate_inputs, gate_nodes
from conversion.graph import Graph
from conversion.nodes import LIF, Delta, Dense, Input, Node, Output, SigmaDelta, Skip

Reset = Literal["zero", "subtract", "subtract_late"]
RESETS: tuple[Reset, ...] = ("zero", "subtract", "subtract_late")


def closed(graph: Graph, path: str, more: int = 0) -> Graph:
    """The graph with a recurrent edge that brings the frame before, or one ``more`` frames older.

    Where the ends are so far apart that even no delay brings an older frame, it has none.
    """
    loop = edge(path, delay=max(graph.lags.values()) + 1)
    back = graph.frames_back(loop)
    delay = max(0, loop.delay - back + 1) + more
    return graph.with_edges([*graph.edges, edge(path, delay=delay)])


def spiking_loop_case(seed: int = 0, *, frames: int = 14) -> Case:
    """Drive → populations one behind the other, with loops of every length between them."""
    rng = np.random.default_rng(seed)
    pick = rng.choice
    sizes = [int(n) for n in rng.integers(2, 8, 3)]
    nodes: list[Node] = [Input(name="drive", shape=(sizes[0],), lo=-99, hi=99)]
    nodes += [
        LIF(name=f"lif{i}", count=size, du=int(pick([4095, 1000])), dv=int(pick([0, 300, 4096])),
            vth=int(pick([3, 20, 60])), reset=RESETS[int(rng.integers(3))],
            reset_every=int(pick([0, 0, 5])), warmup=int(pick([0, 1, 2, 99])),
            bias=rng.integers(-5, 9, size) if rng.random() < 0.5 else np.zeros(0, int))
        for i, size in enumerate(sizes)
    ]  # fmt: skip
    nodes += [
        sparse(rng, f"to{i + 1}", a, b, exponent=int(pick([0, 0, 2])))
        for i, (a, b) in enumerate(pairwise(sizes))
    ]
    paths = ["drive -> lif0"]
    for i in range(2):
        paths += [f"lif{i} -> to{i + 1}", f"to{i + 1} -> lif{i + 1}"]
    edges = [edge(path) for path in paths]
    for i in range(3):
        back = int(rng.integers(0, i + 1))
        nodes.append(sparse(rng, f"back{i}", sizes[i], sizes[back], share=0.6))
        # A connection may stand on either end of the loop's recurrent edge.
        late = int(rng.integers(3))
        if rng.integers(2):
            edges += [edge(f"lif{i} -> back{i}"), edge(f"back{i} ~> lif{back}", late)]
        else:
            edges += [edge(f"lif{i} ~> back{i}", late + 1), edge(f"back{i} -> lif{back}")]
    graph = balance("loops", nodes, edges)
    if rng.integers(2):
        graph = closed(graph, "lif0 ~> lif0", int(rng.integers(3)))
    return graph, {"drive": rng.integers(-20, 60, (frames, sizes[0])).astype(np.int64)}


def coder_loop_case(seed: int = 0, *, frames: int = 9, gated: bool = True) -> Case:
    """Encoders whose sums take in what they sent before, opened by a mask of the frame before."""
    rng = np.random.default_rng(seed)
    grid, channels = (2, 4), 3
    tokens = grid[0] * grid[1]
    gates, paths = gate_nodes(rng, grid, 2, 2, 40)
    rule = {"tokens": tokens, "channels": channels, "gated": gated, "threshold": 2, "lo": -90,
            "hi": 90}  # fmt: skip
    nodes: list[Node] = [
        *gates,
        Input(name="patch", shape=(tokens, channels), lo=0, hi=255),
        Delta(name="code", stage=0, shift=1, bias=np.full(channels, -128), **rule),  # type: ignore[arg-type]
        Dense(name="into", tokens=tokens, weight=weights(rng, channels, channels), exponent=0),
        SigmaDelta(name="sum", stage=1, shift=5, bias=rng.integers(-99, 99, channels), **rule),  # type: ignore[arg-type]
        Dense(name="round", tokens=tokens, weight=weights(rng, channels, channels), exponent=1),
        Skip(name="last", tokens=tokens, channels=channels, exponent=0),
        Output(name="out", tokens=tokens, channels=channels),
    ]
    edges = [edge(path) for path in paths]
    paths = ("patch -> code", "code -> into", "into -> sum", "sum -> round", "sum -> last",
             "last -> out")  # fmt: skip
    edges += [edge(path) for path in paths]
    if gated:
        edges += [edge("gate.restore -> code:gate"), edge("gate.restore ~> sum:gate", delay=2)]
    graph = balance("coder loop", nodes, edges)
    graph = closed(graph, "round ~> sum", int(rng.integers(3)))
    inputs = gate_inputs(rng, frames, grid, 2, 2)
    inputs |= {"patch": footage(rng, frames, tokens, channels)}
    inputs["sched"] = schedule(rng, frames, 2, tokens)
    return graph, inputs
