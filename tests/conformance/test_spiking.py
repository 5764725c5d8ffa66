"""Spiking networks by hand, on both simulators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from conversion.bounds import interval_bounds, verify
from conversion.cases.building import IntArray, balance, edge
from conversion.graph import Graph
from conversion.nodes import LIF, Conv, Delay, Dense, Input, Node, SigmaDelta, SumPool
from depth_snn.errors import GraphError
from sims import fast, reference
from sims.result import SimResult


def slow(graph: Graph, inputs: Mapping[str, IntArray]) -> SimResult:
    return reference.simulate(graph, inputs).result


def quick(graph: Graph, inputs: Mapping[str, IntArray]) -> SimResult:
    return fast.simulate(graph, inputs)


ENGINES = pytest.mark.parametrize("engine", [slow, quick], ids=["reference", "fast"])
Engine = Callable[[Graph, Mapping[str, IntArray]], SimResult]


def neuron(**fields: Any) -> LIF:
    rule: dict[str, Any] = {"du": 4095, "dv": 2048, "vth": 10, "reset": "zero", **fields}
    return LIF(name="lif", count=1, **rule)


def alone(node: Node) -> Graph:
    x = Input(name="x", shape=node.input_shape("in"), lo=-(2**20), hi=2**20)
    return balance("alone", [x, node], [edge(f"x -> {node.name}")])


def after_dense(node: Node) -> Graph:
    """The node one step behind an Input, so that frame 0 reaches it at step 1."""
    x = Input(name="x", shape=(1, 1), lo=-999, hi=999)
    dense = Dense(name="dense", tokens=1, weight=np.array([[1]]), exponent=0)
    return balance("after", [x, dense, node], [edge("x -> dense"), edge(f"dense -> {node.name}")])


def trace(engine: Engine, graph: Graph, drive: list[int]) -> tuple[list[int], list[int]]:
    """Membrane and spikes of the neuron, frame by frame; the membrane in units of the input."""
    shape = graph.by_name["x"].output_shape("out")
    run = engine(graph, {"x": np.array(drive).reshape(-1, *shape)})
    return (
        (run.values["lif.membrane"] / 64).ravel().tolist(),
        run.values["lif.out"].ravel().tolist(),
    )


@ENGINES
def test_a_late_reset_takes_the_threshold_off_undecayed(engine: Engine) -> None:
    drive = [24, 4, 0, 0]
    # At once: (24 − 10)/2 + 4 = 11, then (11 − 10)/2. Late: 24/2 + 4 − 10 = 6.
    assert trace(engine, alone(neuron(reset="subtract")), drive) == (
        [24, 11, 0.5, 0.25],
        [1, 1, 0, 0],
    )
    assert trace(engine, alone(neuron(reset="subtract_late")), drive) == (
        [24, 6, 3, 1.5],
        [1, 0, 0, 0],
    )


@ENGINES
def test_a_bias_sleeps_until_frame_0_and_warms_up_when_asked(engine: Engine) -> None:
    drive = [0, 0, 8]
    assert trace(engine, after_dense(neuron(channels=1, bias=[4])), drive) == (
        [4, 6, 15],
        [0, 0, 1],
    )
    # One frame earlier: 4 → 2 + 4 = 6 at frame 0.
    early = neuron(channels=1, bias=[4], warmup=1)
    assert trace(engine, after_dense(early), drive) == ([6, 7, 15.5], [0, 0, 1])
    longer = neuron(channels=1, bias=[4], warmup=50)
    assert trace(engine, after_dense(longer), drive) == ([6, 7, 15.5], [0, 0, 1])


def test_steps_before_frame_0_by_hand() -> None:
    sleeping, early = (
        reference.simulate(
            after_dense(neuron(channels=1, bias=[4], warmup=w)), {"x": np.zeros((1, 1, 1), int)}
        ).by_step["lif.membrane"]
        for w in (0, 1)
    )
    assert sleeping.ravel().tolist() == [0, 256]
    assert early.ravel().tolist() == [256, 384]


@ENGINES
def test_a_periodic_reset_begins_with_frame_0(engine: Engine) -> None:
    assert trace(engine, alone(neuron(reset_every=3, dv=0)), [1, 2, 3, 4, 5])[0] == [1, 3, 6, 4, 9]
    late = neuron(reset_every=2, dv=0, reset="subtract_late", vth=1)
    # The spike of frame 1 is forgotten at frame 2.
    assert trace(engine, alone(late), [1, 1, 5, 0])[0] == [1, 2, 5, 4]


@ENGINES
def test_a_delay_shows_older_frames(engine: Engine) -> None:
    x = np.arange(1, 9).reshape(4, 1, 2)
    node = Delay(name="delay", shape=(1, 2), steps=np.array([[0, 2]]))
    found = engine(alone(node), {"x": x}).values["delay.out"]
    assert found.tolist() == [[[1, 0]], [[3, 0]], [[5, 2]], [[7, 4]]]


@ENGINES
def test_a_pool_sums_what_its_windows_cover(engine: Engine) -> None:
    node = SumPool(name="pool", height=2, width=3, channels=1, kernel_down=2, kernel_across=2,
                   stride=1, padding=0, stride_across=2, padding_across=1, exponent=1)  # fmt: skip
    run = engine(alone(node), {"x": np.array([[[1], [2], [3], [10], [20], [0]]])})
    assert run.values["pool.out"].ravel().tolist() == [2 * 11, 2 * 25]
    assert run.counts["pool"].synaptic_operations.tolist() == [5]


@ENGINES
def test_two_connections_into_one_population_add(engine: Engine) -> None:
    x = Input(name="x", shape=(1, 1), lo=-99, hi=99)
    parts = [Dense(name=n, tokens=1, weight=np.array([[w]]), exponent=e)
             for n, w, e in (("a", 100, 1), ("b", 1, 0))]  # fmt: skip
    lif = neuron(channels=1, vth=200, dv=4096)
    paths = ["x -> a", "x -> b", "a -> lif", "b -> lif"]
    graph = balance("sum", [x, *parts, lif], map(edge, paths))
    assert trace(engine, graph, [1, 0, 1]) == ([201, 0, 201], [1, 0, 1])


def test_bounds_are_those_of_the_port() -> None:
    lif = LIF(name="lif", count=1, channels=64, du=4095, dv=0, vth=9, reset="zero")
    dense = Dense(name="wide", tokens=1, weight=np.full((3, 64), 127), exponent=1)
    x = Input(name="x", shape=(1, 64), lo=0, hi=1)
    graph = balance("b", [x, lif, dense], [edge("x -> lif"), edge("lif -> wide")])
    # A spike is 0 or 1: 64 of them through 2·127.
    assert interval_bounds(graph)["wide"].inner == 64 * 254
    assert "wide" in verify(graph)


def test_spikes_must_not_add_up_in_a_sigma() -> None:
    x = Input(name="x", shape=(1, 1), lo=0, hi=1)
    lif = LIF(name="lif", count=1, channels=1, du=4095, dv=0, vth=0, reset="zero")
    dense = Dense(name="dense", tokens=1, weight=np.array([[1]]), exponent=0)
    code = SigmaDelta(name="code", tokens=1, channels=1, stage=0, gated=False, shift=0, lo=0,
                      hi=9, bias=np.zeros(1, int))  # fmt: skip
    paths = ["x -> lif", "lif -> dense", "dense -> code"]
    graph = balance("s", [x, lif, dense, code], map(edge, paths))
    with pytest.raises(GraphError, match="'code': spikes of 'dense' would add up without bound"):
        verify(graph)


def test_nodes_refuse_what_makes_no_sense() -> None:
    pool = {"height": 3, "width": 3, "channels": 1, "kernel_down": 1, "kernel_across": 1,
            "stride": 1, "padding": 0, "exponent": 0}  # fmt: skip
    wrong: dict[str, Callable[[], Node]] = {
        "unknown reset 'soft'": lambda: neuron(reset="soft"),
        "vth 131073": lambda: neuron(vth=2**17 + 1),
        "reset_every -1": lambda: neuron(reset_every=-1),
        "warmup -1": lambda: neuron(warmup=-1),
        r"bias has shape \(2,\), not \(1,\)": lambda: neuron(bias=[1, 2]),
        r"bias has shape \(3,\), not \(2,\) or \(1, 2\)": lambda: neuron(
            channels=2, bias=[1, 2, 3]
        ),
        "bias 131072 is beyond": lambda: neuron(bias=[-(2**17)]),
        "expected integers": lambda: neuron(bias=[0.5]),
        "steps -1 is negative": lambda: Delay(name="d", shape=(2,), steps=np.array([3, -1])),
        r"steps has shape \(3,\)": lambda: Delay(name="d", shape=(2,), steps=np.array([3, 1, 1])),
        "more than": lambda: Delay(name="d", shape=(2**10,), steps=np.array(2**20)),
        r"shape \(0,\)": lambda: Delay(name="d", shape=(0,), steps=np.array(1)),
        "kernel of 4×1 does not fit": lambda: SumPool(name="p", **{**pool, "kernel_down": 4}),
        "kernel_across 0": lambda: SumPool(name="p", **{**pool, "kernel_across": 0}),
        "stride_across -1": lambda: SumPool(name="p", **pool, stride_across=-1),
        "padding_across -2": lambda: SumPool(name="p", **pool, padding_across=-2),
    }
    for message, build in wrong.items():
        with pytest.raises(GraphError, match=message) as caught:
            build()
        assert str(caught.value).startswith("node '")


def test_a_window_that_is_not_square_by_definition() -> None:
    rng = np.random.default_rng(8)
    node = Conv(name="conv", height=5, width=6, weight=rng.integers(-9, 9, (2, 3, 3, 2)), stride=2,
                stride_across=1, padding=1, padding_across=0, exponent=1)  # fmt: skip
    assert node.grid == (3, 5)
    x = rng.integers(-9, 9, (1, 30, 3))
    grid = np.pad(x[0].reshape(5, 6, 3), ((1, 1), (0, 0), (0, 0)))
    want = [
        2 * np.einsum("oijc,ijc->o", node.weight.transpose(0, 2, 3, 1), grid[y : y + 3, k : k + 2])
        for y in (0, 2, 4)
        for k in range(5)
    ]
    for engine in (slow, quick):
        assert np.array_equal(engine(alone(node), {"x": x}).values["conv.out"][0], np.array(want))
