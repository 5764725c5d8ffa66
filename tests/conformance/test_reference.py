"""The reference simulator against results worked out by hand from docs/fixed_point.md."""

from __future__ import annotations

import numpy as np
import pytest

from conversion.cases.building import IntArray, balance, edge
from conversion.cases.small import CASES, dense_case, encoder_case
from conversion.graph import Graph, unbalanced_edges
from conversion.nodes import (
    Delta,
    Dense,
    Input,
    LinearAttention,
    Output,
    SigmaDelta,
    Skip,
)
from depth_snn.errors import GraphError, InputError, OverflowInGraph
from sims.reference import simulate
from sims.reference.integers import clip, decay, rshift
from sims.reference.product import Products, plain_product

WIDE = 2**40


def series(*rows: object) -> IntArray:
    return np.array(rows, np.int64)


def values(name: str, shape: tuple[int, ...]) -> Input:
    return Input(name=name, shape=shape, lo=-WIDE, hi=WIDE)


def coder(
    kind: type[Delta], *, tokens: int = 1, bias: tuple[int, ...] = (0,), shift: int = 0,
    lo: int = -(2**30), hi: int = 2**30, threshold: int = 0, stage: int = 0,
) -> Delta:  # fmt: skip
    return kind(name="code", tokens=tokens, channels=len(bias), stage=stage, bias=np.array(bias),
                shift=shift, lo=lo, hi=hi, threshold=threshold)  # fmt: skip


def coder_graph(code: Delta) -> Graph:
    nodes = [values("x", (code.tokens, code.channels)), values("mask", (1, code.tokens)), code]
    return balance("coder", nodes, map(edge, ("x -> code", "mask -> code:gate")))


def test_rounding_truncation_and_clip() -> None:
    assert [rshift(x, 2) for x in (-7, -6, -5, -2, -1, 1, 2, 5, 6)] == [
        -2,
        -1,
        -1,
        0,
        0,
        0,
        1,
        1,
        2,
    ]
    assert rshift(-3, 0) == -3
    assert [decay(x, 2048) for x in (-5, -1, 0, 1, 5)] == [-2, 0, 0, 0, 2]
    assert (decay(-1000, 163), decay(1000, 0), decay(-7, 4096)) == (-960, 1000, 0)
    assert [clip(x, -2, 3) for x in (-3, -2, 0, 3, 4)] == [-2, -2, 0, 3, 3]


@pytest.mark.parametrize("size", [1, 127, 2**23, 2**54, 2**57, 2**80])
def test_packed_products_are_the_plain_ones(size: int) -> None:
    rng = np.random.default_rng(size % 1000)
    rows = rng.integers(-127, 128, (9, 5)).tolist()
    for _ in range(20):
        x = [int(n) * size for n in rng.integers(-1, 2, 9)]
        assert Products(rows).times(x) == plain_product(rows, x)
        assert plain_product(rows, x) == [
            sum(x[c] * rows[c][j] for c in range(9)) for j in range(5)
        ]


def test_a_delta_closed_then_opened() -> None:
    code = coder(Delta, bias=(1, -3), shift=1, lo=-4, hi=5, threshold=2)
    x = series([[3, 4]], [[3, 4]], [[6, 4]], [[7, -20]], [[100, 99]], [[100, -20]])
    mask = series([[0]], [[1]], [[1]], [[1]], [[0]], [[1]])
    run = simulate(coder_graph(code), {"x": x, "mask": mask})
    # Steps 1 and 5 hold a difference of 1 back; step 2 sends (6+1+1)>>1 = 4 less the 2 sent before.
    assert run.by_step["code.out"][:, 0].tolist() == [
        [0, 0], [2, 0], [2, 0], [0, -4], [0, 0], [0, 0]
    ]  # fmt: skip
    counts = run.result.counts["code"]
    assert counts.neurons == 2
    assert counts.messages.tolist() == [0, 1, 1, 1, 0, 0]
    assert counts.updates_active.tolist() == [0, 2, 2, 2, 0, 2]
    assert counts.updates_idle.tolist() == [2, 0, 0, 0, 2, 0]


