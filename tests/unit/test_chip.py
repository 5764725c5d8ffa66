"""What would run on a Loihi 2, as far as it can be known without one (docs/hardware.md)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conversion.cases.small import dense_case
from conversion.graph import Edge, Graph
from conversion.graph_file import save_graph
from conversion.nodes import LIF, Dense, Input
from depth_snn.errors import GraphError, InputError, MissingDependency
from loihi import hardware_available, lava_available, ports_on_chip, simulate_on_lava
from loihi.board import Board
from loihi.chip_plan import Crossing, make_plan, readable
from loihi.integers import sign_extended
from loihi.on_chip import require_plan, simulate_on_loihi2
from sims.inputs_file import load_arrays, save_arrays
from sims.reference import simulate
from sims.result import first_difference
from tests.unit.chip_graph import CHIP, chip_case
from tests.unit.command import contents, depth_snn, refused

ROOT = Path(__file__).resolve().parents[2]
LAVA, WHY = lava_available()
BOARD = hardware_available()[0]
needs_lava = pytest.mark.skipif(not LAVA, reason=f"running on Lava needs Lava: {WHY}")
without_board = pytest.mark.skipif(BOARD, reason="lava-loihi is installed here")


def changed(graph: Graph, name: str, **fields: object) -> Graph:
    nodes = tuple(replace(n, **fields) if n.name == name else n for n in graph.nodes)  # type: ignore[arg-type]
    return replace(graph, nodes=nodes)


def test_chains_of_lavas_own_neurons_go_to_cores_and_each_border_port_gets_one_adapter() -> None:
    graph, _ = chip_case()
    plan = make_plan(graph, ["out.out", "lif2.out", "lif1.out"])
    assert plan.on_core == CHIP
    assert plan.crossings == (
        Crossing("spikes", "out", True, 0, False),
        Crossing("code", "out", True, 24, False),
        Crossing("sums", "out", False, 24, True),
        Crossing("lif2", "out", False, 0, False),
        Crossing("lif1", "out", False, 0, False),
    )
    assert plan.uneven == ()
    assert "encoder" in plan.reasons["code"] and "host" in plan.reasons["out"]
    assert "'out'" in plan.reasons["skip"] and set(plan.reasons) == {
        n.name for n in graph.nodes if n.name not in CHIP
    }


@pytest.mark.parametrize(
    ("name", "fields", "lost", "words"),
    [
        ("lif2", {"reset": "subtract"}, {"dense", "lif2"}, "'subtract'"),
        ("lif2", {"dv": 4096}, {"dense", "lif2"}, "0..4095"),
        ("lif2", {"du": -1}, {"dense", "lif2"}, "0..4095"),
        ("lif2", {"vth": 2**17}, {"dense", "lif2"}, "131071"),
        ("lif1", {"bias": np.array([5000, 0])}, {"conv", "lif1"}, "4095"),
        ("lif1", {"warmup": 0}, {"conv", "lif1"}, "sleeps"),
        ("wide", {"exponent": 9}, {"wide", "sums"}, "exponent"),
    ],
)
def test_what_a_core_cannot_hold_stays_with_the_host_and_takes_its_neighbours_along(
    name: str, fields: dict[str, object], lost: set[str], words: str
) -> None:
    plan = make_plan(changed(chip_case()[0], name, **fields))
    assert words in plan.reasons[name]
    assert set(CHIP) - set(plan.on_core) == lost


def test_no_sum_leaves_a_core_and_no_neuron_is_reached_but_through_synapses() -> None:
    """For any way of losing one node, the plan still has a border that hardware can have."""
    graph, _ = chip_case()
    for name in ("lif1", "lif2"):
        plan = make_plan(changed(graph, name, reset="subtract"))
        core = set(plan.on_core)
        for edge in graph.edges:
            source, target = graph.by_name[edge.source], graph.by_name[edge.target]
            if edge.source in core and edge.target not in core:
                assert isinstance(source, LIF) or source.kind == "StockSigmaDelta"
            if edge.source not in core and edge.target in core:
                assert target.kind in ("Dense", "Conv", "Skip")


def test_a_delayed_edge_keeps_its_target_with_the_host() -> None:
    graph, _ = chip_case()
    edges = [replace(e, delay=1) if e.target == "dense" else e for e in graph.edges]
    plan = make_plan(graph.with_edges(edges))
    assert "delayed" in plan.reasons["dense"] and "lif2" in plan.reasons
    assert plan.on_core == ("conv", "lif1", "wide", "sums")


def test_paths_that_cross_unequally_often_are_named() -> None:
    ones = np.ones((2, 2), np.int64)
    rule = {"count": 4, "channels": 2, "du": 4095, "dv": 0, "vth": 9}
    nodes = (
        Input(name="x", shape=(4, 2), lo=0, hi=1),
        *(Dense(name=n, tokens=4, weight=ones, exponent=0) for n in ("in", "back", "past")),
        LIF(name="core", reset="zero", **rule),
        LIF(name="meet", reset="subtract", **rule),
    )
    ends = (("x", "in"), ("in", "core"), ("core", "back"), ("back", "meet"), ("x", "past"),
            ("past", "meet"))  # fmt: skip
    edges = [Edge(source=a, target=b) for a, b in ends]
    plan = make_plan(Graph(name="g", dialect="quantised", nodes=nodes, edges=tuple(edges)))
    assert plan.on_core == ("in", "core") and plan.uneven == ("meet",)
    once = Graph(name="g", dialect="quantised", nodes=nodes[:3] + nodes[4:], edges=tuple(edges[:4]))
    assert make_plan(once).uneven == ()


@needs_lava
def test_the_divided_network_gives_the_references_integers_on_a_cpu() -> None:
    """All that is built for a board but the adapters: chip processes, signs, crossings."""
    graph, inputs = chip_case()
    keys = [f"{n.name}.out" for n in graph.nodes]
    got = simulate_on_lava(graph, inputs, split=True, probes=keys)
    want = simulate(graph, inputs, probes=keys).by_step
    assert first_difference(dict(want), got.by_step) is None
    for name in ("lif1", "lif2", "sums", "out", "out2"):
        assert np.any(want[f"{name}.out"] != 0), f"{name} is silent, so nothing was compared"
    assert np.any(want["sums.out"] < 0)


def test_24_bits_get_their_sign_back_and_signed_values_stay() -> None:
    top = 2**23
    values = np.array([0, 1, top - 1, top, 2 * top - 1, -1, -top, 2**31 - 1])
    assert sign_extended(values).tolist() == [0, 1, top - 1, -top, -1, -1, -top, -1]
    signed = np.arange(-top, top, 4097)
    assert np.array_equal(sign_extended(signed & (2 * top - 1)), signed)


def test_what_stays_inside_a_chip_is_not_promised() -> None:
    graph, inputs = chip_case()
    plan = make_plan(graph)
    assert not any(readable(graph, plan, k) for k in ("dense.out", "conv.out", "lif2.membrane"))
    assert set(ports_on_chip(graph)) == {
        f"{n.name}.out" for n in graph.nodes if n.name not in ("conv", "dense", "wide")
    }
    if LAVA:
        with pytest.raises(InputError, match=r"lif2\.membrane"):
            simulate_on_lava(graph, inputs, split=True, probes=["lif2.membrane"])


def test_a_graph_with_nothing_for_a_core_is_refused_with_the_reason() -> None:
    with pytest.raises(GraphError, match=r"no node can run on a neurocore.*'code'.*--engine lava"):
        require_plan(dense_case()[0])


@without_board
def test_without_the_extension_nothing_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, inputs = chip_case()
    monkeypatch.setattr("loihi.runner.supervise", lambda *_, **__: pytest.fail("was started"))
    with pytest.raises(MissingDependency, match="INRC"):
        simulate_on_loihi2(graph, inputs, Board(partition="kp"))
    save_graph(graph, tmp_path / "g.h5")
    save_arrays(inputs, tmp_path / "i.h5")
    before = contents(tmp_path)
    files = (tmp_path / "g.h5", tmp_path / "i.h5")
    for words in (("simulate", *files), ("verify", tmp_path),
                  ("run", "scene:street", "--out", tmp_path / "out")):  # fmt: skip
        done = depth_snn(*words, "--engine", "loihi2", "--partition", "kp")
        refused(done, "lava-loihi", "INRC", "--engine lava")
    assert contents(tmp_path) == before


def test_the_plan_is_printed_without_board_or_extension(tmp_path: Path) -> None:
    graph, inputs = chip_case()
    save_graph(graph, tmp_path / "g.h5")
    save_arrays(inputs, tmp_path / "i.h5")
    done = depth_snn("simulate", tmp_path / "g.h5", tmp_path / "i.h5", "--plan")
    assert done.code == 0 and "6 of 13 nodes on neurocores, 4 crossings" in done.out
    assert "NxToPy  sums.out, 24 bits, sign restored" in done.out


@needs_lava
def test_ports_that_an_engine_hides_are_named_and_left_out(tmp_path: Path) -> None:
    graph, inputs = chip_case()
    save_graph(graph, tmp_path / "g.h5")
    save_arrays(inputs, tmp_path / "i.h5")
    words = ("simulate", tmp_path / "g.h5", tmp_path / "i.h5")
    every = tmp_path / "all.h5"
    assert depth_snn(*words, "--ports", "*", "--out", every).code == 0
    split = ("--engine", "lava", "--split", "--compare")
    done = depth_snn(*words, *split, every)
    assert done.code == 0 and "\n0 mismatches in " in done.out, done
    assert "not compared: lif1.membrane, lif2.membrane\n" in done.out
    values = load_arrays(every)
    values["sums.out"] = values["sums.out"].copy()
    values["sums.out"].reshape(-1)[-1] += 1
    save_arrays(values, tmp_path / "bad.h5")
    done = depth_snn(*words, *split, tmp_path / "bad.h5")
    assert done.code == 1 and "1 mismatches" in done.out and "sums.out" in done.out
    done = depth_snn(*words, "--engine", "lava", "--stock", "--compare", every)
    assert done.code == 0 and "not compared: lif1.membrane, lif2.membrane\n" in done.out, done
    asked = depth_snn(*words, *split, every, "--ports", "lif2.*")
    refused(asked, "lif2.membrane", "leave it out")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--engine", "lava", "--split", "--stock"], ["--stock", "--split"]),
        (["--engine", "lava", "--split", "--blocks", "leaf"], ["--blocks", "--split"]),
        (["--engine", "lava", "--split", "--overflow", "chip"], ["--overflow chip", "--split"]),
        (["--engine", "loihi2", "--overflow", "chip"], ["--overflow chip", "--engine loihi2"]),
        (["--engine", "loihi2", "--stock"], ["--stock", "loihi2 engine", "--engine lava"]),
        (["--engine", "loihi2", "--counts", "c.h5"], ["--counts", "loihi2 engine"]),
        (["--split"], ["--split", "fast engine", "--engine lava"]),
        (["--plan", "--out", "v.h5"], ["--out", "--plan"]),
        (["--partition", "kp"], ["--partition", "--engine loihi2"]),
    ],
)
def test_what_a_divided_network_would_ignore_is_refused(words: list[str], parts: list[str]) -> None:
    refused(depth_snn("simulate", "no.h5", "no.h5", *words), *parts)
