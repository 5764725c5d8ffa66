"""Grids of positions: convolutions, regrouping, repeated weights and encoders without a gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversion.cases.building import Inputs, IntArray, balance, edge
from conversion.cases.pictures import conv_case, z_order
from conversion.graph import Graph
from conversion.nodes import Conv, Delta, Dense, Input, Node, Output, Regroup, SigmaDelta
from depth_snn.errors import GraphError, OverflowInGraph
from sims import fast, reference
from sims.result import SimResult


def slow(graph: Graph, inputs: Mapping[str, IntArray]) -> SimResult:
    return reference.simulate(graph, inputs).result


def quick(graph: Graph, inputs: Mapping[str, IntArray]) -> SimResult:
    return fast.simulate(graph, inputs)


Engine = Callable[[Graph, Mapping[str, IntArray]], SimResult]
ENGINES = pytest.mark.parametrize("engine", [slow, quick], ids=["reference", "fast"])


def alone(node: Node, shape: tuple[int, ...]) -> Graph:
    """The node behind an Input of any integers."""
    x = Input(name="x", shape=shape, lo=-(2**31), hi=2**31)
    return balance("alone", [x, node], [edge(f"x -> {node.name}")])


def conv(weight: object, height: int, width: int, **rule: int) -> Conv:
    settings_ = {"stride": 1, "padding": 0, "exponent": 0, **rule}
    return Conv(name="conv", height=height, width=width, weight=np.array(weight), **settings_)


@ENGINES
def test_a_convolution_by_hand(engine: Engine) -> None:
    node = conv([[[[1, 2], [10, 20]]]], 2, 3, exponent=1)  # not flipped: 1 meets the upper left
    x = np.array([[[3], [0], [0], [0], [0], [-1]], [[0]] * 6, [[1], [2], [3], [4], [5], [6]]])
    run = engine(alone(node, (6, 1)), {"x": x})
    # 2·(3·1), 2·(−1·20); then 2·(1 + 4 + 40 + 100), 2·(2 + 6 + 50 + 120)
    assert run.values["conv.out"][..., 0].tolist() == [[6, -40], [0, 0], [290, 356]]
    # A corner meets one of the two outputs, a position between them both.
    operations = run.counts["conv"].synaptic_operations.tolist()
    assert operations == [2, 0, 2 * (1 + 2 + 1)]


@ENGINES
def test_padding_stride_and_two_channels_by_hand(engine: Engine) -> None:
    weight = np.zeros((2, 2, 3, 3), np.int64)
    weight[0, 0, 1, 1], weight[0, 1, 0, 0], weight[1, 0, 2, 2] = 5, 7, -3
    node = conv(weight, 4, 4, stride=3, padding=2)
    assert node.grid == (2, 2)
    x = np.arange(32).reshape(1, 16, 2)
    run = engine(alone(node, (16, 2)), {"x": x})
    at = {(y, x_): (2 * (4 * y + x_), 2 * (4 * y + x_) + 1) for y in range(4) for x_ in range(4)}
    # Output (0, 0) begins at (−2, −2), (1, 1) at (1, 1), and so on.
    expected = [[0, -3 * at[0, 0][0]], [0, -3 * at[0, 3][0]], [0, -3 * at[3, 0][0]],
                [5 * at[2, 2][0] + 7 * at[1, 1][1], -3 * at[3, 3][0]]]  # fmt: skip
    assert run.values["conv.out"][0].tolist() == expected
    messages = np.count_nonzero(x.reshape(4, 4, 2), axis=2)
    covering = np.array([1, 1, 1, 1])  # each row belongs to one of −2…0 and 1…3
    assert run.counts["conv"].synaptic_operations[0] == 2 * int(covering @ messages @ covering)


def by_definition(node: Conv, x: IntArray) -> tuple[IntArray, int]:
    """The formula of docs/fixed_point.md §4, term by term; and the terms with a message."""
    out = np.zeros(node.output_shape("out"), np.int64)
    met = 0
    rows, columns = node.grid
    for y, x_, a, b in np.ndindex(rows, columns, node.kernel, node.kernel):
        py, px = y * node.stride + a - node.padding, x_ * node.stride + b - node.padding
        if 0 <= py < node.height and 0 <= px < node.width:
            seen = x[py * node.width + px]
            out[y * columns + x_] += node.weight[:, :, a, b] @ seen << node.exponent
            met += np.count_nonzero(seen) * node.weight.shape[0]
    return out, met


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv, IntArray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    height, width, kernel = (draw(st.integers(1, n)) for n in (8, 8, 5))
    padding = draw(st.integers(max(0, (kernel - min(height, width) + 1) // 2), 6))
    node = conv(
        rng.integers(-127, 128, (draw(st.integers(1, 4)), draw(st.integers(1, 3)), kernel, kernel)),
        height, width, stride=draw(st.integers(1, 4)), padding=padding,
        exponent=draw(st.sampled_from([0, 1, 5])),
    )  # fmt: skip
    x = rng.integers(-255, 256, (3, height * width, node.weight.shape[1]))
    x[rng.random(x.shape[:2]) < draw(st.sampled_from([0.0, 0.5, 0.95, 1.0]))] = 0
    return node, x


@ENGINES
@given(case=convolutions())
@settings(max_examples=60, derandomize=True, database=None)
def test_convolutions_are_the_definition(engine: Engine, case: tuple[Conv, IntArray]) -> None:
    node, x = case
    run = engine(alone(node, x.shape[1:]), {"x": x})
    for f in range(len(x)):
        out, met = by_definition(node, x[f])
        assert np.array_equal(run.values["conv.out"][f], out)
        assert run.counts["conv"].synaptic_operations[f] == met


@ENGINES
def test_regroup_by_hand(engine: Engine) -> None:
    node = Regroup(name="cells", positions=5, channels=2, index=[[4, 0], [1, 3]], exponent=3)
    x = np.array([[[1, 2], [3, 0], [99, 98], [0, 0], [-5, 6]]])
    run = engine(alone(node, (5, 2)), {"x": x})
    assert run.values["cells.out"].tolist() == [[[-40, 48, 8, 16], [24, 0, 0, 0]]]
    # Position 2 belongs to no token and costs nothing.
    assert run.counts["cells"].synaptic_operations.tolist() == [5]


@ENGINES
def test_repeated_weights_are_a_block_diagonal_matrix(engine: Engine) -> None:
    rng = np.random.default_rng(2)
    weight = rng.integers(-127, 128, (3, 2))
    shared = Dense(name="code", tokens=4, weight=weight, exponent=2, repeat=5)
    whole = Dense(name="code", tokens=4, weight=np.kron(np.eye(5, dtype=int), weight), exponent=2)
    for share in (0.1, 0.9):
        x = rng.integers(-99, 100, (6, 4, 10)) * (rng.random((6, 4, 10)) < share)
        one, other = (engine(alone(node, (4, 10)), {"x": x}) for node in (shared, whole))
        assert np.array_equal(one.values["code.out"], other.values["code.out"])
        operations = one.counts["code"].synaptic_operations
        assert operations.tolist() == [3 * np.count_nonzero(frame) for frame in x]


def delayed(gated: bool) -> tuple[Graph, Inputs]:
    """x → Dense → Dense → SigmaDelta with a bias above its rounding."""
    rule = {"tokens": 2, "channels": 1, "stage": 0, "shift": 0, "lo": 0, "hi": 99}
    code = SigmaDelta(name="code", bias=np.array([7]), gated=gated, **rule)  # type: ignore[arg-type]
    nodes = [
        Input(name="x", shape=(2, 1), lo=-99, hi=99),
        *(Dense(name=n, tokens=2, weight=np.array([[1]]), exponent=0) for n in "ab"),
        code, Output(name="out", tokens=2, channels=1),
    ]  # fmt: skip
    paths = ["x -> a", "a -> b", "b -> code", "code -> out"]
    inputs = {"x": np.array([[[3], [0]], [[0], [-9]], [[1], [0]]])}
    if gated:
        nodes.append(Input(name="mask", shape=(1, 2), lo=0, hi=1))
        paths.append("mask -> code:gate")
        inputs["mask"] = np.ones((3, 1, 2), np.int64)
    return balance("delayed", nodes, map(edge, paths)), inputs


def test_an_encoder_without_a_gate_is_silent_until_its_first_frame() -> None:
    open_, gated = (reference.simulate(*delayed(g)) for g in (False, True))
    assert open_.by_step["code.out"][..., 0].tolist() == [[0, 0], [0, 0], [10, 7], [0, -7], [1, 0]]
    assert np.array_equal(open_.by_step["out.out"], gated.by_step["out.out"])
    counts = open_.result.counts["code"]
    assert counts.updates_active.tolist() == [2, 2, 2] and not counts.updates_idle.any()
    found = fast.simulate(*delayed(False))
    assert np.array_equal(found.values["code.out"], open_.result.values["code.out"])
    assert found.counts["code"].updates_active.tolist() == [2, 2, 2]


def test_an_encoder_without_a_gate_takes_none() -> None:
    code = Delta(name="code", tokens=1, channels=1, stage=9, bias=[0], shift=0, lo=0, hi=1,
                 gated=False)  # fmt: skip
    x, mask = (Input(name=n, shape=(1, 1), lo=0, hi=1) for n in ("x", "mask"))
    assert code.inputs == ("in",)
    balance("open", [x, code], [edge("x -> code")])
    with pytest.raises(GraphError, match="no input port 'gate'"):
        balance("open", [x, mask, code], [edge("x -> code"), edge("mask -> code:gate")])


@ENGINES
def test_what_does_not_fit_32_bits_raises(engine: Engine) -> None:
    top = 2**30
    large = np.array([[[top - 1]], [[top]]])
    pair = np.concatenate([large, np.zeros_like(large)], axis=1)
    moved = Regroup(name="code", positions=2, channels=1, index=[[1, 0]], exponent=1)
    for node, x in ((conv([[[[1]]]], 1, 1, exponent=1), large), (moved, pair)):
        graph = alone(node, x.shape[1:])
        engine(graph, {"x": x[:1]})
        with pytest.raises(OverflowInGraph, match=f"node '{node.name}'.*2147483648"):
            engine(graph, {"x": x})


def test_what_a_token_does_not_take_may_be_as_large_as_it_likes() -> None:
    node = Regroup(name="cells", positions=2, channels=1, index=[[1]], exponent=16)
    x = Input(name="x", shape=(2, 1), lo=-(2**61), hi=2**61)
    graph = balance("alone", [x, node], [edge("x -> cells")])
    for engine in (slow, quick):
        run = engine(graph, {"x": np.array([[[2**61], [3]]])})
        assert run.values["cells.out"].tolist() == [[[3 << 16]]]


def test_nodes_refuse_what_makes_no_sense() -> None:
    one = [[[[1]]]]
    wrong: dict[str, Callable[[], Node]] = {
        "does not fit": lambda: conv(np.ones((1, 1, 3, 3), int), 2, 2),
        r"not \(out, in, k, k\)": lambda: conv(np.ones((1, 3, 2), int), 9, 9),
        "beyond ±127": lambda: conv([[[[128]]]], 1, 1),
        "stride 0": lambda: conv(one, 1, 1, stride=0),
        "padding -1": lambda: conv(one, 3, 3, padding=-1),
        "exponent 17": lambda: conv(one, 1, 1, exponent=17),
        "height 0": lambda: conv(one, 0, 1),
        "repeat 0": lambda: Dense(name="d", tokens=1, weight=[[1]], exponent=0, repeat=0),
        r"position 5, outside 0\.\.4": lambda: cells([[0, 5]]),
        r"position -2, outside": lambda: cells([[0, -2]]),
        "position 2 twice": lambda: cells([[2, 1], [0, 2]]),
        "index has shape": lambda: cells([1, 2]),
    }

    def cells(index: object) -> Regroup:
        return Regroup(name="cells", positions=5, channels=1, index=np.array(index), exponent=0)

    for message, build in wrong.items():
        with pytest.raises(GraphError, match=message) as caught:
            build()
        assert str(caught.value).startswith("node '")


def test_a_frame_that_changes_nothing_costs_nothing() -> None:
    graph, inputs = conv_case(4, frames=3)
    inputs["pixels"][1:] = inputs["pixels"][0]
    run = fast.simulate(graph, inputs)
    for counts in run.counts.values():
        assert not counts.messages[1:].any() and not counts.synaptic_operations[1:].any()
    assert run.counts["next"].synaptic_operations[0] > 0


def test_z_order_keeps_a_coarse_positions_children_together() -> None:
    index = z_order((1, 2), 4, 3)
    width = 2 * 4 + 2 * 3
    assert sorted(index[1].tolist()) == [
        (3 + y) * width + 3 + 4 + x for y in range(4) for x in range(4)
    ]
    children = index.reshape(2, 4, 4)
    assert (children.max(2) - children.min(2) == width + 1).all()
