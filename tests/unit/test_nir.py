"""NIR import and export: what is mapped, and that a round trip is exact."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from conversion.graph import Edge, Graph
from conversion.nir_io import export_nir, import_nir
from conversion.nir_io.write import difference
from conversion.nodes import LIF, Dense, Input, Output
from depth_snn.errors import GraphError
from sims.fast import simulate as fast
from sims.reference import simulate as reference
from tests.unit.nir_nets import DT, assert_same_nir, chain, cuba, dyadic, full, lif, spikes

nir = pytest.importorskip("nir")


def both(graph: Graph, values: Any) -> Any:
    """Values of the output in both simulators, which must agree on every port."""
    one = fast(graph, {"input": values}).values
    other = reference(graph, {"input": values}).result.values
    for key, array in one.items():
        assert np.array_equal(array, other[key]), key
    return one["output.out"]


def returns(net: Any, **options: Any) -> Graph:
    """Import, export, import: the same graph; and what is exported is what came."""
    graph = import_nir(net, **options)
    written = export_nir(graph)
    assert_same_nir(written, net)
    assert difference(import_nir(written), graph) is None
    assert not graph.meta["nir"]["notes"]
    return graph


def pooled(kind: Any, **more: Any) -> Any:
    two = {k: np.array(v) for k, v in {"stride": (2, 2), "padding": (0, 0), **more}.items()}
    return kind(kernel_size=np.array((2, 2)), **two)


def conv(seed: int, *shape: int, **more: Any) -> Any:
    said = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **more}
    kind = nir.Conv1d if len(shape) == 3 else nir.Conv2d
    return kind(input_shape=None, weight=dyadic(seed, *shape), bias=dyadic(seed, shape[0]), **said)


NETS = {
    "affine, lif": lambda: chain(
        nir.Affine(dyadic(1, 7, 5), dyadic(2, 7)), lif(7), nir.Linear(dyadic(3, 4, 7)), lif(4, 0.5),
        shape=(5,)),
    "two affines in a row": lambda: chain(
        nir.Affine(np.sign(dyadic(1, 7, 5)), np.sign(dyadic(2, 7))),
        nir.Affine(dyadic(3, 4, 7), dyadic(4, 4)), lif(4, 0.5), shape=(5,)),
    "cuba": lambda: chain(nir.Linear(dyadic(1, 7, 5)), cuba(7, 0.5, 0.75), shape=(5,)),
    "if": lambda: chain(
        nir.Linear(dyadic(1, 7, 5)), nir.IF(r=full(7, 1 / DT), v_threshold=full(7, 2.0)),
        shape=(5,)),
    "li": lambda: chain(
        nir.Linear(dyadic(1, 7, 5)),
        nir.LI(tau=full(7, 8 * DT), r=full(7, 8.0), v_leak=full(7, 0)), shape=(5,)),
    "threshold": lambda: chain(
        nir.Linear(dyadic(1, 7, 5)), nir.Threshold(full(7, 0.5)), shape=(5,)),
    "no neuron": lambda: chain(nir.Affine(dyadic(1, 7, 5), dyadic(2, 7)), shape=(5,)),
    "scale and delay": lambda: chain(
        nir.Scale(full(5, 0.25)), nir.Delay(full(5, 3 * DT)), nir.Linear(dyadic(1, 7, 5)), lif(7),
        nir.Scale(np.array([1, 2, -3, 4, 5, 0.5, -1])), lif(7), shape=(5,)),
    "conv2d": lambda: chain(
        conv(1, 3, 2, 3, 2, stride=(2, 1), padding=(1, 2)), lif((3, 4, 9)),
        pooled(nir.SumPool2d), nir.Flatten(None, 0), nir.Affine(dyadic(3, 4, 24), dyadic(4, 4)),
        lif(4), shape=(2, 7, 6)),
    "dilation and groups": lambda: chain(
        conv(1, 4, 2, 3, 3, dilation=(2, 1), groups=2, padding="same"), lif((4, 7, 6)),
        pooled(nir.AvgPool2d, padding=(1, 0)), lif((4, 4, 3), 0.5, 0.25), shape=(4, 7, 6)),
    "an even kernel, same": lambda: chain(
        conv(1, 3, 2, 4, 2, padding="same"), lif((3, 7, 6)), shape=(2, 7, 6)),
    "conv1d": lambda: chain(
        conv(1, 3, 2, 4, stride=2, padding=1), lif((3, 4)), nir.Flatten(None, 0),
        nir.Linear(dyadic(3, 4, 12)), lif(4), shape=(2, 8)),
}  # fmt: skip


def looped(*names: str) -> Any:
    """Spikes that come back through weights, or as they are; another layer behind them."""
    net = chain(nir.Affine(dyadic(1, 7, 5), dyadic(2, 7)), lif(7), nir.Linear(dyadic(3, 4, 7)),
                lif(4, 0.5), shape=(5,))  # fmt: skip
    more = {"back": nir.Affine(dyadic(4, 7, 7), dyadic(5, 7)), "late": nir.Delay(full(7, 2 * DT)),
            "one": nir.Scale(full(7, 0.5))}  # fmt: skip
    nodes = {**net.nodes, **{name: more[name] for name in names}}
    edges = [*net.edges, *pairwise(["n1", *names, "n1"])]
    return nir.NIRGraph(nodes, edges, metadata={}, type_check=False)


NETS |= {
    "loop": lambda: looped("back"),
    "loop without weights": lambda: looped("one"),
    "loop with a delay": lambda: looped("late", "back"),
}
DTS = {"li", "if", "threshold", "no neuron"}


def options(name: str) -> dict[str, Any]:
    return {"convention": "nir", "dt": DT} if name in DTS else {"convention": "snntorch"}


@pytest.mark.parametrize("name", NETS)
def test_round_trip_and_both_simulators(name: str) -> None:
    graph = returns(NETS[name](), **options(name))
    shape = graph.by_name["input"].output_shape("out")
    out = both(graph, spikes(3, 30, *shape))
    assert out.any()


def real(net: Any, frames: Any) -> Any:
    """NIR's convolution and pools in torch, as a witness of sums: floats of 64 bits."""
    import torch
    import torch.nn.functional as torch_f

    x = torch.tensor(frames, dtype=torch.float64)
    for node in list(net.nodes.values())[1:-1]:
        if isinstance(node, nir.Conv1d | nir.Conv2d):
            f = torch_f.conv1d if isinstance(node, nir.Conv1d) else torch_f.conv2d
            x = f(x, torch.tensor(node.weight).double(), torch.tensor(node.bias).double(),
                  node.stride, node.padding, node.dilation, node.groups)  # fmt: skip
        elif isinstance(node, nir.AvgPool2d | nir.SumPool2d):
            k = tuple(int(v) for v in node.kernel_size)
            x = torch_f.avg_pool2d(x, k, tuple(node.stride.tolist()), tuple(node.padding.tolist()))
            x = x * (k[0] * k[1] if isinstance(node, nir.SumPool2d) else 1)
        elif isinstance(node, nir.Linear):
            x = x.flatten(1) @ torch.tensor(node.weight).double().T
    return x.numpy()


