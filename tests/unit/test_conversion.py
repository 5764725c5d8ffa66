"""From torch to integers: the same function in floats, the graph's exact integers, true bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

from conversion.bounds import interval_bounds, verify
from conversion.cases.building import balance, edge
from conversion.convert import convert
from conversion.evaluate import evaluate_float
from conversion.from_torch import build_float_graph
from conversion.graph import Graph, unbalanced_edges
from conversion.nodes import (
    Conv,
    Delta,
    Dense,
    Input,
    LinearAttention,
    Output,
    Regroup,
    SigmaDelta,
    Skip,
)
from conversion.passes.balance_delays import balance_delays
from conversion.passes.fold_norms import fold_norms
from depth_snn.config import GateConfig
from depth_snn.errors import GraphError, OverflowInGraph
from depth_snn.pruning.prices import prices_of
from depth_snn.windows import class_map
from sims.fast import simulate
from tests.unit.converting import KINDS, IntArray, network_of, pixels_of
from tests.unit.small import (
    DEEP,
    pictures,
    random_network,
    scene_frames,
    tiny_network,
)

Values = Mapping[str, IntArray]


@cache
def converted(which: str) -> Graph:
    """The integer graph of a network."""
    model = network_of(which)
    return convert(model, GateConfig(), prices_of(model.config, scored=True), pixels_of(which, 4))


def run(graph: Graph, pixels: IntArray, sched: IntArray | None = None) -> Values:
    """All values of the fast simulator; with all gates open unless a schedule is given."""
    frames, gate = len(pixels), graph.by_name["gate.restore"]
    if sched is None:
        sched = np.ones((frames, *gate.output_shape("out")), np.int64)
    regions = gate.output_shape("admitted")[0]
    drive = np.random.default_rng(6).integers(0, 2000, (frames, regions))
    fixed = np.full((frames, 1), 10**6)
    inputs = {"pixels": pixels, "sched": sched, "drive": drive, "fixed": fixed}
    return simulate(graph, inputs).values


# ------------------------------------------------------------------ integers


def half_up(x: IntArray, shift: int) -> IntArray:
    return np.floor(x / 2**shift + 0.5).astype(np.int64)  # exact: |x| stays far below 2^52


def correlate(node: Conv, x: IntArray) -> IntArray:
    k, s, (rows, columns) = node.kernel, node.stride, node.grid
    grid = np.pad(x.reshape(node.height, node.width, -1), ((node.padding,) * 2,) * 2 + ((0, 0),))
    taps = [
        grid[a : a + s * rows : s, b : b + s * columns : s][:rows, :columns]
        @ node.weight[:, :, a, b].T
        for a, b in np.ndindex(k, k)
    ]
    return np.asarray(np.sum(taps, axis=0).reshape(rows * columns, -1) * 2**node.exponent)


def dense_integers(graph: Graph, pixels: IntArray) -> Values:
    """Every node's absolute value for one frame, all gates open, no messages and no state."""
    a: dict[str, IntArray] = {"pixels": pixels}
    for node in graph.order:
        into = [a[e.source] for e in graph.incoming[node.name] if e.source in a]
        if isinstance(node, Delta):
            act = half_up(sum(into) + node.bias, node.shift)
            a[node.name] = np.clip(act, node.lo, node.hi)
        elif isinstance(node, Dense):
            groups = into[0].reshape(node.tokens * node.repeat, -1) @ node.weight.T
            a[node.name] = groups.reshape(node.tokens, -1) * 2**node.exponent
        elif isinstance(node, Conv):
            a[node.name] = correlate(node, into[0])
        elif isinstance(node, Regroup):
            a[node.name] = into[0][node.index].reshape(len(node.index), -1) * 2**node.exponent
        elif isinstance(node, Skip):
            a[node.name] = into[0] * 2**node.exponent
        elif isinstance(node, Output):
            a[node.name] = into[0] + node.bias
        elif isinstance(node, LinearAttention):
            by = {e.port: a[e.source] for e in graph.incoming[node.name] if e.source in a}
            q, k, v = (by[p].reshape(node.tokens, node.heads, node.head_dim) for p in "qkv")
            state = sum(k[i, :, :, None] * v[i, :, None, :] for i in range(node.tokens))
            state = np.clip(half_up(state, node.state_shift), -node.state_max, node.state_max)
            y = [(q[i, :, :, None] * state).sum(1) for i in range(node.tokens)]
            a[node.name] = np.stack(y).reshape(node.tokens, -1)
    return a


