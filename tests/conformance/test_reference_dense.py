"""Networks as a whole: with every gate open the graph is the quantised dense network."""

from __future__ import annotations

import numpy as np
import pytest

from conversion.graph import Graph
from conversion.nodes import Delta, Dense, LinearAttention, Output, Skip
from sims.reference import simulate
from tests.conformance.building import IntArray
from tests.conformance.cases import block_case


def apply(graph: Graph, name: str, x: IntArray) -> IntArray:
    """One node on absolute values (N, C), without messages or states."""
    node = graph.by_name[name]
    if isinstance(node, Dense):
        return np.asarray((x @ node.weight.T) * 2**node.exponent)
    if isinstance(node, Skip):
        return np.asarray(x * 2**node.exponent)
    assert isinstance(node, Delta)
    rounded = np.floor((x + node.bias) / 2**node.shift + 0.5).astype(np.int64)
    return np.asarray(np.clip(rounded, node.lo, node.hi))


def attend(node: LinearAttention, q: IntArray, k: IntArray, v: IntArray) -> IntArray:
    split = (node.tokens, node.heads, node.head_dim)
    q, k, v = q.reshape(split), k.reshape(split), v.reshape(split)
    state = np.einsum("iha,ihb->hab", k, v)
    scaled = np.floor(state / 2**node.state_shift + 0.5).astype(np.int64)
    matrix = np.clip(scaled, -node.state_max, node.state_max)
    return np.asarray(np.einsum("iha,hab->ihb", q, matrix).reshape(node.tokens, -1))


def dense_network(graph: Graph, patch: IntArray, layers: int) -> IntArray:
    """Output of one frame, from absolute values."""
    x = patch
    for name in ("embed.patch", "embed.dense", "embed.out"):
        x = apply(graph, name, x)
    for index in range(1, layers + 1):
        b = f"block{index}"
        q, k, v = (apply(graph, f"{b}.{p}", apply(graph, f"{b}.qkv.{p}", x)) for p in "qkv")
        attention = graph.by_name[f"{b}.attention"]
        assert isinstance(attention, LinearAttention)
        y = apply(graph, f"{b}.y", attend(attention, q, k, v))
        mid = apply(graph, f"{b}.mid", apply(graph, f"{b}.proj", y) + apply(graph, f"{b}.skip1", x))
        h = apply(graph, f"{b}.h", apply(graph, f"{b}.fc1", mid))
        out = apply(graph, f"{b}.fc2", h) + apply(graph, f"{b}.skip2", mid)
        x = apply(graph, f"{b}.out", out)
    head = graph.by_name["head.out"]
    assert isinstance(head, Output)
    return apply(graph, "head.dense", x) + head.bias


@pytest.mark.parametrize(("seed", "layers", "threshold"), [(0, 1, 0), (1, 1, 1), (2, 2, 0)])
def test_open_gates_give_the_dense_network(seed: int, layers: int, threshold: int) -> None:
    graph, inputs = block_case(seed, layers=layers, threshold=threshold)
    inputs["sched"][:] = 1
    shown = simulate(graph, inputs).result.values["head.out.out"]
    for f, patch in enumerate(inputs["patch"]):
        np.testing.assert_array_equal(shown[f], dense_network(graph, patch, layers))


def test_closed_gates_differ_from_the_dense_network() -> None:
    graph, inputs = block_case(0)
    shown = simulate(graph, inputs).result.values["head.out.out"]
    dense = [dense_network(graph, patch, 1) for patch in inputs["patch"]]
    np.testing.assert_array_equal(shown[0], dense[0])
    assert any((shown[f] != dense[f]).any() for f in range(1, len(dense)))


def test_receivers_hold_exactly_what_was_sent() -> None:
    threshold = 7
    graph, inputs = block_case(4, threshold=threshold, frames=6)
    run = simulate(graph, inputs).result.values
    sent = run["block1.out.out"].cumsum(axis=0)
    head, dense = graph.by_name["head.out"], graph.by_name["head.dense"]
    assert isinstance(head, Output)
    assert isinstance(dense, Dense)
    np.testing.assert_array_equal(run["head.out.out"], sent @ dense.weight.T + head.bias)
    messages = np.abs(run["block1.out.out"])
    assert messages[messages > 0].min() >= threshold
    closed = run["gate.restore.out"][:, 1] == 0
    assert closed.any()
    assert not messages[closed].any()


def test_what_an_open_token_holds_back_stays_below_the_threshold() -> None:
    graph, inputs = block_case(5, threshold=7, frames=6)
    run = simulate(graph, inputs).result.values
    sigma = (run["block1.proj.out"] + run["block1.skip1.out"]).cumsum(axis=0)
    sent = run["block1.mid.out"].cumsum(axis=0)
    opened = run["gate.restore.out"][:, 1] == 1
    held = np.stack([apply(graph, "block1.mid", s) for s in sigma]) - sent
    assert np.abs(held[opened]).max() < 7
    assert np.abs(held[opened]).max() > 0
    assert np.abs(held[~opened]).max() >= 7