def test_a_closed_sigma_delta_keeps_accumulating() -> None:
    code = coder(SigmaDelta, shift=2, lo=0, hi=100)
    x = series([[5]], [[6]], [[-20]], [[4]], [[30]])
    mask = series([[0]], [[1]], [[1]], [[1]], [[1]])
    run = simulate(coder_graph(code), {"x": x, "mask": mask})
    # sigma is 5, 11, −9, −5, 25
    assert run.by_step["code.out"].ravel().tolist() == [0, 3, -3, 0, 6]


def test_delays_and_latency_on_two_ways_to_one_sum() -> None:
    nodes = [values("x", (1, 1)), Skip(name="skip", tokens=1, channels=1, exponent=2),
             Dense(name="dense", tokens=1, weight=np.array([[-3]]), exponent=1),
             coder(SigmaDelta), values("mask", (1, 1)),
             Output(name="out", tokens=1, channels=1, bias=np.array([10]))]  # fmt: skip
    edges = [
        *(edge("x -> skip", 2), edge("x -> dense", 1), edge("dense -> code", 1)),
        *(edge("skip -> code"), edge("mask -> code:gate", 3), edge("code -> out", 1)),
    ]
    graph = Graph(name="ways", dialect="quantised", nodes=tuple(nodes), edges=tuple(edges))
    assert unbalanced_edges(graph) == []
    inputs = {"x": series([[1]], [[0]], [[5]]), "mask": series([[1]], [[1]], [[1]])}
    run = simulate(graph, inputs)
    assert run.by_step["skip.out"].ravel().tolist() == [0, 0, 0, 4, 0, 20, 0]
    assert run.by_step["dense.out"].ravel().tolist() == [0, 0, -6, 0, -30, 0, 0]
    assert run.by_step["code.out"].ravel().tolist() == [0, 0, 0, -2, 0, -10, 0]
    assert run.by_step["out.out"].ravel().tolist() == [10, 10, 10, 10, 8, 8, -2]
    assert run.result.values["out.out"].ravel().tolist() == [8, 8, -2]
    assert run.result.counts["dense"].synaptic_operations.tolist() == [1, 0, 1]
    assert run.result.counts["out"].macs_off_core.tolist() == [1, 0, 1]


def test_an_unbalanced_graph_mixes_frames() -> None:
    nodes = [values("x", (1, 1)), values("mask", (1, 1)), coder(Delta)]
    edges = [edge("x -> code"), edge("mask -> code:gate", 1)]
    graph = Graph(name="late", dialect="quantised", nodes=tuple(nodes), edges=tuple(edges))
    run = simulate(graph, {"x": series([[7]], [[8]]), "mask": series([[1]], [[0]])})
    assert run.by_step["code.out"].ravel().tolist() == [0, 8, 0]


def test_attention_on_two_tokens() -> None:
    nodes = [*(values(p, (2, 2)) for p in "qkv"), values("mask", (1, 2)),
             LinearAttention(name="att", tokens=2, heads=1, head_dim=2, stage=0, state_shift=1,
                             state_max=3)]  # fmt: skip
    paths = ("q -> att:q", "k -> att:k", "v -> att:v", "mask -> att:gate")
    graph = balance("att", nodes, map(edge, paths))
    inputs = {
        "q": series([[1, 0], [2, 1]], [[0, 0], [0, 0]]),
        "k": series([[1, 2], [0, 1]], [[1, 0], [0, 0]]),
        "v": series([[3, -3], [2, 2]], [[0, 0], [0, -2]]),
        "mask": series([[1, 1]], [[0, 1]]),
    }
    run = simulate(graph, inputs)
    # S = [[3,−3],[8,−4]], A = [[2,−1],[3,−2]]; then S = [[6,−6],[8,−6]], A = [[3,−3],[3,−3]].
    assert run.by_step["att.out"].tolist() == [
        [[0, 0], [0, 0]], [[2, -1], [7, -4]], [[0, 0], [9, -9]]
    ]  # fmt: skip
    assert run.result.counts["att"].synaptic_operations.tolist() == [16 + 8, 16 + 4]
    assert run.result.counts["att"].messages.tolist() == [4, 2]


