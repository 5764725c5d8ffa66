"""`depth-snn run`: what comes out of good input, and that the input decides it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest

from depth_snn.figures import load_figures, load_meanings
from sims.counts import COUNT_FIELDS
from sims.record_file import load_record
from sims.verdict import load_verdict
from tests.unit.command import TINY, contents, depth_snn, refused
from tests.unit.conftest import FRAMES

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "verdict.json", "report.html", "run.h5", "graph.h5", "inputs.h5", "overlay.png", "tokens.png",
    "gates.png", "energy.png", "compute.png", "energy_tables.png", "ledger.csv",
}  # fmt: skip
TIGHT = """format = 1
[layers."block1.*"]
synaptic_operations_per_frame_max = 1
"""


def untimed(verdict: dict[str, Any]) -> dict[str, Any]:
    """A verdict without wall times."""
    return {k: v for k, v in verdict.items() if not k.startswith("timing")}


def test_every_file_is_there_and_says_the_same(finished: Path) -> None:
    assert set(contents(finished)) >= FILES
    for name in FILES:
        head = (finished / name).read_bytes()[:8]
        if name.endswith(".png"):
            assert head == b"\x89PNG\r\n\x1a\n", name
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 6
    assert "http://" not in page and "https://" not in page.replace("https://doi.org", "")
    verdict, record = load_verdict(finished / "verdict.json"), load_record(finished / "run.h5")
    assert verdict["format"] == 2 and verdict["frames"] == record.frames == FRAMES
    assert verdict["macs"]["dense_per_frame"] == record.dense_macs
    said = (finished / "said.txt").read_text(encoding="utf-8")
    assert re.search(r"^memory     \d+\.\d MiB for the stream's state, bounded$", said, re.M)
    assert "report.html" in said and f"{FRAMES} frames of scene:street" in said


def test_the_verdict_is_of_a_real_run(finished: Path) -> None:
    verdict, record = load_verdict(finished / "verdict.json"), load_record(finished / "run.h5")
    assert all(w["mismatches"] == 0 for w in verdict["witnesses"].values())
    assert verdict["witnesses"]["reference_vs_fast"]["values"] > 10_000
    assert verdict["witnesses"]["reference_vs_fast"]["count_mismatches"] == 0
    assert verdict["witnesses"]["reference_vs_fast"]["frames"] == 3, "by default"
    assert 0.1 < verdict["quality"]["miou_integer"] <= 1
    assert len(np.unique(record.prediction)) > 2
    assert set(np.unique(record.token_state)) >= {0, 1}, "some tokens reused, some computed"
    motion = verdict["macs"]["by_category_mean"]["motion"]
    # Optical flow costs the same for a network of any size, and this one is tiny.
    assert 0 < verdict["macs"]["pruned_mean"] - motion < verdict["macs"]["dense_per_frame"]
    assert int((record.extra_macs * 100 > 15 * record.base_macs).sum()) == 0
    assert verdict["exit_code"] == int((finished / "code.txt").read_text())


def test_figures_of_a_run_have_meanings(finished: Path) -> None:
    figures = load_figures(finished / "figures.json")
    assert {"chain_macs_ratio", "chain_speedup_vs_dense_sdpa"} <= set(figures)
    assert set(figures) <= set(load_meanings(ROOT / "docs" / "figures.md"))
    verdict = load_verdict(finished / "verdict.json")
    speedup = figures["chain_speedup_vs_dense_linear"].value
    ratio = speedup * figures["chain_macs_ratio"].value
    assert figures["chain_conversion_ratio"].value == pytest.approx(ratio)
    assert figures["chain_gate_spikes"].value == verdict["extra_compute"]["spikes"]
    energy = figures["chain_energy_vs_pruned_int8"]
    compared = {line["baseline"]: line for line in verdict["energy"]["comparisons"]}
    assert energy.kind == "modelled" and energy.value == compared["pruned int8"]["ratio"] > 0


def test_the_same_run_twice_gives_the_same_integers(finished: Path, tmp_path: Path) -> None:
    words = ("--out", tmp_path, "--frames", str(FRAMES), *TINY, "--budget", "street")
    assert depth_snn("run", "scene:street", *words).code in (0, 2)
    with h5py.File(finished / "run.h5") as a, h5py.File(tmp_path / "run.h5") as b:
        assert set(a) == set(b)
        for name in set(a) - {"meta_json"}:
            np.testing.assert_array_equal(a[name][()], b[name][()], err_msg=name)
    left, right = (load_verdict(p / "verdict.json") for p in (finished, tmp_path))
    assert untimed(left) == untimed(right)
    assert contents(tmp_path) == sorted(FILES), "nothing temporary is left"


def test_another_input_gives_another_verdict(finished: Path, tmp_path: Path) -> None:
    words = ("--out", tmp_path, "--frames", "4", *TINY, "--seed", "7")
    assert depth_snn("run", "scene:driving", *words).code == 0
    left, right = (load_verdict(p / "verdict.json") for p in (finished, tmp_path))
    for key in ("quality", "macs", "energy", "layers"):
        assert left[key] != right[key], key


def test_a_tightened_budget_exits_with_2_and_names_the_fault(tmp_path: Path) -> None:
    budget = tmp_path / "tight.toml"
    budget.write_text(TIGHT, encoding="utf-8")
    out = tmp_path / "out"
    done = depth_snn(
        "run", "scene:street", "--out", out, *TINY, "--frames", "3", "--budget", budget
    )
    assert done.code == 2
    fault = next(line for line in done.out.splitlines() if line.startswith("FAIL:"))
    assert 'layers."block1.*".synaptic_operations_per_frame_max' in fault
    assert "(block1." in fault and "frame " in fault
    assert load_verdict(out / "verdict.json")["passed"] is False
    assert "synaptic_operations_per_frame_max" in (out / "report.html").read_text(encoding="utf-8")


def pictures(folder: Path, count: int) -> Path:
    """A folder of frames of noise with a moving square, of another size than the network's."""
    folder.mkdir()
    back = np.random.default_rng(0).integers(0, 255, (50, 90, 3)).astype(np.uint8)
    for index in range(count):
        image = back.copy()
        image[10:30, 5 * index : 5 * index + 20] = 250
        cv2.imwrite(str(folder / f"frame{index}.png"), image)
    return folder


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("[quality]\nmiou_min = 0.1", "quality.miou_min"),
        ('[layers."block1.*"]\nfiring_rate_max = 1\n[layers."blok*"]\nfiring_rate_max = 1',
         'layers."blok*"'),
        ('[layers."host.decide"]\nfiring_rate_max = 1', "no matching layer has neurons"),
        ("[frames.bursts.network]\nmacs_ratio_max = 1", "tells of no sudden events"),
    ],
)  # fmt: skip
def test_a_limit_nothing_will_be_observed_for_is_refused_before_the_first_frame(
    limits: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = tmp_path / "budget.toml"
    budget.write_text(f"format = 1\n{limits}\n", encoding="utf-8")
    folder, out = pictures(tmp_path / "frames", 2), tmp_path / "out"
    monkeypatch.setattr("depth_snn.cli.chain.loop.Chain.step", lambda *_: pytest.fail("a frame"))
    refused(depth_snn("run", folder, "--out", out, *TINY, "--budget", budget), said)
    assert not out.exists()


def test_the_host_is_a_layer_that_a_budget_may_limit(finished: Path, tmp_path: Path) -> None:
    record = load_record(finished / "run.h5")
    host = record.counts["host.decide"]
    deciding = sum(record.macs[k] for k in ("motion", "gate", "score"))
    np.testing.assert_array_equal(host.macs_off_core, deciding)
    assert (host.runs_on, host.kind, host.neurons) == ("host", "Decide", 0)
    assert host.macs_off_core[1:].min() > 0 and not host.synaptic_operations.any()
    budget = tmp_path / "budget.toml"
    limit = '[layers."host.decide"]\nsynaptic_operations_per_frame_max = 0'
    budget.write_text(f"format = 1\n{limit}\n", encoding="utf-8")
    words = ("--out", tmp_path / "out", "--frames", "2", "--witness-frames", "0")
    assert depth_snn("run", "scene:street", *words, *TINY, "--budget", budget).code == 0


def test_a_late_error_leaves_no_outcome_of_an_older_run(tmp_path: Path) -> None:
    budget, out = tmp_path / "budget.toml", tmp_path / "out"
    budget.write_text("format = 1\n[network]\nmacs_ratio_max = 9\n", encoding="utf-8")
    out.mkdir()
    for name in (*FILES, "mine.txt"):
        (out / name).write_text("of an older run", encoding="utf-8")
    words = ("--out", out, "--frames", "1", "--budget", budget)
    refused(depth_snn("run", "scene:street", *words, *TINY), "only the first, dense frame")
    # What is left was written by this run, before its limits could be judged.
    assert contents(out) == ["graph.h5", "inputs.h5", "ledger.csv", "mine.txt", "run.h5"]
    assert load_record(out / "run.h5").frames == 1


def test_a_clip_longer_than_a_run_is_cut_off_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("depth_snn.cli.chain.loop.MAX_FRAMES", 3)
    for count in (3, 5):
        folder = pictures(tmp_path / f"frames{count}", count)
        done = depth_snn("run", folder, "--out", tmp_path / f"out{count}", *TINY)
        assert done.code == 0, done
        assert load_record(tmp_path / f"out{count}" / "run.h5").frames == 3
        said = [line for line in done.err.splitlines() if "longer than the 3 frames" in line]
        assert len(said) == (count == 5)
        assert ("longer than the 3 frames" in done.out) == (count == 5)
    words = ("--out", tmp_path / "no", "--frames", "4", *TINY)
    refused(depth_snn("run", "scene:street", *words), "--frames 4", "at most 3")


@pytest.mark.parametrize("engine", ["reference", "lava"])
def test_an_engine_that_holds_all_inputs_refuses_a_long_clip(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("depth_snn.cli.chain.early.OFFLINE_FRAMES", 2)
    folder, words = pictures(tmp_path / "frames", 3), ("--out", tmp_path / "no", "--engine", engine)
    refused(depth_snn("run", folder, *words, *TINY), "all frames at once", "--frames 2")
    refused(depth_snn("run", folder, *words, *TINY, "--frames", "3"), "--frames 2")
    assert not (tmp_path / "no").exists()


def test_the_kept_inputs_cannot_wrap(finished: Path) -> None:
    with h5py.File(finished / "inputs.h5") as file:
        assert all(file[name].dtype == np.int64 for name in file)


def test_options_reach_the_run(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "frames", 6)
    rates = ("--motion", "patch", "--token-rate", "0.3", "--head-rate", "0.5")
    rest = ("--tau-px", "1", "--tau-stale", "3", "--gate-body", "norse", "--frames", "4")
    words = (*TINY, *rates, *rest, "--witness-frames", "2")
    done = depth_snn("run", folder, "--out", tmp_path / "out", *words)
    assert done.code == 0, done
    verdict = load_verdict(tmp_path / "out" / "verdict.json")
    policy = verdict["policy"]
    assert (policy["motion"], policy["token_rate"], policy["head_rate"]) == ("patch", [0.3], [0.5])
    assert (policy["tau_px"], policy["tau_stale"], policy["gate"]["body"]) == (1, 3, "norse")
    assert verdict["frames"] == 4 and verdict["witnesses"]["reference_vs_fast"]["frames"] == 2
    assert "miou_dense" not in verdict["quality"]


def test_zero_thresholds_are_the_dense_network(tmp_path: Path) -> None:
    words = ("--tau-px", "0", "--tau-stale", "0", "--token-rate", "0", "--no-recovery")
    out = ("--out", tmp_path, "--frames", "3")
    done = depth_snn("run", "scene:driving", *out, *TINY, *words)
    assert done.code == 0, done
    verdict = load_verdict(tmp_path / "verdict.json")
    assert verdict["quality"]["agreement_pruned_dense"] == 1
    assert verdict["quality"]["miou_pruned"] == verdict["quality"]["miou_dense"]
    assert verdict["macs"]["ratio_mean"] > 1, "motion is charged"
    gates = verdict["witnesses"]["gates_runtime_vs_graph"]
    assert (gates["frames"], gates["mismatches"]) == (3, 0) and "recovery is off" in gates["note"]


def test_the_reference_engine_gives_the_same_run(tmp_path: Path) -> None:
    records = {}
    for engine in ("fast", "reference"):
        words = ("--out", tmp_path / engine, "--frames", "2", *TINY, "--engine", engine)
        done = depth_snn("run", "scene:driving", *words, "--keep-inputs", "0")
        assert done.code == 0, done
        records[engine] = load_record(tmp_path / engine / "run.h5")
        assert records[engine].engine == engine
        assert "inputs.h5" not in contents(tmp_path / engine)
    left, right = records["fast"], records["reference"]
    np.testing.assert_array_equal(left.prediction, right.prediction)
    for name, count in right.counts.items():
        for field in COUNT_FIELDS:
            one, other = getattr(left.counts[name], field), getattr(count, field)
            np.testing.assert_array_equal(one, other, err_msg=f"{name} {field}")


def test_a_clip_of_the_real_world(shared_data: Path, tmp_path: Path) -> None:
    clip = shared_data / "clips" / "bikes.mp4"
    if not clip.is_file():
        pytest.skip("the clip bikes.mp4 is not beside the project")
    assert depth_snn("run", clip, "--out", tmp_path, "--frames", "5", *TINY).code == 0
    record = load_record(tmp_path / "run.h5")
    assert record.frames == 5 and record.fps is not None and record.rgb.std() > 20
