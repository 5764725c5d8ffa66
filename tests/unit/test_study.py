"""Deployment studies: the bound by hand, variants and mappings by counts, page and command."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from conversion.cases.small import CASES
from conversion.graph import Graph
from conversion.graph_file import load_graph
from conversion.nodes import Dense, Sparse
from conversion.placement_file import save_placement
from conversion.reach import synapses_of
from depth_snn.cli.main import main
from sims.core_counts import count_cores
from sims.deployment import chip_model, model_placed, pruned_cores
from sims.inputs_file import load_arrays
from sims.placed_run import DENSE, PRUNED, RECOVERED, PlacedRun, count_placed, variants_of
from sims.report import mesh_plot
from sims.step_bound import Bottleneck, bound_steps
from sims.timing_table import load_timing
from tests.unit.even_placement import even_placement


def test_a_step_waits_for_the_slowest_resource_of_any_place() -> None:
    table = load_timing("loihi1")
    done = {
        "synaptic_operation": {3: [100, 0, 1000], 5: [200, 0, 0]},
        "neuron_update_active": {3: [10, 0, 500]},
        "neuron_update_idle": {3: [10, 1, 0]},
        "link_message": {0: [10000, 0, 0]},
        "product_operation": {3: [0, 0, 1]},
    }
    found = bound_steps(done, (1, 1, 4), table, ("something",))
    assert found.ns == (2900, 113, 4200)
    assert found.bottlenecks == (
        Bottleneck("links", 0), Bottleneck("barrier", -1), Bottleneck("neurons", 3)
    )  # fmt: skip
    assert found.unknown == ("product operations", "something")
    assert found.loads is not None
    assert found.loads["neurons"][3] == (137, Fraction(53, 10), 4200)
    # Forty steps cannot be shorter than forty barriers.
    assert bound_steps(done, (1, 1, 40), table).ns[2] == 40 * 113


def test_a_stream_updates_only_the_rows_that_pass() -> None:
    graph, inputs = CASES["block"](1)
    where = even_placement(graph, 2, by_channel=True)
    (spatial, serial) = count_placed(
        graph, {RECOVERED: inputs}, {"spatial": where, "serial": where}
    )
    plain = count_cores(graph, where, inputs)
    assert np.array_equal(spatial.cores.work["updates_idle"], plain.work["updates_idle"])
    assert plain.work["updates_idle"].any() and spatial.steps == (1,) * plain.frames
    gated = [n for n in graph.nodes if getattr(n, "gated", False) and n.kind == "SigmaDelta"]
    assert gated
    for node in gated:
        counted = serial.counts[node.name]
        assert counted.updates_active.tolist() == spatial.counts[node.name].updates_active.tolist()
        assert not counted.updates_idle.any()
    total = sum(int(n.updates_active.sum() + n.updates_idle.sum()) for n in serial.counts.values())
    by_core = serial.cores.work["updates_active"] + serial.cores.work["updates_idle"]
    assert int(by_core.sum()) == total
    for field in ("messages", "synaptic_operations", "message_bits"):
        assert np.array_equal(serial.cores.work[field], plain.work[field])
    rows = [
        counted.updates_active // graph.by_name[name].output_shape("out")[1]
        for name, counted in serial.counts.items()
        if counted.kind in ("Delta", "SigmaDelta")
    ]
    assert all(a >= b for a, b in zip(serial.steps, np.max(rows, axis=0), strict=True))


def test_sparse_synapses_reach_the_cores_of_equal_dense_ones() -> None:
    rng = np.random.default_rng(0)
    weight = rng.integers(1, 9, (6, 5))
    dense = Dense(name="d", tokens=1, weight=weight, exponent=0)
    sparse = Sparse(
        name="s", count=6, starts=np.arange(0, 31, 6), targets=np.tile(np.arange(6), 5),
        weight=weight.T.reshape(-1), exponent=0,
    )  # fmt: skip
    home = np.array([0, 0, 1, 1, 2, 0])
    by_row = synapses_of(dense, home)
    found = synapses_of(sparse, home)
    each = {(u, c): n for u, c, n in zip(found.unit, found.core, found.synapses, strict=True)}
    wanted = zip(by_row.core, by_row.synapses, strict=True)
    assert each == {(u, c): n for c, n in wanted for u in range(5)}


@pytest.fixture(scope="module")
def counted(finished: Path) -> tuple[Graph, list[PlacedRun]]:
    graph, inputs = load_graph(finished / "graph.h5"), load_arrays(finished / "inputs.h5")
    assert len(inputs["pixels"]) == 2
    where = {"spatial": even_placement(graph, 2),
             "serial": even_placement(graph, 1, by_channel=True)}  # fmt: skip
    return graph, count_placed(graph, variants_of(graph, inputs), where)


def test_opening_every_gate_costs_and_silence_saves(counted: tuple[Graph, list[PlacedRun]]) -> None:
    graph, runs = counted
    assert [(r.variant, r.mapping) for r in runs] == [
        (v, m) for v in (DENSE, PRUNED, RECOVERED) for m in ("spatial", "serial")
    ]
    by = {(r.variant, r.mapping): r for r in runs}
    dense, pruned, recovered = (by[v, "spatial"] for v in (DENSE, PRUNED, RECOVERED))
    gated = [n.name for n in graph.nodes if getattr(n, "gated", False)]
    assert gated and not any(dense.counts[n].updates_idle.any() for n in gated)
    assert any(pruned.counts[n].updates_idle.any() for n in gated)
    work = [int(r.cores.per_frame("synaptic_operations")[1]) for r in (dense, pruned, recovered)]
    assert work[0] > work[1] and work[0] >= work[2] >= work[1]
    chip = chip_model("loihi2")
    cases = {key: model_placed(run, graph, chip, 40_000.0) for key, run in by.items()}
    for case in cases.values():
        slowest = max(load[1] for places in (case.times.loads or {}).values()
                      for load in places.values())  # fmt: skip
        steps = by[case.variant, case.mapping].steps[1]
        assert case.times.ns[1] == max(slowest, steps * 200)
        assert case.frames_per_s == pytest.approx(1e9 / float(case.times.ns[1]))
        assert case.tiers["operations"].unknown and case.frame_time_us >= 40_000.0
    where = by[DENSE, "spatial"].cores.placement
    inside = pruned_cores(graph, where)
    held = {name for name, parts in where.parts.items() if parts[0].core in inside}
    assert {"block1.q", "block1.h", "block2.out"} <= held
    assert not {"embed", "stem1", "pixels.code", "gate.lif"} & held
    blocks = {v: cases[v, "spatial"].frames_per_s_of(inside) for v in (DENSE, PRUNED)}
    assert blocks[PRUNED] > blocks[DENSE] >= cases[DENSE, "spatial"].frames_per_s
    assert cases[DENSE, "spatial"].frames_per_s <= cases[PRUNED, "spatial"].frames_per_s
    energy = [cases[v, "serial"].tiers["operations"].lower_aj[1] for v in (DENSE, RECOVERED)]
    assert energy[0] > energy[1]


def test_a_picture_shows_links_and_empty_routers_only_where_there_are_any(
    counted: tuple[Graph, list[PlacedRun]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    graph, runs = counted
    run = next(r for r in runs if r.mapping == "spatial")
    case = model_placed(run, graph, chip_model("loihi2"), 40_000.0)
    seen: list[Figure] = []
    monkeypatch.setattr(mesh_plot, "save_figure", lambda figure, path: seen.append(figure))
    links = len(run.traffic.links)
    assert links and run.traffic.messages.any()
    used = run.cores.placement.used
    held = {(c.chip, c.x, c.y) for c in (run.cores.placement.cores[i] for i in used)}
    ends = {p for link in run.traffic.links for p in (link.start, link.end)}
    silent = replace(run.traffic, messages=np.zeros_like(run.traffic.messages))
    for traffic in (run.traffic, silent):
        mesh_plot.draw_mesh(case, replace(run, traffic=traffic), tmp_path / "m.png")
        bars = [a.get_ylabel() for a in seen[-1].axes if a.get_ylabel()]
        words = [text.get_text() for text in seen[-1].legends[0].get_texts()]
        assert any("link" in w for w in bars) == any("link" in w for w in words)
        assert any("link" in w for w in bars) == (traffic is not silent)
        assert any("router" in w for w in words) <= (traffic is not silent and bool(ends - held))


def test_the_command_prints_writes_and_refuses(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = load_graph(finished / "graph.h5")
    file = save_placement(even_placement(graph, 2), tmp_path / "p.json")
    run, out, data = finished / "run.h5", tmp_path / "out", tmp_path / "study.json"
    words = ["study", str(run), "--spatial", str(file)]
    assert main([*words, "--out", str(out), "--json", str(data)]) == 0
    said = capsys.readouterr().out
    assert "all modelled" in said and "synapses of core" in said and "≤" in said and "≥" in said
    page = (out / "study.html").read_text(encoding="utf-8")
    assert page.count("<img") == page.count("alt=") == 2 and 'src="http' not in page
    for name in ("mesh_spatial.png", "cores_spatial.png"):
        assert (out / name).read_bytes()[:4] == b"\x89PNG"
    found = json.loads(data.read_text(encoding="utf-8"))
    placed = [case for case in found["cases"] if case["placed"]]
    assert found["kind"] == "modelled" and len(placed) == 3 and len(found["cases"]) == 6
    assert {case["chip"] for case in found["cases"]} == {"loihi1", "loihi2"}
    assert all(case["energy"]["operations"]["bound"] == ">=" for case in placed)
    assert "products of two states" in placed[0]["energy"]["operations"]["unknown"]
    assert found["baselines"]["dense int8"]["operations"]["value_uj_per_frame"] > 0
    assert "loihi1 (not placed: even load, fewest cores)" in said
    assert main(["study", str(run), "--target", "loihi2", "--beside", ""]) == 0
    ours = capsys.readouterr().out
    assert ours.count("spatial  loihi2") == ours.count("serial   loihi2") == 3
    assert "not placed" not in ours
    assert main([*words, "--chip", "loihi7"]) == 1
    assert "no timing table 'loihi7'" in capsys.readouterr().err
    assert main(["study", str(finished / "none.h5"), "--spatial", str(file)]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