@pytest.mark.parametrize("which", KINDS)
def test_open_graph_is_a_dense_integer_network(which: str) -> None:
    graph, pixels = converted(which), pixels_of(which, 4)
    shown = run(graph, pixels)
    for f in range(len(pixels)):
        expected = dense_integers(graph, pixels[f])
        assert np.array_equal(shown["head.out.out"][f], expected["head.out"])
        for node in graph.nodes:
            if isinstance(node, Delta):
                sent = shown[f"{node.name}.out"][: f + 1].sum(0)
                assert np.array_equal(sent, expected[node.name]), node.name


@pytest.mark.parametrize("which", KINDS)
def test_every_encoder_is_close_to_its_float(which: str) -> None:
    """So a wrong scale or unit is found where it is made, not only at the logits.

    Units are wrong by a factor of two or more, and rounding costs some percent at most.
    """
    graph, pixels = converted(which), pixels_of(which, 1)[0]
    floats = evaluate_float(fold_norms(build_float_graph(network_of(which))), pixels)
    integers, scales = dense_integers(graph, pixels), graph.meta["scales"]
    floats["pixels.code"] = floats["pixels"]
    for node in graph.nodes:
        if isinstance(node, Delta | Output):
            error = integers[node.name] * scales[node.name] - floats[node.name]
            assert np.abs(error).mean() <= 0.15 * np.abs(floats[node.name]).mean(), node.name


def test_the_stem_has_no_gates_and_all_else_has() -> None:
    graph = converted("deep")
    open_ = {n.name for n in graph.nodes if isinstance(n, Delta) and not n.gated}
    assert open_ == {"pixels.code", "stem1", "stem2", "stem3"}
    hidden, embed = graph.by_name["decoder.hidden"], graph.by_name["embed"]
    assert isinstance(hidden, SigmaDelta) and hidden.stage == DEEP.layers
    assert isinstance(embed, SigmaDelta) and embed.stage == 0


def test_integers_are_close_to_the_floats() -> None:
    """Mean error of the logits, and pixels of another class, on frames of a street."""
    model = tiny_network()
    frames = scene_frames(model.config, 12)
    pixels = np.stack(frames).reshape(12, -1, 3).astype(np.int64)
    graph = convert(model, GateConfig(), prices_of(model.config, scored=True), pixels[:4])
    integers = run(graph, pixels)["head.out.out"]
    with torch.inference_mode():
        floats = model(pictures(*frames)).numpy()
    agree = [
        (class_map(i, model.config) == class_map(x, model.config)).mean()
        for i, x in zip(integers, floats, strict=True)
    ]
    assert np.mean(agree) >= 0.98
    scaled = integers * graph.meta["scales"]["head.out"]
    assert np.abs(scaled - floats).mean() <= 0.02 * floats.std()


# ------------------------------------------------------------------ passes and bounds


def test_balance_leaves_no_unbalanced_edge_and_verify_misses_none() -> None:
    graph = converted("uneven")
    assert unbalanced_edges(graph) == []
    loose = graph.with_edges(replace(e, delay=0) for e in graph.edges)
    assert unbalanced_edges(loose)
    again = balance_delays(loose)
    assert set(again.edges) == set(graph.edges)
    delayed = [i for i, e in enumerate(graph.edges) if e.delay]
    assert delayed
    for index in delayed:
        edges = list(graph.edges)
        edges[index] = replace(edges[index], delay=edges[index].delay - 1)
        with pytest.raises(GraphError, match="unbalanced"):
            verify(graph.with_edges(edges))


