"""NIR import and export: what is mapped, what is refused by name, and that a round trip is exact."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversion.graph import Edge, Graph
from conversion.nir_io import export_nir, import_nir
from conversion.nir_io.weights import to_integers
from conversion.nir_io.write import difference
from conversion.nodes import LIF, Conv, Dense, Input, Output, SigmaDelta
from depth_snn.errors import ConfigError, DepthError, GraphError
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
        nir.Linear(dyadic(1, 7, 5)), nir.IF(r=full(7, 1 / DT), v_threshold=full(7, 2.0)), shape=(5,)),
    "li": lambda: chain(
        nir.Linear(dyadic(1, 7, 5)),
        nir.LI(tau=full(7, 8 * DT), r=full(7, 8.0), v_leak=full(7, 0)), shape=(5,)),
    "threshold": lambda: chain(nir.Linear(dyadic(1, 7, 5)), nir.Threshold(full(7, 0.5)), shape=(5,)),
    "no neuron": lambda: chain(nir.Affine(dyadic(1, 7, 5), dyadic(2, 7)), shape=(5,)),
    "scale and delay": lambda: chain(
        nir.Scale(full(5, 0.25)), nir.Delay(full(5, 3 * DT)), nir.Linear(dyadic(1, 7, 5)), lif(7),
        nir.Scale(np.array([1, 2, -3, 4, 5, 0.5, -1])), lif(7), shape=(5,)),
    "conv2d": lambda: chain(
        conv(1, 3, 2, 3, 2, stride=(2, 1), padding=(1, 2)), lif((3, 4, 9)),
        pooled(nir.SumPool2d), nir.Flatten(None, 0), nir.Affine(dyadic(3, 4, 24), dyadic(4, 4)), lif(4),
        shape=(2, 7, 6)),
    "dilation and groups": lambda: chain(
        conv(1, 4, 2, 3, 3, dilation=(2, 1), groups=2, padding="same"), lif((4, 7, 6)),
        pooled(nir.AvgPool2d, padding=(1, 0)), lif((4, 4, 3), 0.5, 0.25), shape=(4, 7, 6)),
    "an even kernel, same": lambda: chain(
        conv(1, 3, 2, 4, 2, padding="same"), lif((3, 7, 6)), shape=(2, 7, 6)),
    "conv1d": lambda: chain(
        conv(1, 3, 2, 4, stride=2, padding=1), lif((3, 4)), nir.Flatten(None, 0),
        nir.Linear(dyadic(3, 4, 12)), lif(4), shape=(2, 8)),
}  # fmt: skip
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
    import torch.nn.functional as F

    x = torch.tensor(frames, dtype=torch.float64)
    for node in list(net.nodes.values())[1:-1]:
        if isinstance(node, nir.Conv1d | nir.Conv2d):
            f = F.conv1d if isinstance(node, nir.Conv1d) else F.conv2d
            x = f(x, torch.tensor(node.weight).double(), torch.tensor(node.bias).double(),
                  node.stride, node.padding, node.dilation, node.groups)  # fmt: skip
        elif isinstance(node, nir.AvgPool2d | nir.SumPool2d):
            k = tuple(int(v) for v in node.kernel_size)
            x = F.avg_pool2d(x, k, tuple(node.stride.tolist()), tuple(node.padding.tolist()))
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


def recurrent() -> Any:
    nodes = {"input": nir.Input(np.array([3])), "lif": lif(3), "back": nir.Linear(dyadic(1, 3, 3)),
             "output": nir.Output(np.array([3]))}  # fmt: skip
    edges = [("input", "lif"), ("lif", "back"), ("back", "lif"), ("lif", "output")]
    return nir.NIRGraph(nodes, edges, metadata={}, type_check=False)


class Oscillator(nir.NIRNode):
    """A node that nobody knows."""

    def __init__(self) -> None:
        self.input_type = self.output_type = {}
        self.metadata = {}


def mixed() -> Any:
    node = lif(3)
    node.tau = node.tau * np.array([1, 2, 3], np.float32)
    return chain(node, shape=(3,))


REFUSED = {
    "recurrent": (recurrent, "recurrent through 'back', 'lif'"),
    "unknown node": (lambda: chain(Oscillator(), shape=(3,)), "'n0': type Oscillator .*express it"),
    "neurons differ": (mixed, "'n0' .*tau differs between neurons"),
    "reset elsewhere": (
        lambda: chain(nir.IF(r=full(3, 1), v_threshold=full(3, 1), v_reset=full(3, -1)), shape=(3,)),
        "v_reset must be 0"),
    "batched sample": (lambda: chain(nir.Linear(dyadic(1, 3, 5)), shape=(1, 5)), "unbatched"),
    "wrong width": (lambda: chain(nir.Linear(dyadic(1, 3, 5)), shape=(4,)), "takes 5 values"),
    "no shape": (lambda: chain(lif(3), shape=()), "expected \\(N,\\)"),
    "bias into a current": (
        lambda: chain(nir.Affine(dyadic(1, 3, 5), dyadic(2, 3)), cuba(3, 0.5, 0.5), shape=(5,)),
        "would have to build up"),
    "tau below a step": (
        lambda: chain(nir.LI(tau=full(3, DT / 2), r=full(3, 1), v_leak=full(3, 0)), shape=(3,)),
        "shorter than a step"),
    "not a number": (lambda: chain(nir.Linear(np.full((3, 5), np.nan)), shape=(5,)), "finite"),
    "threshold out of reach": (
        lambda: chain(nir.Linear(dyadic(1, 3, 5)), lif(3, 0.5, 1e9), shape=(5,)), "24 bits"),
    "an edge to nowhere": (
        lambda: nir.NIRGraph({"input": nir.Input(np.array([2]))}, [("input", "x")], metadata={},
                             type_check=False), "no node 'x'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str) -> None:
    make, said = REFUSED[name]
    with pytest.raises(GraphError, match=said) as caught:
        import_nir(make(), convention="snntorch")
    assert "\n" not in str(caught.value)


def test_the_convention_is_asked_for() -> None:
    net = chain(nir.LIF(tau=full(3, 0.01), r=full(3, 1), v_leak=full(3, 0), v_threshold=full(3, 1)),
                shape=(3,))  # fmt: skip
    with pytest.raises(ConfigError, match="name the convention"):
        import_nir(net)
    with pytest.raises(ConfigError, match="give the step dt"):
        import_nir(net, convention="nir")
    for bad in ({"convention": "keras"}, {"dt": -1.0}, {"reset": "none"}, {"input_unit": 0.0},
                {"input_range": (2, 1)}):  # fmt: skip
        with pytest.raises(ConfigError):
            import_nir(net, **{"convention": "snntorch", **bad})


def test_exact_refuses_what_it_would_round() -> None:
    net = chain(nir.Linear(dyadic(1, 3, 5)), lif(3, 0.9), shape=(5,))
    assert any("0.89990" in text for text in import_nir(net).meta["nir"]["notes"])
    with pytest.raises(GraphError, match="not exactly representable: n1"):
        import_nir(net, exact=True)


def test_a_rounded_graph_comes_back_as_itself() -> None:
    rng = np.random.default_rng(4)
    net = chain(nir.Affine(rng.normal(size=(9, 5)).astype(np.float32), full(9, 0.0131)), lif(9, 0.9),
                nir.Linear(rng.normal(size=(3, 9))), lif(3, 0.83, 0.7), shape=(5,))  # fmt: skip
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


def test_what_nir_cannot_say_is_named() -> None:
    encoder = SigmaDelta(name="code", tokens=1, channels=3, stage=0, gated=False,
                         bias=np.zeros(3, np.int64), shift=0, lo=0, hi=9)  # fmt: skip
    first = Input(name="input", shape=(1, 3), lo=0, hi=1)
    with pytest.raises(GraphError, match=r"'code' .*no sigma-delta"):
        export_nir(native(first, encoder))
    kept = LIF(name="n", count=1, channels=3, du=4095, dv=9, vth=1, reset="subtract")
    with pytest.raises(GraphError, match=r"'n' .*subtraction"):
        export_nir(native(first, kept))
    picture = Input(name="input", shape=(4, 3), lo=0, hi=1)
    window = Conv(name="c", height=2, width=2, weight=np.ones((3, 3, 2, 2), np.int64), stride=1,
                  padding=0, exponent=0)  # fmt: skip
    assert import_nir(export_nir(native(picture, window))).by_name["c"].kind == "Conv"


EIGHT = st.integers(-127, 127)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_representable_chains_return_exactly(data: st.DataObject) -> None:
    width = data.draw(st.integers(1, 6))
    shape, nodes = (width,), []
    for _ in range(data.draw(st.integers(1, 3))):
        out = data.draw(st.integers(1, 6))
        cells = data.draw(st.lists(EIGHT, min_size=out * width, max_size=out * width))
        weight = np.array(cells, np.float32).reshape(out, width) * np.float32(
            2.0 ** data.draw(st.integers(-9, 1))
        )
        nodes.append(nir.Linear(weight))
        beta = data.draw(st.integers(1, 4095)) / 4096
        nodes.append(lif(out, beta, data.draw(st.integers(1, 16)) / 8))
        width = out
    net = chain(*nodes, shape=shape)
    try:
        graph = import_nir(net, convention="snntorch")
    except GraphError as error:
        assert "24 bits" in str(error)
        return
    assert_same_nir(export_nir(graph), net)
    assert difference(import_nir(export_nir(graph)), graph) is None
    rounded = [t for t in graph.meta["nir"]["notes"] if "threshold" not in t]
    assert rounded == []


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20))
def test_weights_are_read_as_they_were_written(values: list[float]) -> None:
    array = np.array(values)
    integers, unit, error = to_integers(array)
    assert np.abs(integers).max() <= 127 and error <= unit * 0.51
    written = (integers * unit).astype(np.float32)
    again, same, nothing = to_integers(written.astype(np.float64))
    assert np.array_equal(again * same, integers * unit) and nothing == 0
    assert np.array_equal(array, integers * unit) or error > 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["affine", "lif", "scale", "flatten", "conv", "pool"]), max_size=4),
       st.sampled_from([(4,), (2, 5), (2, 4, 4), (1, 1, 1, 1)]))  # fmt: skip
def test_any_chain_is_read_or_refused_in_one_line(kinds: list[str], shape: tuple[int, ...]) -> None:
    make = {
        "affine": lambda: nir.Affine(dyadic(1, 4, 4), dyadic(2, 4)), "lif": lambda: lif(()),
        "scale": lambda: nir.Scale(np.array([0.5])), "flatten": lambda: nir.Flatten(None, 0),
        "conv": lambda: conv(3, 2, 2, 3, 3, padding=(1, 1)), "pool": lambda: pooled(nir.SumPool2d),
    }  # fmt: skip
    try:
        graph = import_nir(chain(*(make[k]() for k in kinds), shape=shape), convention="snntorch")
    except DepthError as error:
        assert "\n" not in str(error)
        return
    both(graph, spikes(1, 4, *graph.by_name["input"].output_shape("out")))
