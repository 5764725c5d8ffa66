"""Each pass of the conversion by itself: what it changes, what it must not, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from conversion.convert import PASSES, convert
from conversion.evaluate import evaluate_float
from conversion.float_nodes import FloatConv, FloatDense, FloatNorm
from conversion.from_torch import build_float_graph
from conversion.gates import RESTORE, SCHED
from conversion.graph import Edge, Graph
from conversion.nodes import WEIGHT_MAX, Input, Output, Skip
from conversion.passes.balance_delays import balance_delays
from conversion.passes.calibrate import calibrate
from conversion.passes.choose_scales import choose_scales
from conversion.passes.fold_norms import fold_norms
from conversion.passes.insert_gates import insert_gates
from conversion.passes.insert_sigma_delta import insert_sigma_delta
from conversion.passes.lower import lower
from conversion.passes.prune_heads import prune_heads
from conversion.passes.round_weights import round_weights
from conversion.passes.set_thresholds import set_thresholds, thresholds_of
from conversion.scale_plan import plan_of
from conversion.verify_float import verify_float
from depth_snn.config import GateConfig
from depth_snn.errors import GraphError
from depth_snn.pruning.heads import cut_heads, plan_heads
from depth_snn.pruning.prices import prices_of
from sims.fast import simulate
from tests.unit.converting import KINDS, network_of, pixels_of

Made = dict[str, Graph]


def passes_of(which: str) -> Made:
    """The graph after each pass of a conversion, by the pass's name."""
    model, made = network_of(which), {}
    prices = prices_of(model.config, scored=True)

    def note(name: str, graph: Graph) -> None:
        made[name] = graph

    convert(model, GateConfig(), prices, pixels_of(which, 4), watch=note)
    return made


@pytest.fixture(scope="module")
def uneven() -> Made:
    return passes_of("uneven")


def value(graph: Graph, picture: np.ndarray) -> np.ndarray:
    return evaluate_float(graph, picture)["head.out"]


def test_every_pass_is_watched_in_order(uneven: Made) -> None:
    assert tuple(uneven) == PASSES
    dialects = [graph.dialect for graph in uneven.values()]
    assert dialects == ["float"] * 4 + ["quantised"] * 5


# ------------------------------------------------------------------ prune_heads


@pytest.mark.parametrize("keep", [[[0, 2], [1]], [[1], [0, 1]], [[0, 1, 2], [0, 1]]])
def test_heads_cut_in_the_graph_are_those_cut_in_torch(keep: list[list[int]]) -> None:
    model, picture = network_of("uneven"), pixels_of("uneven", 1)[0]
    ours = prune_heads(build_float_graph(model), keep)
    theirs = build_float_graph(cut_heads(model, keep))
    assert dict(ours.meta) == dict(theirs.meta)
    for node, other in zip(ours.nodes, theirs.nodes, strict=True):
        assert (node.name, node.kind) == (other.name, other.kind)
        for key, array in node.attributes().items():
            if isinstance(array, np.ndarray) and array.dtype == np.float64:
                # cut_heads adds in single precision
                np.testing.assert_allclose(array, getattr(other, key), rtol=1e-5, atol=1e-6)
    got, want = value(fold_norms(ours), picture), value(fold_norms(theirs), picture)
    assert np.abs(got - want).max() <= 1e-5 * np.abs(want).max()
    if keep != [[0, 1, 2], [0, 1]]:
        whole = value(build_float_graph(model), picture)
        assert np.abs(got - whole).max() > 1e-3 * np.abs(want).max()


def test_a_graph_with_pruned_heads_converts() -> None:
    model = network_of("uneven")
    keep = plan_heads(model, (0.5, 0.5))
    graph = fold_norms(prune_heads(build_float_graph(model), keep))
    verify_float(graph, folded=True)
    clip = pixels_of("uneven", 2)
    scaled = choose_scales(graph, calibrate(graph, clip))
    small = lower(balance_delays(insert_sigma_delta(round_weights(scaled))))
    assert [n.heads for n in small.of_kind("LinearAttention")] == [2, 1]


def test_heads_that_cannot_be_cut_are_refused() -> None:
    graph = build_float_graph(network_of("uneven"))
    with pytest.raises(GraphError, match=r"in 1 layers, but it has 2 attentions"):
        prune_heads(graph, [[0]])
    for heads in ([], [3], [1, 0], [0, 0], [-1]):
        with pytest.raises(GraphError, match=r"node 'block1.y': heads to keep are .*0\.\.2"):
            prune_heads(graph, [heads, [0]])
    with pytest.raises(GraphError, match=r"'block1.y': FloatDense 'block1.proj' behind it"):
        prune_heads(fold_norms(graph), [[0], [0]])


