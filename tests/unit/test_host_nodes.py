"""LayerNorm, GELU and softmax in integers: their stated errors and bounds, and bad constants."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conversion.bounds import interval_bounds, verify
from conversion.cases.building import IntArray, balance, edge
from conversion.cases.host import softmax_case
from conversion.evaluate_host import gelu
from conversion.graph import Graph
from conversion.graph_file import load_graph, save_graph
from conversion.host_nodes import HOST_NODES, HostNode, HostNorm, HostTable, SoftmaxAttention
from conversion.nodes import Delta, Input, Node, Output
from conversion.passes.insert_host_nodes import exponentials
from depth_snn.errors import GraphError, OverflowInGraph
from sims import fast, reference


def alone(node: HostNode, top: int) -> Graph:
    """Inputs in ±top, a Delta for each port of the node, the node, and a Delta behind it."""
    shape = (node.tokens, node.width)
    nodes: list[Node] = [node]
    paths = ["host -> y", "y -> out"]
    for port in node.inputs:
        nodes += [Input(name=port, shape=shape, lo=-top, hi=top), coder(f"code_{port}", shape, top)]
        paths += [f"{port} -> code_{port}", f"code_{port} -> host:{port}"]
    nodes += [coder("y", shape, 2**22 - 1), Output(name="out", tokens=shape[0], channels=shape[1])]
    return balance("alone", nodes, map(edge, paths))


def coder(name: str, shape: tuple[int, ...], top: int) -> Delta:
    return Delta(name=name, tokens=shape[0], channels=shape[1], stage=0, gated=False, shift=0,
                 bias=np.zeros(shape[1], np.int64), lo=-top, hi=top)  # fmt: skip


def shown(graph: Graph, **inputs: IntArray) -> IntArray:
    """What the node answers, by the fast simulator and, where it is small, by the reference too."""
    values = fast.simulate(graph, inputs).values["host.out"]
    slow = reference.simulate(graph, inputs).result.values["host.out"]
    assert np.array_equal(values, slow)
    return values


@pytest.mark.parametrize("channels", [1, 2, 7, 64])
def test_the_norm_is_within_its_stated_error_and_bound(channels: int) -> None:
    rng = np.random.default_rng(channels)
    node = HostNorm(name="host", tokens=5, channels=channels, floor=9, gain=300, gated=False)
    graph = alone(node, 2047)
    x = rng.integers(-2047, 2048, (4, 5, channels))
    x[0, 0] = 17  # no deviation at all
    x[0, 1] = -2047
    x[0, 1, 0] = 2047  # the furthest that one value can be from the mean
    x[1] //= 400
    out = shown(graph, **{"in": x})
    spread = channels * (x * x).sum(-1, keepdims=True) - x.sum(-1, keepdims=True) ** 2
    width = np.sqrt(spread + 9)
    exact = 300 * (channels * x - x.sum(-1, keepdims=True)) / width
    assert (np.abs(out - exact) <= np.abs(exact) / np.floor(16 * width) + 0.5 + 1e-9).all()
    assert np.abs(out).max() <= interval_bounds(graph)["host"].shown
    assert not out[0, 0].any()
    if channels > 1:
        assert np.abs(out).max() > 0.9 * 300 * math.sqrt(channels - 1)


def test_the_norm_of_huge_values_is_exact_at_its_limit() -> None:
    node = HostNorm(name="host", tokens=1, channels=2**11, floor=2**50, gain=2**12, gated=False)
    x = np.full((1, 1, 2**11), 2**15 - 1)
    x[..., ::2] *= -1
    out = shown(alone(node, 2**15 - 1), **{"in": x})
    root = math.isqrt((2**22 * (2**15 - 1) ** 2 + 2**50) << 8)
    up = 2 * (2**11 * (2**15 - 1) * 2**12 << 4)
    assert set(out.reshape(-1).tolist()) == {(s * up + root) // (2 * root) for s in (-1, 1)}


def test_a_table_answers_for_every_entry_and_takes_the_nearest_beyond_them() -> None:
    table = np.array([5, -3, 0, 2**23 - 1])
    node = HostTable(name="host", tokens=1, channels=7, lo=-1, table=table, gated=False)
    x = np.array([[[-9, -1, 0, 1, 2, 3, 99]]])
    assert shown(alone(node, 200), **{"in": x}).tolist() == [
        [[5, 5, -3, 0, 2**23 - 1, 2**23 - 1, 2**23 - 1]]
    ]


@pytest.mark.parametrize("scale", [0.02, 0.0005])
def test_softmax_is_within_its_stated_error(scale: float) -> None:
    """Against the exact softmax of the same integers, with sharp rows and flat ones."""
    rng = np.random.default_rng(3)
    tokens, heads, d, gain = 11, 2, 5, 16
    table, shift = exponentials(scale)
    node = SoftmaxAttention(name="host", tokens=tokens, heads=heads, head_dim=d, exp_shift=shift,
                            exp_table=table, gain=gain, gated=False)  # fmt: skip
    graph = alone(node, 127)
    q, k, v = rng.integers(-127, 128, (3, 4, tokens, heads * d))
    q[1] //= 30
    q[2, :5] = q[1, :5]
    v[3] = 127
    out = shown(graph, q=q, k=k, v=v)

    def split(x: IntArray) -> IntArray:
        return x.reshape(4, tokens, heads, d).transpose(0, 2, 1, 3)

    scores = scale * (split(q) @ split(k).transpose(0, 1, 3, 2))
    weight = np.exp(scores - scores.max(-1, keepdims=True))
    exact = gain * (weight / weight.sum(-1, keepdims=True)) @ split(v)
    error = np.abs(out - exact.transpose(0, 2, 1, 3).reshape(out.shape)).max()
    allowed = 0.5 + gain * 127 * tokens / 2**20
    if shift:  # weights off by a factor within exp(±half a step)
        allowed += 2 * gain * 127 * math.expm1(scale * 2 ** (shift - 1))
    assert error <= allowed
    assert np.abs(out).max() <= interval_bounds(graph)["host"].shown == gain * 127
    assert (out[3] == gain * 127).all()


def test_scores_do_not_drift_over_many_frames() -> None:
    """After 400 frames of changes the answer is that of a fresh node shown the last frame only."""
    table, shift = exponentials(0.004)
    node = SoftmaxAttention(name="host", tokens=6, heads=2, head_dim=3, exp_shift=shift,
                            exp_table=table, gain=4, gated=False)  # fmt: skip
    rng = np.random.default_rng(4)
    q, k, v = rng.integers(-127, 128, (3, 400, 6, 6))
    graph = alone(node, 127)
    long = fast.simulate(graph, {"q": q, "k": k, "v": v}).values["host.out"]
    fresh = shown(graph, q=q[-1:], k=k[-1:], v=v[-1:])
    assert np.array_equal(long[-1], fresh[0])
    assert len({row.tobytes() for row in long}) == 400


def test_exponentials_fall_to_the_last_entry_that_is_not_0() -> None:
    for unit in (2.0, 0.01, 1e-4, 1e-7):
        table, shift = exponentials(unit)
        step = unit * 2**shift
        exact = 2**20 * np.exp(-step * np.arange(table.size))
        assert np.abs(table - exact).max() <= 0.5 and table[-1] > 0
        assert 2**20 * math.exp(-step * table.size) < 0.5
        assert table.size <= 2**13 and (shift == 0 or table.size > 2**11)


def test_gelu_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x = np.linspace(-6, 6, 101)
    for tanh in (False, True):
        kind = "tanh" if tanh else "none"
        right = torch.nn.functional.gelu(torch.from_numpy(x), approximate=kind).numpy()
        assert np.abs(gelu(x, tanh) - right).max() < 1e-12


def test_what_leaves_its_register_is_refused_before_and_at_run_time() -> None:
    node = HostNorm(name="host", tokens=1, channels=2, floor=1, gain=1, gated=False)
    wide = alone(node, 2**15)
    with pytest.raises(GraphError, match=r"node 'host': port 'in' may add up to 32768"):
        verify(wide)
    inputs = {"in": np.full((1, 1, 2), 2**15)}
    for run in (fast.simulate, reference.simulate):
        with pytest.raises(OverflowInGraph, match=r"'host'.*x"):
            run(wide, inputs)  # type: ignore[operator]
    verify(alone(node, 2**15 - 1))
    scores = SoftmaxAttention(name="host", tokens=2, heads=1, head_dim=600, exp_shift=0, gain=1,
                              exp_table=np.array([4, 1]), gated=False)  # fmt: skip
    with pytest.raises(GraphError, match=r"node 'host'.*beyond the 32-bit limit"):
        verify(alone(scores, 2047))


GOOD: dict[str, HostNode] = {
    "norm": HostNorm(name="n", tokens=2, channels=3, floor=1, gain=1),
    "table": HostTable(name="n", tokens=2, channels=3, lo=0, table=np.array([1])),
    "softmax": SoftmaxAttention(name="n", tokens=2, heads=1, head_dim=3, exp_shift=0, gain=1,
                                exp_table=np.array([4, 1])),
}  # fmt: skip
BAD: list[tuple[str, dict[str, object], str]] = [
    ("norm", {"floor": 0}, "floor 0"),
    ("norm", {"gain": 2**13}, "gain 8192"),
    ("norm", {"channels": 2**12}, "channels 4096"),
    ("norm", {"tokens": 0}, "tokens 0"),
    ("norm", {"stage": -1}, "stage -1"),
    ("table", {"table": np.zeros(0, np.int64)}, "table has shape"),
    ("table", {"table": np.array([2**23])}, "beyond"),
    ("table", {"table": np.array([0.5])}, "expected integers"),
    ("table", {"lo": 2**23}, "leaves 24 bits"),
    ("softmax", {"exp_table": np.array([1, 4])}, "must fall"),
    ("softmax", {"exp_table": np.array([4, -1])}, "must fall"),
    ("softmax", {"exp_table": np.array([0])}, "begins at 0"),
    ("softmax", {"exp_table": np.array([2**21])}, "begins at"),
    ("softmax", {"exp_shift": 31}, "exp_shift 31"),
    ("softmax", {"gain": 0}, "gain 0"),
    ("softmax", {"heads": 0}, "at least one head"),
    ("softmax", {"tokens": 2**20, "exp_table": np.array([2**20])}, "leave 62 bits"),
]


@pytest.mark.parametrize(("kind", "change", "said"), BAD)
def test_bad_constants_are_refused(kind: str, change: dict[str, object], said: str) -> None:
    with pytest.raises(GraphError, match=said) as caught:
        replace(GOOD[kind], **change)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value) and "'n'" in str(caught.value)


@pytest.mark.parametrize("gated", [True, False])
def test_round_trip_through_a_file(tmp_path: Path, gated: bool) -> None:
    graph, inputs = softmax_case(5, gated=gated)
    assert {cls.kind for cls in HOST_NODES} <= {n.kind for n in graph.nodes}
    save_graph(graph, tmp_path / "g.h5")
    again = load_graph(tmp_path / "g.h5")
    run: Callable[[Graph], IntArray] = lambda g: fast.simulate(g, inputs).values["out.out"]  # noqa: E731
    assert np.array_equal(run(graph), run(again)) and run(graph).any()
    for node, other in zip(graph.nodes, again.nodes, strict=True):
        assert type(node) is type(other)
        for key, value in node.attributes().items():
            assert np.array_equal(value, getattr(other, key)), (node.name, key)
