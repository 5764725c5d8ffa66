"""Loops, sparse synapses and graded ones in the part of a network that goes to neurocores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conversion.cases.building import Case, sparse
from conversion.graph import Edge, Graph
from conversion.nodes import LIF, Delta, Dense, Input
from depth_snn.errors import InputError
from loihi import lava_available, simulate_on_lava
from loihi.chip_nodes import binary
from loihi.chip_plan import make_plan
from sims.reference import simulate
from sims.result import first_difference

LAVA, WHY = lava_available()
needs_lava = pytest.mark.skipif(not LAVA, reason=f"running on Lava needs Lava: {WHY}")


def loop_case(reset: str = "zero", delay: int = 0) -> Case:
    """Spikes → Sparse → LIF → Sparse → the same LIF, one frame later; LIF → Sparse → LIF."""
    rng = np.random.default_rng(3)
    rule = {"du": 4095, "dv": 300, "vth": 70}
    nodes = (
        Input(name="spikes", shape=(6,), lo=0, hi=1),
        sparse(rng, "into", 6, 4, share=0.7, low=10, high=90),
        LIF(name="loop", count=4, reset=reset, **rule),
        sparse(rng, "back", 4, 4, share=0.8, low=-60, high=40),
        sparse(rng, "on", 4, 3, share=0.7, low=-20, high=90, exponent=1),
        LIF(name="last", count=3, reset="zero", **rule),
    )
    ends = (("spikes", "into"), ("into", "loop"), ("loop", "back"), ("loop", "on"), ("on", "last"))
    edges = [Edge(source=a, target=b) for a, b in ends]
    edges.append(Edge(source="back", target="loop", delay=delay, recurrent=True))
    inputs = {"spikes": rng.integers(0, 2, (20, 6))}
    return Graph(name="loops", dialect="quantised", nodes=nodes, edges=tuple(edges)), inputs


def run_both(graph: Graph, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Divided on Lava and in the reference, equal; the reference's values."""
    keys = [f"{n.name}.out" for n in graph.nodes]
    got = simulate_on_lava(graph, inputs, split=True, probes=keys)
    want = dict(simulate(graph, inputs, probes=keys).by_step)
    assert first_difference(want, got.by_step) is None
    return want


def test_a_loop_of_one_frame_goes_to_cores_as_a_whole() -> None:
    plan = make_plan(loop_case()[0])
    assert plan.on_core == ("into", "loop", "back", "on", "last") and plan.uneven == ()
    assert [(c.node, c.to_core) for c in plan.crossings] == [("spikes", True)]


def test_a_loop_that_crosses_the_border_is_noted_and_a_longer_one_stays_with_the_host() -> None:
    host = make_plan(loop_case(reset="subtract")[0])
    assert host.on_core == ("on", "last") and host.uneven == ()
    graph, _ = loop_case()
    nodes = (*graph.nodes, LIF(name="host", count=4, du=4095, dv=0, vth=5, reset="subtract"),
             sparse(np.random.default_rng(0), "more", 4, 4))  # fmt: skip
    ends = (("back", "loop"), ("loop", "more"), ("more", "host"), ("host", "back"))
    edges = [e for e in graph.edges if "back" not in (e.source, e.target)]
    edges += [Edge(source=a, target=b, recurrent=b == "loop") for a, b in ends]
    crossing = make_plan(replace(graph, nodes=nodes, edges=tuple(edges)))
    assert "back" in crossing.on_core and crossing.uneven == ("loop",)
    late = make_plan(loop_case(delay=1)[0])
    assert "delayed" in late.reasons["loop"] and late.on_core == ("on", "last")


@needs_lava
@pytest.mark.parametrize(("reset", "delay"), [("zero", 0), ("subtract", 0), ("zero", 2)])
def test_loops_give_the_references_integers_divided(reset: str, delay: int) -> None:
    graph, inputs = loop_case(reset, delay)
    want = run_both(graph, inputs)
    for name in ("loop", "back", "last"):
        assert np.any(want[f"{name}.out"]), f"{name} is silent, so nothing was compared"
    alone = graph.with_edges(e for e in graph.edges if not e.recurrent or e.delay)
    if not delay:
        mute = tuple(replace(n, weight=0 * n.weight) if n.name == "back" else n
                     for n in graph.nodes)  # fmt: skip
        alone = replace(graph, nodes=mute)
        other = simulate(alone, inputs, probes=["loop.out"]).by_step["loop.out"]
        assert np.any(other != want["loop.out"]), "the loop changes nothing"


@needs_lava
def test_an_edge_that_is_there_twice_counts_twice_and_stays_with_the_host() -> None:
    graph, inputs = loop_case()
    doubled = graph.with_edges([*graph.edges, Edge(source="on", target="last")])
    plan = make_plan(doubled)
    assert "more than once" in plan.reasons["last"] and "on" in plan.reasons
    once, twice = run_both(graph, inputs), run_both(doubled, inputs)
    assert np.any(once["last.out"] != twice["last.out"])


@needs_lava
def test_differences_of_one_are_no_spikes() -> None:
    """An encoder of values 0 and 1 sends −1 as well, which 0 message bits would lose."""
    rng = np.random.default_rng(5)
    nodes = (
        Input(name="x", shape=(2, 3), lo=0, hi=1),
        Delta(name="code", tokens=2, channels=3, stage=0, bias=np.zeros(3, np.int64), shift=0,
              lo=0, hi=1, gated=False),
        Dense(name="dense", tokens=2, weight=rng.integers(-90, 90, (3, 3)), exponent=0),
        LIF(name="lif", count=2, channels=3, du=4095, dv=0, vth=40, reset="zero"),
    )  # fmt: skip
    ends = (("x", "code"), ("code", "dense"), ("dense", "lif"))
    edges = tuple(Edge(source=a, target=b) for a, b in ends)
    graph = Graph(name="ones", dialect="quantised", nodes=nodes, edges=edges)
    assert make_plan(graph).on_core == ("dense", "lif")
    assert binary(graph, "x", "out") and binary(graph, "lif", "out")
    assert not binary(graph, "code", "out") and not binary(graph, "dense", "out")
    want = run_both(graph, {"x": rng.integers(0, 2, (16, 2, 3))})
    assert np.any(want["code.out"] < 0) and np.any(want["lif.out"])


@needs_lava
@pytest.mark.parametrize(
    ("options", "word"),
    [({"stock": True}, "stock"), ({"blocks": "leaf"}, "blocks"), ({"overflow": "chip"}, "chip")],
)
def test_a_divided_network_refuses_what_it_would_ignore(
    options: dict[str, object], word: str
) -> None:
    graph, inputs = loop_case()
    with pytest.raises(InputError, match=word):
        simulate_on_lava(graph, inputs, split=True, **options)  # type: ignore[arg-type]