# ------------------------------------------------------------------ scales and weights


@pytest.mark.parametrize("which", KINDS)
def test_scales_change_no_value_and_rounding_changes_only_weights(which: str) -> None:
    made, picture = passes_of(which), pixels_of(which, 1)[0]
    folded, scaled, rounded = (made[p] for p in ("fold_norms", "choose_scales", "round_weights"))
    assert np.array_equal(value(folded, picture), value(scaled, picture))
    assert scaled.nodes == folded.nodes
    plan = plan_of(rounded)
    for before, after in zip(scaled.nodes, rounded.nodes, strict=True):
        if not isinstance(before, FloatDense | FloatConv):
            assert after is before
            continue
        assert isinstance(after, FloatDense | FloatConv)
        step = plan.weights[before.name].step
        assert np.abs(after.weight - before.weight).max() <= step / 2 * (1 + 1e-9)
        whole = after.weight / step
        assert np.abs(whole - np.rint(whole)).max() <= 1e-9
        assert np.abs(whole).max() <= WEIGHT_MAX + 1e-9
        assert np.array_equal(after.bias, before.bias)
    want = value(folded, picture)
    error = np.abs(value(rounded, picture) - want).mean()
    assert 0 < error <= 0.05 * np.abs(want).mean()


def test_rounding_twice_is_rounding_once(uneven: Made) -> None:
    once = uneven["round_weights"]
    twice = round_weights(once)
    for a, b in zip(once.nodes, twice.nodes, strict=True):
        if isinstance(a, FloatDense | FloatConv):
            assert isinstance(b, FloatDense | FloatConv) and np.array_equal(a.weight, b.weight)


def test_what_scales_and_weights_refuse(uneven: Made) -> None:
    folded, scaled = uneven["fold_norms"], uneven["choose_scales"]
    with pytest.raises(GraphError, match="FloatNorm has no integer form; fold it first"):
        choose_scales(uneven["build"], {})
    with pytest.raises(GraphError, match=r"'stem1': no range was measured"):
        choose_scales(folded, {})
    with pytest.raises(GraphError, match="run choose_scales first"):
        round_weights(folded)
    with pytest.raises(GraphError, match="run choose_scales first"):
        insert_sigma_delta(folded)
    louder = [
        replace(n, weight=2 * n.weight) if n.name == "block1.h" else n  # type: ignore[type-var]
        for n in scaled.nodes
    ]
    with pytest.raises(GraphError, match=r"'block1.h': weight 254 .* beyond ±127"):
        round_weights(replace(scaled, nodes=tuple(louder)))


# ------------------------------------------------------------------ encoders, thresholds, gates


def run(graph: Graph, pixels: np.ndarray) -> np.ndarray:
    """Logits with every gate open and nothing that drives recovery."""
    loose = balance_delays(graph)
    shapes = {n.name: n.shape for n in loose.nodes if isinstance(n, Input)}
    inputs = {name: np.zeros((len(pixels), *shape), np.int64) for name, shape in shapes.items()}
    inputs["pixels"], inputs[SCHED] = pixels, np.ones_like(inputs[SCHED])
    if "fixed" in inputs:
        inputs["fixed"] += 10**6
    return simulate(loose, inputs, probes=["head.out.out"]).values["head.out.out"]


def test_gates_extend_the_schedule_and_change_nothing_while_it_is_open(uneven: Made) -> None:
    before, after = uneven["set_thresholds"], uneven["insert_gates"]
    pixels = pixels_of("uneven", 3)
    assert np.array_equal(run(before, pixels), run(after, pixels))
    fed = {e.target: e.source for e in before.edges if e.port == "gate"}
    assert set(fed.values()) == {SCHED}
    assert {e.target: e.source for e in after.edges if e.port == "gate"} == dict.fromkeys(
        fed, RESTORE
    )
    with pytest.raises(GraphError, match="no input 'sched'"):
        insert_gates(uneven["build"], ([], []))


def test_integers_have_weights_of_the_rounded_floats(uneven: Made) -> None:
    """The error of integers is their activations' and biases' alone."""
    plan, rounded = plan_of(uneven["round_weights"]), uneven["round_weights"]
    integers = uneven["insert_sigma_delta"]
    for name, scale in plan.weights.items():
        layer, floats = integers.by_name[f"{name}.syn"], rounded.by_name[name]
        weight = layer.attributes()["weight"]
        np.testing.assert_array_equal(weight * scale.step, floats.attributes()["weight"])
    assert "plan" not in integers.meta and integers.meta["scales"]["head.out"] > 0