@pytest.mark.parametrize("which", KINDS)
def test_bounds_hold_what_the_simulator_sees(which: str) -> None:
    graph = converted(which)
    bounds, rng = interval_bounds(graph), np.random.default_rng(7)
    shape = graph.by_name["pixels"].output_shape("out")
    pixels = 255 * rng.integers(0, 2, (6, *shape))  # the hardest pictures
    sched = (rng.random((6, *graph.by_name["gate.restore"].output_shape("out"))) < 0.6).astype(int)
    sched[0] = 1
    shown = run(graph, pixels, sched)
    for node in graph.nodes:
        if node.kind in ("LIF", "RestoreGate") or node.name in ("sched", "drive", "fixed"):
            continue
        value, bound = shown[f"{node.name}.out"], bounds[node.name]
        absolute = node.kind in ("Input", "Output", "LinearAttention")
        total = value if absolute else value.cumsum(0)
        assert np.abs(total).max() <= bound.shown, node.name
        if not isinstance(node, Delta):
            assert np.abs(value).max() <= bound.inner, f"{node.name}: one step's messages"


def chain(weight: int, exponent: int, hi: int = 2047, channels: int = 64) -> Graph:
    """Delta in ±hi → one row of equal weights → SigmaDelta → Output."""
    bias = np.zeros(channels, np.int64)
    nodes = (
        Input(name="x", shape=(1, channels), lo=-hi, hi=hi),
        Input(name="mask", shape=(1, 1), lo=0, hi=1),
        Delta(name="code", tokens=1, channels=channels, stage=0, bias=bias, shift=0, lo=-hi, hi=hi),
        Dense(name="row", tokens=1, weight=np.full((1, channels), weight), exponent=exponent),
        SigmaDelta(name="sum", tokens=1, channels=1, stage=0, bias=bias[:1], shift=exponent,
                   lo=-2**21, hi=2**21),
        Output(name="out", tokens=1, channels=1),
    )  # fmt: skip
    paths = ("x -> code", "mask -> code:gate", "code -> row", "row -> sum", "mask -> sum:gate",
             "sum -> out")  # fmt: skip
    return balance("chain", nodes, map(edge, paths))


@pytest.mark.parametrize("exponent", range(4, 10))
def test_what_verify_accepts_cannot_overflow_and_what_it_refuses_can(exponent: int) -> None:
    """All inputs from one end of their range to the other: the largest message there is."""
    graph = chain(127, exponent)
    swing = 2047 * np.array([1, -1, 1])[:, None, None] * np.ones((1, 1, 64), np.int64)
    inputs = {"x": swing, "mask": np.ones((3, 1, 1), np.int64)}
    worst = 2 * 2047 * 127 * 64 << exponent
    if worst <= 2**31 - 1:
        assert verify(graph)["row"].inner == worst
        shown = simulate(graph, inputs).values
        assert np.abs(shown["row.out"]).max() == worst
    else:
        with pytest.raises(GraphError, match=r"node 'row'.*beyond the 32-bit limit"):
            verify(graph)
        with pytest.raises(OverflowInGraph, match="node 'row'"):
            simulate(graph, inputs)


def test_verify_refuses_messages_wider_than_24_bits() -> None:
    graph = chain(1, 0, hi=2**23 - 1)
    with pytest.raises(GraphError, match=r"node 'code'.*24-bit"):
        verify(graph)


def test_verify_refuses_floats_and_attention_that_overflows() -> None:
    with pytest.raises(GraphError, match="not quantised"):
        verify(build_float_graph(random_network()))
    graph = converted("uneven")
    wide = [
        replace(n, lo=min(n.lo, -(2**14)), hi=2**14) if n.name in ("block1.k", "block1.v") else n
        for n in graph.nodes
    ]
    with pytest.raises(GraphError, match=r"node 'block1\.y\.attention'"):
        verify(replace(graph, nodes=tuple(wide)))
