"""Sparse and recurrent edges: worked by hand, against Dense, their bounds, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conversion.bounds import interval_bounds, verify
from conversion.cases.building import Inputs, balance, edge, matrix_of, sparse
from conversion.cases.loops import coder_loop_case, spiking_loop_case
from conversion.graph import Graph
from conversion.nodes import (
    LIF,
    Delta,
    Dense,
    Input,
    Node,
    Output,
    SigmaDelta,
    Skip,
    Sparse,
)
from conversion.passes.balance_delays import balance_delays
from conversion.sparse import narrow
from depth_snn.errors import GraphError, OverflowInGraph
from loihi import lava_available
from sims import fast, reference
from sims.conformance import fast_engine, reference_engine
from sims.result import SimResult
from tests.conformance.test_agreement import assert_same

Engine = Callable[[Graph, Inputs], SimResult]
ENGINES = pytest.mark.parametrize(
    "engine", [lambda g, i: reference.simulate(g, i).result, fast.simulate],
    ids=["reference", "fast"],
)  # fmt: skip
EIGHT = {"name": "to", "count": 3, "starts": [0, 2, 2, 3], "targets": [0, 2, 2],
         "weight": [5, -7, 0], "exponent": 1}  # fmt: skip


def built(nodes: Sequence[Node], *paths: str, delay: int = 0) -> Graph:
    edges = [edge(path, delay if "~>" in path else 0) for path in paths]
    return balance("built", nodes, edges)


def threshold(name: str, count: int = 1, **rule: Any) -> LIF:
    """A population without memory that fires at any input above 0."""
    rule = {"du": 4095, "dv": 4096, "vth": 0, "reset": "zero"} | rule
    return LIF(name=name, count=count, **rule)


def drive(*values: int) -> Inputs:
    return {"x": np.array(values).reshape(-1, 1)}


X = Input(name="x", shape=(1,), lo=-9, hi=9)


@ENGINES
def test_sparse_sums_along_synapses_and_counts_them(engine: Engine) -> None:
    x = Input(name="x", shape=(3,), lo=-99, hi=99)
    graph = built((x, Sparse(**EIGHT)), "x -> to")
    run = engine(graph, {"x": np.array([[1, 9, 0], [0, 9, 4], [-3, 0, 1], [0, 0, 0]])})
    assert run.values["to.out"].tolist() == [[10, 0, -14], [0, 0, 0], [-30, 0, 42], [0, 0, 0]]
    # The second source has no synapse, and a weight of 0 is a synapse.
    assert run.counts["to"].synaptic_operations.tolist() == [2, 1, 3, 0]


@pytest.mark.parametrize("seed", range(4))
def test_sparse_equals_dense(seed: int) -> None:
    rng = np.random.default_rng(seed)
    node = sparse(rng, "to", 40, 30, share=0.2, exponent=seed, low=-127, high=127)
    x = rng.integers(-50, 50, (5, 40)) * (rng.random((5, 40)) < 0.3)
    thin = built((Input(name="x", shape=(40,), lo=-99, hi=99), node), "x -> to")
    dense = Dense(name="to", tokens=1, weight=matrix_of(node), exponent=seed)
    full = built((Input(name="x", shape=(1, 40), lo=-99, hi=99), dense), "x -> to")
    want = fast.simulate(full, {"x": x[:, None]}).values["to.out"][:, 0]
    assert np.array_equal(fast.simulate(thin, {"x": x}).values["to.out"], want)
    assert interval_bounds(thin)["to"] == interval_bounds(full)["to"]
    assert node.sum_bound == np.abs(matrix_of(node)).sum(1).max()


@ENGINES
@pytest.mark.parametrize("back", [1, 2, 3])
def test_a_spike_comes_around_again(engine: Engine, back: int) -> None:
    graph = built((X, threshold("lif")), "x -> lif", "lif ~> lif", delay=back)
    (loop,) = (e for e in graph.edges if e.recurrent)
    assert graph.frames_back(loop) == back and graph.lags["lif"] == 0
    run = engine(graph, drive(1, 0, 0, 0, 0, 0, 0))
    assert np.flatnonzero(run.values["lif.out"]).tolist() == list(range(0, 7, back))


@ENGINES
def test_a_connection_in_the_loop_is_one_of_its_steps(engine: Engine) -> None:
    one = Sparse(name="back", count=1, starts=[0, 1], targets=[0], weight=[3], exponent=0)
    graph = built((X, threshold("lif"), one), "x -> lif", "lif -> back", "back ~> lif")
    run = engine(graph, drive(2, 0, 0))
    assert run.values["lif.membrane"].ravel().tolist() == [2 * 64, 3 * 64, 3 * 64]
    # Drawn around the other way, the connection belongs to the frame after.
    other = built((X, threshold("lif"), one), "x -> lif", "lif ~> back", "back -> lif", delay=1)
    assert other.lags["lif"] == 1
    assert engine(other, drive(2, 0, 0, 0)).values["lif.membrane"].ravel().tolist() == [
        2 * 64, 0, 3 * 64, 0,
    ]  # fmt: skip


@ENGINES
def test_loops_bring_what_a_bias_said_before_frame_0(engine: Engine) -> None:
    nodes = (
        Input(name="x", shape=(1, 1), lo=-9, hi=9),
        Skip(name="skip", tokens=1, channels=1, exponent=0),
        threshold("early", channels=1, bias=[1], warmup=1),
        threshold("late", channels=1),
    )
    graph = built(nodes, "x -> skip", "skip -> early", "early ~> late")
    assert [graph.frames_back(e) for e in graph.edges if e.recurrent] == [1]
    # Frame −1 of `early`, its first, is what `late` sees at frame 0.
    run = engine(graph, {"x": np.array([[[-5]], [[-5]], [[0]]])})
    assert run.values["early.out"].ravel().tolist() == [0, 0, 1]
    assert run.values["late.out"].ravel().tolist() == [1, 0, 0]


def test_recurrent_edges_have_no_part_in_order_lags_and_balance() -> None:
    graph, _ = spiking_loop_case(3)
    fed = {e.target for e in graph.edges if not e.recurrent} | {"drive"}
    assert fed < graph.by_name.keys()  # some node is fed by recurrent edges alone
    again = balance_delays(graph)
    assert set(again.edges) == set(graph.edges)
    assert verify(graph).keys() == graph.by_name.keys()
    assert again.lags == graph.lags


def test_what_comes_too_early_is_refused_with_the_delay_that_helps() -> None:
    nodes = (X, threshold("a"), threshold("b"))
    paths = ("x -> a", "a -> b")
    with pytest.raises(GraphError, match=r"b -> a .recurrent.: would bring its own frame; a delay"):
        built(nodes, *paths, "b ~> a")
    skip = Sparse(name="skip", count=1, starts=[0, 1], targets=[0], weight=[1], exponent=0)
    with pytest.raises(GraphError, match=r"a frame to come; a delay of 2 brings") as caught:
        built((*nodes, skip), "x -> skip", "skip -> a", "x -> b", "b ~> a")
    assert "b -> a" in str(caught.value)
    graph = built((*nodes, skip), "x -> skip", "skip -> a", "x -> b", "b ~> a", delay=2)
    assert [graph.frames_back(e) for e in graph.edges if e.recurrent] == [1]
    with pytest.raises(GraphError, match="cycle through a, b; make the edge that closes it recurr"):
        built(nodes, *paths, "b -> a")
    with pytest.raises(GraphError, match="would hold 134217729 values, more than 134217728"):
        built(nodes, *paths, "b ~> a", delay=2**27 + 1)
    with pytest.raises(GraphError, match="only quantised graphs have loops"):
        replace(graph, dialect="float")


def test_a_loop_that_takes_no_step_is_refused() -> None:
    """In a graph that is not balanced, frames say nothing about steps."""
    skips = [Sparse(name=f"s{i}", count=1, starts=[0, 1], targets=[0], weight=[1], exponent=0)
             for i in range(2)]  # fmt: skip
    paths = ("x -> a", "a -> b", "x -> s0", "s0 -> s1", "s1 -> b", "b ~> a")
    graph = Graph(
        name="skew", dialect="quantised", nodes=(X, threshold("a"), threshold("b"), *skips),
        edges=tuple(map(edge, paths)),
    )  # fmt: skip
    with pytest.raises(GraphError, match="loop through a, b takes no step"):
        reference.simulate(graph, drive(1, 0))


def test_bounds_of_loops_do_not_depend_on_the_loop() -> None:
    graph, _ = spiking_loop_case(5)
    bounds = interval_bounds(graph)
    for node in graph.of_kind("Sparse"):
        assert isinstance(node, Sparse)
        up, down = node.swing
        assert bounds[node.name].shown == max(up.max(), -down.min()) << node.exponent
    coded, _ = coder_loop_case(1)
    assert verify(coded)["round"].shown < 2**20
    with pytest.raises(GraphError, match="without bound in a loop through one, two"):
        one, two = (Skip(name=n, tokens=1, channels=1, exponent=0) for n in ("one", "two"))
        verify(built((Input(name="x", shape=(1, 1), lo=0, hi=1), one, two,
                      Output(name="out", tokens=1, channels=1)),
                     "one -> two", "two ~> one", "x -> out"))  # fmt: skip


def test_spikes_of_a_loop_must_not_add_up_in_an_encoder() -> None:
    x, lif = Input(name="x", shape=(1, 1), lo=0, hi=1), threshold("lif", channels=1)
    code = SigmaDelta(name="code", tokens=1, channels=1, stage=0, gated=False, shift=0, lo=0, hi=9,
                      bias=np.zeros(1, int))  # fmt: skip
    graph = built((x, lif, code), "x -> lif", "x -> code", "lif ~> code", delay=1)
    with pytest.raises(GraphError, match="spikes of 'lif' would add up without bound"):
        verify(graph)


def test_only_ports_that_add_take_several_edges() -> None:
    x = Input(name="x", shape=(1, 1), lo=0, hi=1)
    code = Delta(name="code", tokens=1, channels=1, stage=0, gated=False, shift=0, lo=0, hi=9,
                 bias=np.zeros(1, int))  # fmt: skip
    with pytest.raises(GraphError, match="takes one edge, not 2"):
        built((x, code), "x -> code", "code ~> code", delay=1)
    fed = built((x, code, replace(code, name="next")), "x -> code", "code ~> next", delay=1)
    run = fast.simulate(fed, {"x": np.ones((2, 1, 1), int)})
    assert run.values["next.out"].ravel().tolist() == [0, 1]


def test_sums_beyond_the_register() -> None:
    node = Sparse(name="to", count=2, starts=[0, 1, 1], targets=[1], weight=[127], exponent=16)
    graph = built((Input(name="x", shape=(2,), lo=-(2**60), hi=2**60), node), "x -> to")
    # The second source leads nowhere; it only makes the sums look as if they could be too large.
    for x in ([2**9, 0], [-(2**38), 0], [2**38, 2**60]):
        inputs = {"x": np.array([[1, 0], x])}
        loose = [e.answer(graph, inputs, "unbounded") for e in (fast_engine(), reference_engine())]
        assert_same(graph, *loose)
        for run in (reference.simulate, fast.simulate):
            with pytest.raises(OverflowInGraph, match="'to'"):
                run(graph, inputs)
    for run in (reference.simulate, fast.simulate):
        with pytest.raises(OverflowInGraph, match="'to"):
            run(graph, {"x": np.array([[2**60, 0]])}, overflow="unbounded")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"targets": [0, 3, 2]}, "targets: 3 is outside 0..2"),
        ({"targets": [0, 0, 2]}, "source 0 leads to 0 after 0"),
        ({"targets": [2, 0, 2]}, "source 0 leads to 0 after 2; list its targets rising"),
        ({"weight": [5, -7, 128]}, "weight: 128 is outside"),
        ({"weight": [5, -7]}, "2 weights for 3 targets"),
        ({"weight": [5.0, -7.0, 1.0]}, "a vector of integers, got float64"),
        ({"starts": [0, 2, 1, 3]}, "starts falls at source 1"),
        ({"starts": [0, 2, 2, 4]}, "from 0 to 4, not from 0 to the number of synapses, 3"),
        ({"starts": [0]}, "starts has 1 numbers"),
        ({"count": 0}, "count 0"),
        ({"exponent": -1}, "exponent -1"),
    ],
)
def test_sparse_is_checked(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(GraphError, match=said) as caught:
        Sparse(**EIGHT | changed)
    assert str(caught.value).startswith("node 'to'")


def test_targets_are_checked_in_every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversion.sparse.BLOCK", 3)
    rng = np.random.default_rng(1)
    node = sparse(rng, "to", 9, 12)
    matrix = matrix_of(node)
    assert node.sum_bound == np.abs(matrix).sum(1).max()
    for k in range(1, node.synapses):
        if k not in node.starts:
            targets = node.targets.copy()
            targets[k] = targets[k - 1]
            with pytest.raises(GraphError, match="rising and once"):
                replace(node, targets=targets)


def test_synapses_are_held_narrow_and_not_copied() -> None:
    owned = np.array([3, 1], np.int8)
    assert narrow(owned, np.int8, (0, 9), "w") is not owned
    owned.setflags(write=False)
    assert narrow(owned, np.int8, (0, 9), "w") is owned
    node = Sparse(**EIGHT)
    assert (node.targets.dtype, node.weight.dtype) == (np.int32, np.int8)
    with pytest.raises(ValueError, match="read-only"):
        node.weight[0] = 1


@pytest.mark.parametrize("seed", range(40))
def test_bounds_of_random_loops_fit(seed: int) -> None:
    assert verify(spiking_loop_case(seed)[0])


OK, WHY = lava_available()


@pytest.mark.skipif(not OK, reason=f"the Lava target needs Lava: {WHY}")
def test_lava_has_a_stock_process_for_sparse() -> None:
    from loihi.stock import stock_suffices

    graph, _ = spiking_loop_case(11)
    for node in graph.of_kind("Sparse"):
        assert stock_suffices(graph, node, needs_membrane=False)
