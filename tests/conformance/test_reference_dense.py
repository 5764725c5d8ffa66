"""Networks as a whole: with every gate open the graph is the quantised dense network."""

from __future__ import annotations

import numpy as np
import pytest

from conversion.cases.building import IntArray
from conversion.cases.small import block_case, picture_case
from conversion.graph import Graph
from conversion.nodes import Conv, Delta, Dense, LinearAttention, Output, Regroup, Skip
from sims.reference import simulate


def apply(graph: Graph, name: str, x: IntArray) -> IntArray:
    """One node on absolute values (N, C), without messages or states."""
    node = graph.by_name[name]
    if isinstance(node, Dense):
        groups = x.reshape(node.tokens * node.repeat, -1)
        return np.asarray((groups @ node.weight.T).reshape(node.tokens, -1) * 2**node.exponent)
    if isinstance(node, Conv):
        return correlate(node, x)
    if isinstance(node, Regroup):
        return np.asarray(x[node.index].reshape(len(node.index), -1) * 2**node.exponent)
    if isinstance(node, Skip):
        return np.asarray(x * 2**node.exponent)
    assert isinstance(node, Delta)
    rounded = np.floor((x + node.bias) / 2**node.shift + 0.5).astype(np.int64)
    return np.asarray(np.clip(rounded, node.lo, node.hi))


def correlate(node: Conv, x: IntArray) -> IntArray:
    """A convolution as a matrix, one column of it for each position."""
    rows, columns = node.grid
    spread = np.zeros((rows, columns, node.weight.shape[0], node.height, node.width, x.shape[1]))
    for y, x_ in np.ndindex(rows, columns):
        top, left = y * node.stride - node.padding, x_ * node.stride - node.padding
        for a, b in np.ndindex(node.kernel, node.kernel):
            if 0 <= top + a < node.height and 0 <= left + b < node.width:
                spread[y, x_, :, top + a, left + b] = node.weight[:, :, a, b]
    out = spread.reshape(rows * columns * node.weight.shape[0], -1) @ x.reshape(-1)
    return np.asarray(out.reshape(rows * columns, -1) * 2**node.exponent, np.int64)


def attend(node: LinearAttention, q: IntArray, k: IntArray, v: IntArray) -> IntArray:
    split = (node.tokens, node.heads, node.head_dim)
    q, k, v = q.reshape(split), k.reshape(split), v.reshape(split)
    state = np.einsum("iha,ihb->hab", k, v)
    scaled = np.floor(state / 2**node.state_shift + 0.5).astype(np.int64)
    matrix = np.clip(scaled, -node.state_max, node.state_max)
    return np.asarray(np.einsum("iha,hab->ihb", q, matrix).reshape(node.tokens, -1))


def blocks(graph: Graph, x: IntArray, layers: int) -> IntArray:
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
    return x


def dense_network(graph: Graph, patch: IntArray, layers: int) -> IntArray:
    """Output of one frame, from absolute values."""
    x = patch
    for name in ("embed.patch", "embed.dense", "embed.out"):
        x = apply(graph, name, x)
    x = blocks(graph, x, layers)
    head = graph.by_name["head.out"]
    assert isinstance(head, Output)
    return apply(graph, "head.dense", x) + head.bias


def picture_network(graph: Graph, pixels: IntArray, levels: int, layers: int) -> IntArray:
    """The same of a network with a stem and a decoder."""
    x, seen = apply(graph, "code", pixels), np.zeros(1, np.int64)
    for number in range(1, levels + 1):
        x = apply(graph, f"stem{number}", apply(graph, f"stem{number}.syn", x))
        cells = apply(graph, f"decoder.cells{number}", x)
        seen = seen + apply(graph, f"decoder.skip{number}", cells)
    x = blocks(graph, apply(graph, "embed", apply(graph, "embed.syn", x)), layers)
    hidden = apply(graph, "decoder.hidden", apply(graph, "decoder.token", x) + seen)
    head = graph.by_name["head.out"]
    assert isinstance(head, Output)
    return apply(graph, "decoder.classes", hidden) + head.bias


@pytest.mark.parametrize(("seed", "stem", "layers"), [(0, (3, 4), 1), (1, (3,), 2)])
def test_open_gates_give_the_dense_network_of_a_picture(
    seed: int, stem: tuple[int, ...], layers: int
) -> None:
    graph, inputs = picture_case(seed, stem=stem, layers=layers)
    inputs["sched"][:] = 1
    shown = simulate(graph, inputs).result.values["head.out.out"]
    for f, pixels in enumerate(inputs["pixels"]):
        expected = picture_network(graph, pixels, len(stem), layers)
        np.testing.assert_array_equal(shown[f], expected)


def test_closed_gates_hold_everything_but_the_stem() -> None:
    graph, inputs = picture_case(2)
    inputs["sched"][1:], inputs["drive"][:] = 0, 0
    run = simulate(graph, inputs).result
    assert not run.values["decoder.hidden.out"][1:].any()
    assert run.counts["stem1"].messages[1:].all()
    assert run.counts["decoder.skip1"].synaptic_operations[1:].all()
    assert not run.counts["block1.qkv.q"].synaptic_operations[1:].any()


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