@pytest.mark.parametrize("more", [
    {}, {"stride": (2, 3)}, {"padding": (2, 1)}, {"dilation": (2, 1)}, {"groups": 2},
    {"padding": "same"}, {"padding": "valid"}, {"stride": 2, "padding": 1, "dilation": 2},
])  # fmt: skip
@pytest.mark.parametrize("size", [(3, 3), (2, 4)])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_convolutions_sum_as_torch_does(more: dict[str, Any], size: tuple[int, int]) -> None:
    net = chain(conv(5, 4, 4 // more.get("groups", 1), *size, **more), shape=(4, 7, 6))
    frames = spikes(6, 6, 4, 7, 6)
    check_sums(net, frames)


@pytest.mark.parametrize("kind", ["SumPool2d", "AvgPool2d"])
def test_pools_and_flatten_sum_as_torch_does(kind: str) -> None:
    pool = pooled(getattr(nir, kind), stride=(2, 1), padding=(1, 0))
    net = chain(pool, shape=(3, 6, 5))
    check_sums(net, spikes(6, 6, 3, 6, 5))
    net = chain(pool, nir.Flatten(None, 0), nir.Linear(dyadic(3, 4, 48)), shape=(3, 6, 5))
    check_sums(net, spikes(6, 6, 3, 6, 5))


def check_sums(net: Any, frames: Any) -> None:
    graph = import_nir(net, convention="nir", dt=DT)
    wanted = real(net, frames)
    flat = frames.transpose(0, 2, 3, 1).reshape(len(frames), -1, frames.shape[1])
    shown = both(graph, flat) * graph.meta["nir"]["outputs"]["output"]
    if wanted.ndim == 4:
        wanted = wanted.transpose(0, 2, 3, 1).reshape(len(frames), -1, wanted.shape[1])
    assert np.array_equal(shown, wanted.reshape(shown.shape))


def test_a_delay_is_frames() -> None:
    net = chain(nir.Delay(np.array([0, 1, 3]) * DT), shape=(3,))
    frames = spikes(1, 12, 3)
    out = both(returns(net, convention="nir", dt=DT), frames[:, None])[:, 0]
    for i, steps in enumerate((0, 1, 3)):
        assert np.array_equal(out[steps:, i], frames[: 12 - steps, i]) and not out[:steps, i].any()


def test_only_neurons_add() -> None:
    one, two = nir.Linear(dyadic(1, 3, 2)), nir.Linear(dyadic(2, 3, 2, bits=2))
    nodes = {"input": nir.Input(np.array([2])), "a": one, "b": two, "s": lif(3),
             "output": nir.Output(np.array([3]))}  # fmt: skip
    edges = [("input", "a"), ("input", "b"), ("a", "s"), ("b", "s"), ("s", "output")]
    net = nir.NIRGraph(nodes, edges, metadata={}, type_check=False)
    frames = spikes(2, 40, 1, 2)
    summed = chain(nir.Linear(one.weight + two.weight), lif(3), shape=(2,))
    wanted = both(import_nir(summed), frames)
    assert wanted.any() and np.array_equal(both(returns(net), frames), wanted)
    edges = [("input", "a"), ("input", "b"), ("a", "output"), ("b", "output")]
    del nodes["s"]
    with pytest.raises(GraphError, match=r"'output' .*adds the values of 2 nodes"):
        import_nir(
            nir.NIRGraph(nodes, edges, metadata={}, type_check=False), convention="nir", dt=1
        )


def test_nested_graphs_are_unfolded() -> None:
    inner = chain(nir.Linear(dyadic(1, 3, 2)), lif(3), shape=(2,))
    outer = nir.NIRGraph(
        {"input": nir.Input(np.array([2])), "block": inner, "output": nir.Output(np.array([3]))},
        [("input", "block"), ("block", "output")], metadata={}, type_check=False,
    )  # fmt: skip
    graph = import_nir(outer, convention="snntorch")
    frames = spikes(2, 20, 1, 2)
    assert "block.n1" in graph.by_name
    assert np.array_equal(both(graph, frames), both(import_nir(inner), frames))


def test_exact_refuses_what_it_would_round() -> None:
    net = chain(nir.Linear(dyadic(1, 3, 5)), lif(3, 0.9), shape=(5,))
    assert any("0.89990" in text for text in import_nir(net).meta["nir"]["notes"])
    with pytest.raises(GraphError, match="not exactly representable: n1"):
        import_nir(net, exact=True)


def test_a_rounded_graph_comes_back_as_itself() -> None:
    rng = np.random.default_rng(4)
    net = chain(nir.Affine(rng.normal(size=(9, 5)).astype(np.float32), full(9, 0.0131)),
                lif(9, 0.9), nir.Linear(rng.normal(size=(3, 9))), lif(3, 0.83, 0.7),
                shape=(5,))  # fmt: skip
    graph = import_nir(net)
    written = export_nir(graph)
    assert difference(import_nir(written), graph) is None
    largest = np.abs(written.nodes["n0"].weight - net.nodes["n0"].weight).max()
    assert 0 < largest <= np.abs(net.nodes["n0"].weight).max() / 254 * 1.001


def test_a_changed_graph_is_written_as_it_is_now() -> None:
    graph = import_nir(chain(nir.Linear(dyadic(1, 3, 5)), lif(3), shape=(5,)))
    nodes = [n for n in graph.nodes if n.name != "n1"]
    changed = LIF(name="n1", count=1, channels=3, du=4095, dv=1024, vth=9000, reset="subtract_late")
    other = Graph(name="changed", dialect="quantised", nodes=(*nodes, changed), edges=graph.edges,
                  meta=graph.meta)  # fmt: skip
    frames = spikes(1, 40, 1, 5)
    wanted = both(other, frames)
    assert not np.array_equal(wanted, both(graph, frames))
    assert np.array_equal(both(import_nir(export_nir(other)), frames), wanted)


def native(*nodes: Any, tail: bool = True) -> Graph:
    every = (*nodes, Output(name="output", tokens=1, channels=3)) if tail else nodes
    names = [n.name for n in every]
    edges = tuple(Edge(source=a, target=b) for a, b in pairwise(names))
    return Graph(name="native", dialect="quantised", nodes=every, edges=edges)


def test_a_graph_of_ours_goes_out_and_means_the_same() -> None:
    weight = np.random.default_rng(1).integers(-127, 128, (3, 5))
    for neuron in (
        LIF(name="n", count=1, channels=3, du=2047, dv=512, vth=300, reset="zero"),
        LIF(name="n", count=1, channels=3, du=4095, dv=512, vth=300, reset="subtract_late",
            bias=np.array([1, -2, 8])),
        LIF(name="n", count=1, channels=3, du=4095, dv=0, vth=300, reset="zero"),
    ):  # fmt: skip
        graph = native(Input(name="input", shape=(1, 5), lo=0, hi=1),
                       Dense(name="w", tokens=1, weight=weight, exponent=1), neuron)  # fmt: skip
        frames = spikes(2, 40, 1, 5)
        back = import_nir(export_nir(graph))
        assert back.meta["nir"]["notes"] == []
        one = fast(graph, {"input": frames}).values["n.out"]
        assert one.any() and np.array_equal(fast(back, {"input": frames}).values["n.out"], one)
        # An Output here adds up: so does what stands for it.
        unit = back.meta["nir"]["outputs"]["output"]
        summed = fast(back, {"input": frames}).values["output.out"] * unit
        assert np.array_equal(summed, np.cumsum(one, axis=0))
