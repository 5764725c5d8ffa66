"""From torch to integers: the same function in floats, the graph's exact integers, true bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from conversion.bounds import interval_bounds, verify
from conversion.convert import convert
from conversion.evaluate import evaluate_float
from conversion.from_torch import build_float_graph
from conversion.graph import Graph, unbalanced_edges
from conversion.nodes import Delta, Dense, Input, LinearAttention, Output, SigmaDelta, Skip
from conversion.passes.balance_delays import balance_delays
from conversion.passes.fold_norms import fold_norms
from depth_snn.config import GateConfig
from depth_snn.errors import GraphError, OverflowInGraph
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.pruning.prices import prices_of
from depth_snn.windows import class_map, token_windows
from sims.fast import simulate
from tests.conformance.building import balance, edge
from tests.unit.small import random_network, scene_frames, tiny_network

IntArray = npt.NDArray[np.int64]
Values = Mapping[str, IntArray]


def windows_of(model: DepthViTLoihi, count: int) -> IntArray:
    frames = scene_frames("tiny", count)
    return np.stack([token_windows(rgb, model.config) for rgb in frames]).astype(np.int64)


@cache
def converted(which: str) -> Graph:
    """The integer graph of the shipped tiny network, or of a random one with uneven heads."""
    model = tiny_network() if which == "tiny" else random_network()
    config = model.config
    clip = windows_of(model, 12) if which == "tiny" else noise(config.tokens, config.inputs)
    return convert(model, GateConfig(), prices_of(config, scored=True), clip)


def noise(tokens: int, inputs: int, frames: int = 4) -> IntArray:
    return np.random.default_rng(5).integers(0, 256, (frames, tokens, inputs)).astype(np.int64)


def run(graph: Graph, patch: IntArray, sched: IntArray | None = None) -> Values:
    """All values of the fast simulator; with all gates open unless a schedule is given."""
    frames, gate = len(patch), graph.by_name["gate.restore"]
    if sched is None:
        sched = np.ones((frames, *gate.output_shape("out")), np.int64)
    regions = gate.output_shape("admitted")[0]
    drive = np.random.default_rng(6).integers(0, 2000, (frames, regions))
    inputs = {"patch": patch, "sched": sched, "drive": drive, "fixed": np.full((frames, 1), 10**6)}
    return simulate(graph, inputs).values


# ------------------------------------------------------------------ floats


@pytest.mark.parametrize("which", ["tiny", "random"])
def test_float_graph_is_the_network_before_and_after_folding(which: str) -> None:
    model = tiny_network() if which == "tiny" else random_network()
    patch = windows_of(model, 1)[0] if which == "tiny" else noise(32, 192)[0]
    with torch.inference_mode():
        # state_dict in double precision, so that only the graph's own error remains
        double = DepthViTLoihi(model.config).double().eval()
        double.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
        expected = double(torch.from_numpy(patch)[None].double())[0].numpy()
    graph = build_float_graph(model)
    folded = fold_norms(graph)
    assert graph.of_kind("FloatNorm") and not folded.of_kind("FloatNorm")
    for each in (graph, folded):
        got = evaluate_float(each, patch)["head.out"]
        assert np.abs(got - expected).max() <= 1e-6 * np.abs(expected).max()


def test_foreign_networks_are_refused_by_name() -> None:
    with pytest.raises(GraphError, match="Sequential"):
        build_float_graph(nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(GraphError, match="training mode"):
        build_float_graph(random_network().train())
    for name, module, said in (
        ("blocks.1.fc1", nn.Conv1d(12, 20, 1), "block2.h.*Conv1d"),
        ("blocks.0.norm1", nn.LayerNorm(12), "block1.norm1.*LayerNorm"),
        ("blocks.1", nn.Identity(), "blocks.1.*Identity"),
        ("head", nn.Bilinear(12, 12, 20), "head.*Bilinear"),
    ):
        model = random_network()
        parent, _, leaf = name.rpartition(".")
        owner = model.get_submodule(parent)
        owner._modules[leaf] = module
        with pytest.raises(GraphError, match=said) as caught:
            build_float_graph(model.eval())
        assert "\n" not in str(caught.value)


# ------------------------------------------------------------------ integers


def half_up(x: IntArray, shift: int) -> IntArray:
    return np.floor(x / 2**shift + 0.5).astype(np.int64)  # exact: |x| stays far below 2^52


def dense_integers(graph: Graph, patch: IntArray) -> Values:
    """Every node's absolute value for one frame, all gates open, no messages and no state."""
    a: dict[str, IntArray] = {"patch": patch}
    for node in graph.order:
        into = [a[e.source] for e in graph.incoming[node.name] if e.source in a]
        if isinstance(node, Delta):
            act = half_up(sum(into) + node.bias, node.shift)
            a[node.name] = np.clip(act, node.lo, node.hi)
        elif isinstance(node, Dense):
            a[node.name] = into[0] @ node.weight.T * 2**node.exponent
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


@pytest.mark.parametrize("which", ["tiny", "random"])
def test_open_graph_is_a_dense_integer_network(which: str) -> None:
    graph = converted(which)
    patch = windows_of(tiny_network(), 5) if which == "tiny" else noise(32, 192)
    shown = run(graph, patch)
    for f in range(len(patch)):
        expected = dense_integers(graph, patch[f])
        assert np.array_equal(shown["head.out.out"][f], expected["head.out"])
        for node in graph.nodes:
            if isinstance(node, Delta):
                sent = shown[f"{node.name}.out"][: f + 1].sum(0)
                assert np.array_equal(sent, expected[node.name]), node.name


def test_integers_are_close_to_the_floats() -> None:
    graph, model = converted("tiny"), tiny_network()
    patch = windows_of(model, 12)
    integers = run(graph, patch)["head.out.out"]
    with torch.inference_mode():
        floats = model(torch.from_numpy(patch).float()).numpy()
    agree = [
        (class_map(i, model.config) == class_map(x, model.config)).mean()
        for i, x in zip(integers, floats, strict=True)
    ]
    assert np.mean(agree) >= 0.97
    scaled = integers * graph.meta["scales"]["head.out"]
    assert np.abs(scaled - floats).mean() <= 0.05 * floats.std()


# ------------------------------------------------------------------ passes and bounds


def test_balance_leaves_no_unbalanced_edge_and_verify_misses_none() -> None:
    graph = converted("random")
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


@pytest.mark.parametrize("which", ["tiny", "random"])
def test_bounds_hold_what_the_simulator_sees(which: str) -> None:
    graph = converted(which)
    bounds, rng = interval_bounds(graph), np.random.default_rng(7)
    shape = graph.by_name["patch"].output_shape("out")
    patch = 255 * rng.integers(0, 2, (6, *shape))  # the hardest pictures
    sched = (rng.random((6, *graph.by_name["gate.restore"].output_shape("out"))) < 0.6).astype(int)
    sched[0] = 1
    shown = run(graph, patch, sched)
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
    graph = converted("random")
    wide = [
        replace(n, lo=min(n.lo, -(2**14)), hi=2**14) if n.name in ("block1.k", "block1.v") else n
        for n in graph.nodes
    ]
    with pytest.raises(GraphError, match=r"node 'block1\.y\.attention'"):
        verify(replace(graph, nodes=tuple(wide)))
