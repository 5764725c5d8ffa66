"""The stock Lava LIF, DEPTH's GateLIF and the reference are one neuron, spike for spike."""

from __future__ import annotations

import numpy as np
import pytest

from conversion.graph import Edge, Graph
from conversion.nodes import LIF, Conv, Dense, Input, Regroup, Skip
from loihi import lava_available, simulate_on_lava
from loihi.integers import IntArray, fit, round_shift, truncating_decay
from loihi.peaks import peak
from loihi.stock import stock_suffices
from sims import reference

OK, WHY = lava_available()

COUNT = 12
FRAMES = 80
NEURONS = (
    (4095, 0, 25),
    (163, 163, 25),
    (0, 4096, 1000),
    (-1, 1, 131071),
    (4094, 4095, 0),
    (1500, 300, 4097),
)
"""du, dv, vth: the silicon trace's decay, both ends of every range, and something in between."""

BOUNDARIES = np.array([2**17 - 1, 2**17, 2**17 + 1, -(2**17) + 1, -(2**17), -(2**17) - 1, 0, 1, -1])
"""Inputs that shifted left by 6 meet ±2^23, where u wraps, from both sides."""


def _twins() -> tuple[Graph, dict[str, IntArray]]:
    """Each neuron twice, reset to zero: ``a`` shows its membrane and so is ours, ``b`` is stock."""
    rng = np.random.default_rng(5)
    nodes: list[Input | LIF] = []
    edges, inputs = [], {}
    for i, (du, dv, vth) in enumerate(NEURONS):
        name = f"drive{i}"
        nodes.append(Input(name=name, shape=(COUNT,), lo=-(2**18), hi=2**18))
        for twin in "ab":
            nodes.append(LIF(name=f"{twin}{i}", count=COUNT, du=du, dv=dv, vth=vth, reset="zero"))
            edges.append(Edge(source=name, target=f"{twin}{i}"))
        small = rng.integers(-vth // 3 - 2, vth + 3, (FRAMES, COUNT))
        edge = rng.choice(BOUNDARIES, (FRAMES, COUNT))
        inputs[name] = np.where(rng.random((FRAMES, COUNT)) < 0.25, edge, small)
    graph = Graph(name="twins", dialect="quantised", nodes=tuple(nodes), edges=tuple(edges))
    return graph, inputs


@pytest.mark.skipif(not OK, reason=f"comparing with Lava's LIF needs Lava: {WHY}")
def test_stock_lif_gate_lif_and_reference_agree() -> None:
    graph, inputs = _twins()
    spikes = [f"{twin}{i}.out" for twin in "ab" for i in range(len(NEURONS))]
    membranes = [f"a{i}.membrane" for i in range(len(NEURONS))]
    got = simulate_on_lava(graph, inputs, stock=True, probes=spikes + membranes).by_step
    want = reference.simulate(graph, inputs).by_step
    for key in spikes + membranes:
        np.testing.assert_array_equal(got[key], want[key], err_msg=key)
    for i in range(len(NEURONS)):
        np.testing.assert_array_equal(got[f"a{i}.out"], got[f"b{i}.out"])
        assert 0 < got[f"b{i}.out"].sum() < FRAMES * COUNT, NEURONS[i]


def test_decay_truncates_toward_zero() -> None:
    values = np.array([-4097, -1, 0, 1, 4097, 2**23])
    assert truncating_decay(values, 1).tolist() == [-4095, 0, 0, 0, 4095, 2**23 - 2048]
    assert truncating_decay(values, 4096).tolist() == [0] * 6


def test_round_shift_rounds_half_up() -> None:
    assert round_shift(np.array([-3, -2, -1, 0, 1, 2, 3]), 1).tolist() == [-1, -1, 0, 0, 1, 1, 2]
    assert round_shift(np.array([-3, 7]), 0).tolist() == [-3, 7]


def test_a_value_beyond_32_bits_is_named() -> None:
    edge = np.array([2**31 - 1, -(2**31)])
    assert fit(edge, 32, "n", "sigma", 0) is edge
    with pytest.raises(OverflowError, match=r"'n': sigma\[1\] = 2147483648 at step 7 is outside"):
        fit(np.array([0, 2**31]), 32, "n", "sigma", 7)


def _population(hi: int) -> Graph:
    lif = LIF(name="lif", count=1, du=4095, dv=0, vth=9, reset="zero")
    nodes = (
        Input(name="x", shape=(2, 3), lo=-1, hi=hi),
        Dense(name="dense", tokens=2, weight=np.array([[127, -127, 1], [5, 0, 0]]), exponent=1),
        Skip(name="skip", tokens=2, channels=2, exponent=3),
        Input(name="drive", shape=(1,), lo=-hi, hi=7),
        lif,
    )
    paths = (("x", "dense"), ("dense", "skip"), ("drive", "lif"))
    edges = tuple(Edge(source=a, target=b) for a, b in paths)
    return Graph(name="peaks", dialect="quantised", nodes=nodes, edges=edges)


def test_peaks_bound_what_connections_can_show() -> None:
    graph = _population(10)
    assert peak(graph, "x") == 10
    assert peak(graph, "dense") == 255 * 10 * 2
    assert peak(graph, "skip") == 255 * 10 * 2 * 8
    assert peak(graph, "lif") == 1 and peak(graph, "lif", "membrane") == 2**23


def test_stock_processes_are_used_only_where_they_cannot_wrap() -> None:
    def stock_nodes(hi: int, membrane: bool = False) -> list[str]:
        graph = _population(hi)
        return [n.name for n in graph.nodes if stock_suffices(graph, n, needs_membrane=membrane)]

    assert stock_nodes(10) == ["dense", "skip", "lif"]
    assert stock_nodes(10, membrane=True) == ["dense", "skip"]
    assert stock_nodes(2**30 // 255) == ["dense", "lif"]
    assert stock_nodes(2**30 // 255 + 1) == ["lif"]
    assert stock_nodes(2**25) == []


def test_grids_have_bounds_but_no_stock_process() -> None:
    nodes = (
        Input(name="x", shape=(4, 2), lo=-3, hi=1),
        Conv(name="conv", height=2, width=2, stride=1, padding=1, exponent=2,
             weight=np.array([[[[1]], [[-5]]], [[[2]], [[2]]]])),
        Regroup(name="cells", positions=4, channels=2, index=np.array([[3, 0]]), exponent=1),
        Dense(name="twice", tokens=1, weight=np.array([[7, -7]]), exponent=0, repeat=2),
    )  # fmt: skip
    paths = (("x", "conv"), ("x", "cells"), ("cells", "twice"))
    edges = tuple(Edge(source=a, target=b) for a, b in paths)
    graph = Graph(name="grids", dialect="quantised", nodes=nodes, edges=edges)
    assert peak(graph, "conv") == 3 * (1 + 5) * 4
    assert peak(graph, "cells") == 6
    assert peak(graph, "twice") == 6 * 14
    stock = [n.name for n in nodes if stock_suffices(graph, n, needs_membrane=False)]
    assert stock == ["twice"]
