"""What NIR says and this does not: refused by name, in one line; and chains drawn at random."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversion.nir_io import export_nir, import_nir
from conversion.nir_io.weights import to_integers
from conversion.nir_io.write import difference
from conversion.nodes import LIF, Conv, Input, SigmaDelta
from depth_snn.errors import ConfigError, DepthError, GraphError
from tests.unit.nir_nets import DT, assert_same_nir, chain, cuba, dyadic, full, lif, spikes
from tests.unit.test_nir import both, conv, native, pooled

nir = pytest.importorskip("nir")


def joined(nodes: dict[str, Any], *paths: str) -> Any:
    """Three values wide, from paths of names."""
    ends = {"input": nir.Input(np.array([3])), "output": nir.Output(np.array([3]))}
    edges = [pair for path in paths for pair in pairwise(path.split())]
    return nir.NIRGraph({**ends, **nodes}, edges, metadata={}, type_check=False)


def back() -> Any:
    return nir.Linear(dyadic(1, 3, 3))


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
    "a loop with two ways in": (
        lambda: joined({"a": lif(3), "b": lif(3)}, "input a b a output", "input b"),
        "recurrent through 'a', 'b'; is entered at a, b"),
    "a loop with no way in": (
        lambda: joined({"a": lif(3), "b": lif(3)}, "input output", "a b a"),
        "recurrent through 'a', 'b'; nothing enters"),
    "a loop that begins at a layer": (
        lambda: joined({"a": back(), "b": lif(3)}, "input a b a", "b output"),
        "it begins at 'a', a Linear"),
    "loops within loops": (
        lambda: joined({"a": lif(3), "b": lif(3)}, "input a b a output", "b b"),
        "recurrent through 'b', loops within loops"),
    "a loop of two layers": (
        lambda: joined({"a": lif(3), "w": back(), "b": lif(3), "v": back()},
                       "input a w b v a output"),
        "recurrent from 'v' to 'a' with 2 layers of weights"),
    "a loop of neurons that are not counted": (
        lambda: joined({"a": lif(()), "w": back()},
                       "input a w a output"),
        "'a' .*v_threshold of shape .* does not say how many"),
    "another number of neurons": (
        lambda: joined({"a": lif(2), "w": nir.Linear(dyadic(1, 3, 2))}, "input a w a output"),
        "'a' .*has neurons of shape .2,., but gets shape .3,."),
    "unknown node": (lambda: chain(Oscillator(), shape=(3,)), "'n0': type Oscillator .*express it"),
    "neurons differ": (mixed, "'n0' .*tau differs between neurons"),
    "reset elsewhere": (
        lambda: chain(nir.IF(r=full(3, 1), v_threshold=full(3, 1), v_reset=full(3, -1)),
                      shape=(3,)),
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