def test_thresholds_by_name_stage_stem_and_default(uneven: Made) -> None:
    graph = uneven["insert_sigma_delta"]
    found = thresholds_of(graph, {"default": 1, "stem": 2, "stage1": 3, "block1.h": 4})
    assert found["block1.h"] == 4 and found["block1.q"] == 3
    assert found["stem1"] == found["pixels.code"] == 2
    assert found["embed"] == found["block2.h"] == found["decoder.hidden"] == 1
    assert set(thresholds_of(graph, {"block1.h": 4}).values()) == {0, 4}
    after = set_thresholds(graph, {"block1.h": 4})
    for node in after.nodes:
        assert getattr(node, "threshold", 0) == (4 if node.name == "block1.h" else 0)
    for key in ("block9.h", "stage7", "stam"):
        with pytest.raises(GraphError, match=f"threshold of '{key}'.*no such encoder; expected"):
            set_thresholds(graph, {key: 1})
    for bad in (-1, 2**23, 1.5, True):
        with pytest.raises(GraphError, match=r"expected a whole number from 0"):
            set_thresholds(graph, {"default": bad})  # type: ignore[dict-item]


def test_threshold_one_is_threshold_zero_and_two_is_not(uneven: Made) -> None:
    graph, pixels = uneven["lower"], pixels_of("uneven", 3)
    zero, one, two = (run(set_thresholds(graph, t), pixels) for t in (0, 1, 8))
    assert np.array_equal(zero, one) and not np.array_equal(zero, two)


# ------------------------------------------------------------------ lower, verify_float


def test_lower_drops_what_no_output_hears(uneven: Made) -> None:
    graph = uneven["lower"]
    deaf = Skip(name="deaf", tokens=32, channels=12, exponent=0)
    more = replace(
        graph, nodes=(*graph.nodes, deaf), edges=(*graph.edges, Edge(source="embed", target="deaf"))
    )
    again = lower(more)
    assert again.nodes == graph.nodes and again.edges == graph.edges
    no_output = [n for n in graph.nodes if not isinstance(n, Output)]
    edges = [e for e in graph.edges if e.target != "head.out"]
    recording = replace(graph, nodes=tuple(no_output), edges=tuple(edges))
    assert lower(recording).nodes == recording.nodes
    with pytest.raises(GraphError, match="quantise it before lowering"):
        lower(uneven["build"])
    with pytest.raises(GraphError, match="unbalanced"):
        lower(uneven["insert_gates"])


def _with(graph: Graph, name: str, **changes: object) -> Graph:
    nodes = [replace(n, **changes) if n.name == name else n for n in graph.nodes]  # type: ignore[arg-type]
    return replace(graph, nodes=tuple(nodes))


FAULTS: dict[str, Callable[[Graph], Graph]] = {
    r"'embed': bias holds a number that is not finite": lambda g: _with(
        g, "embed", bias=np.full(12, np.nan)
    ),
    r"'block1.y': 5 heads do not divide 12": lambda g: _with(g, "block1.y", heads=5),
    r"'block1.h' has no gate, but 'block1.mid'": lambda g: _with(g, "block1.h", gated=False),
    r"'block1.h' opens with stage 0, but 'block1.mid'": lambda g: _with(g, "block1.h", stage=0),
    r"has no FloatOutput": lambda g: replace(
        g, nodes=tuple(n for n in g.nodes if n.name != "head.out"),
        edges=tuple(e for e in g.edges if e.target != "head.out"),
    ),
    r"'block2.out': nothing reads": lambda g: replace(
        g, edges=tuple(replace(e, source="block2.mid") if e.source == "block2.out" else e
                       for e in g.edges),
    ),
}  # fmt: skip


def test_whole_float_graphs_verify_and_broken_ones_do_not(uneven: Made) -> None:
    verify_float(uneven["build"])
    folded = uneven["fold_norms"]
    verify_float(folded, folded=True)
    with pytest.raises(GraphError, match=r"'stem1.norm': a norm is left"):
        verify_float(uneven["build"], folded=True)
    with pytest.raises(GraphError, match="quantised, not float"):
        verify_float(uneven["lower"])
    with pytest.raises(GraphError, match="is not in the float dialect"):
        verify_float(replace(uneven["lower"], dialect="float"))
    for message, broken in FAULTS.items():
        with pytest.raises(GraphError, match=message):
            verify_float(broken(folded), folded=True)


def test_a_norm_keeps_its_running_mean() -> None:
    model = network_of("uneven")
    norm = build_float_graph(model).by_name["block1.norm_y"]
    assert isinstance(norm, FloatNorm)
    want = model.blocks[0].norm_y.running_mean.double().numpy()
    assert np.array_equal(norm.mean, want)