@pytest.mark.parametrize(
    ("node", "value", "message"),
    [
        (coder(SigmaDelta, lo=-5, hi=5), 2**31,
         r"'code' \(SigmaDelta\): sigma\[0, 0\] is 2147483648 at step 1"),
        (coder(Delta), 2**23, r"'code' \(Delta\): message\[0, 0\] is 8388608 at step 1"),
        (Dense(name="code", tokens=1, weight=np.array([[64]]), exponent=3), 2**22,
         r"'code' \(Dense\): product\[0, 0\] is 2147483648 at step 1"),
        (Skip(name="code", tokens=1, channels=1, exponent=16), 2**15,
         r"'code' \(Skip\): product\[0, 0\] is 2147483648 at step 1"),
    ],
)  # fmt: skip
def test_widths(node: Delta | Dense | Skip, value: int, message: str) -> None:
    nodes, paths = [values("x", (1, 1)), node], ["x -> code"]
    inputs = {"x": series([[0]], [[value]])}
    if isinstance(node, Delta):
        nodes.append(values("mask", (1, 1)))
        paths.append("mask -> code:gate")
        inputs["mask"] = series([[1]], [[1]])
    graph = balance("wide", nodes, map(edge, paths))
    with pytest.raises(OverflowInGraph, match=message):
        simulate(graph, inputs)
    assert simulate(graph, inputs, overflow="unbounded").result.frames == 2
    fits = {**inputs, "x": series([[0]], [[value - 1]])}
    assert simulate(graph, fits).result.frames == 2


def test_inputs_are_checked() -> None:
    graph, good = encoder_case()
    patch = good["patch"]
    bad = {
        "is missing": {"sched": good["sched"]},
        "no Input named 'more'": {**good, "more": patch},
        r"has shape \(8, 4, 5\)": {**good, "patch": patch.swapaxes(1, 2)},
        "frames": {**good, "patch": patch[:-1]},
        r"spans 0\.\.256": {**good, "patch": np.where(patch == patch.max(), 256, patch * 0)},
        "give integers": {**good, "patch": patch.astype(float)},
        "one frame or more": {**good, "patch": patch[:0]},
    }
    for message, inputs in bad.items():
        with pytest.raises(InputError, match=message):
            simulate(graph, inputs)
    with pytest.raises(GraphError, match=r"'sum\.in'"):
        simulate(graph, good, probes=["sum.in"])


def test_a_mask_without_the_row_of_a_stage_is_refused() -> None:
    with pytest.raises(GraphError, match=r"stage 1, but the mask of .* has 1 rows"):
        simulate(coder_graph(coder(Delta, stage=1)), {"x": series([[0]]), "mask": series([[1]])})


def test_probes_and_progress() -> None:
    graph, inputs = dense_case()
    steps: list[int] = []
    all_of_it = simulate(graph, inputs)
    run = simulate(graph, inputs, probes={"sum.out"}, on_step=steps.append)
    assert steps == list(range(len(inputs["patch"]) + 1))
    assert list(run.by_step) == ["sum.out"]
    np.testing.assert_array_equal(run.by_step["sum.out"], all_of_it.by_step["sum.out"])


@pytest.mark.parametrize("name", CASES)
def test_every_port_of_a_case_says_something(name: str) -> None:
    run = simulate(*CASES[name](3)).result
    assert all(array.any() for array in run.values.values())
