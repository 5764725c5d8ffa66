"""`depth-snn simulate` and `check`: engines against each other, files against foreign ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conversion.graph_file import load_graph, save_graph
from depth_snn.cli.main import main
from loihi import lava_available
from sims.inputs_file import load_arrays, save_arrays
from tests.unit.command import depth_snn, refused

LAVA, WHY = lava_available()


@pytest.fixture(scope="module")
def fast(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Values of the fast simulator on the run's graph and inputs."""
    path = tmp_path_factory.mktemp("values") / "fast.h5"
    words = simulate(finished, "--ports", "*", "--out", path)
    done = depth_snn(*words)
    assert done.code == 0, done
    assert "block1.y.attention" in done.out and "digest" in done.out
    return path


def simulate(finished: Path, *words: str | Path) -> list[str | Path]:
    return ["simulate", finished / "graph.h5", finished / "inputs.h5", *words]


def test_reference_equals_fast_and_says_over_how_much(finished: Path, fast: Path) -> None:
    done = depth_snn(*simulate(finished, "--engine", "reference", "--compare", fast))
    assert done.code == 0, done
    line = next(line for line in done.out.splitlines() if "mismatches" in line)
    words = line.split()
    assert words[0] == "0" and int(words[3]) == sum(a.size for a in load_arrays(fast).values())


def test_two_engines_print_the_same_counts_and_digest(finished: Path) -> None:
    fast = depth_snn(*simulate(finished, "--engine", "fast"))
    reference = depth_snn(*simulate(finished, "--engine", "reference"))
    assert fast.out == reference.out and fast.code == reference.code == 0


@pytest.mark.parametrize("key", ["head.out.out", "gate.lif.membrane", "block2.mid.out"])
def test_one_corrupted_value_is_found(finished: Path, fast: Path, tmp_path: Path, key: str) -> None:
    values = load_arrays(fast)
    values[key] = values[key].copy()
    values[key].reshape(-1)[-1] += 1
    save_arrays(values, tmp_path / "bad.h5")
    done = depth_snn(*simulate(finished, "--compare", tmp_path / "bad.h5"))
    assert done.code == 1
    assert "1 mismatches" in done.out and key in done.out


def test_other_inputs_give_another_digest(finished: Path, tmp_path: Path) -> None:
    inputs = load_arrays(finished / "inputs.h5")
    inputs["pixels"][0] = 255 - inputs["pixels"][0]
    save_arrays(inputs, tmp_path / "inputs.h5")
    first = depth_snn(*simulate(finished))
    other = depth_snn("simulate", finished / "graph.h5", tmp_path / "inputs.h5")
    assert first.code == other.code == 0 and first.out != other.out


def test_the_graph_file_loads_and_saves_to_the_same(finished: Path, tmp_path: Path) -> None:
    graph = load_graph(finished / "graph.h5")
    save_graph(graph, tmp_path / "again.h5")
    first = depth_snn(*simulate(finished))
    again = depth_snn("simulate", tmp_path / "again.h5", finished / "inputs.h5")
    assert first.out == again.out


def test_simulate_refuses(finished: Path, fast: Path, tmp_path: Path) -> None:
    graph, inputs, text = finished / "graph.h5", finished / "inputs.h5", tmp_path / "text.h5"
    text.write_text("neither", encoding="utf-8")
    refused(depth_snn("simulate", tmp_path / "no.h5", inputs), "no such graph file")
    refused(depth_snn("simulate", text, inputs), "text.h5: not a", "graph file")
    refused(depth_snn("simulate", inputs, inputs), "not a depth-snn-graph file")
    refused(depth_snn("simulate", graph, graph), "not a depth-snn-inputs file")
    refused(depth_snn("simulate", graph, text), "text.h5: not a", "inputs file")
    refused(depth_snn("simulate", graph, fast), "input")
    refused(depth_snn(*simulate(finished, "--compare", inputs)), "no port in common")
    refused(depth_snn(*simulate(finished, "--compare", tmp_path / "no.h5")), "no such file")
    refused(depth_snn(*simulate(finished, "--out", tmp_path)), "is a folder")
    refused(depth_snn(*simulate(finished, "--deadline", "0")), "--deadline")
    short = {k: v[:1] for k, v in load_arrays(fast).items()}
    save_arrays(short, tmp_path / "short.h5")
    refused(depth_snn(*simulate(finished, "--compare", tmp_path / "short.h5")), "shapes")
    wrong = load_arrays(inputs) | {"drive": load_arrays(inputs)["drive"][:, :1]}
    save_arrays(wrong, tmp_path / "wrong.h5")
    refused(depth_snn("simulate", graph, tmp_path / "wrong.h5"), "drive")


def test_a_board_is_refused_before_anything_is_read() -> None:
    refused(depth_snn("simulate", "none", "none", "--engine", "loihi2"), "lava-loihi", "--engine")


@pytest.mark.skipif(not LAVA, reason=f"needs Lava: {WHY}")
def test_lava_equals_the_reference(finished: Path, tmp_path: Path) -> None:
    values = tmp_path / "reference.h5"
    done = depth_snn(*simulate(finished, "--engine", "reference", "--out", values))
    assert done.code == 0, done
    done = depth_snn(*simulate(finished, "--engine", "lava", "--compare", values))
    assert done.code == 0, done
    ports = len(load_arrays(values))
    assert f"of {ports} ports" in done.out and "\n0 mismatches in" in done.out


@pytest.mark.skipif(not LAVA, reason=f"needs Lava: {WHY}")
def test_lava_shows_its_steps_and_keeps_its_deadline(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(word) for word in simulate(finished, "--engine", "lava", "--stock")]
    assert main(words) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "Lava, steps" in line]
    frames = len(load_arrays(finished / "inputs.h5")["pixels"])
    steps = frames + max(load_graph(finished / "graph.h5").lags.values())
    assert lines[0].startswith(f"Lava, steps: 0 of {steps} ") and "building" in lines[0]
    shown = [int(line.split()[2]) for line in lines]
    assert shown == sorted(shown) and shown[-1] == steps and len(shown) > 2
    refused(depth_snn(*words, "--deadline", "0.5"), "did not finish within 0.5 s")


def budget(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "budget.toml"
    path.write_text(f"format = 1\n{text}\n", encoding="utf-8")
    return path


def test_check_passes_fails_and_errs(finished: Path, tmp_path: Path) -> None:
    run, said = finished / "run.h5", tmp_path / "said.json"
    loose = budget(tmp_path, "[network]\nmacs_ratio_max = 100\n[quality]\nmiou_min = 0")
    done = depth_snn("check", run, "--budget", loose, "--json", said)
    assert done.code == 0 and "PASS: all 2 limits" in done.out
    assert json.loads(said.read_text())["passed"] is True
    tight = budget(tmp_path, "[network]\nsynaptic_operations_per_frame_max = 1")
    done = depth_snn("check", run, "--budget", tight, "--json", said)
    assert done.code == 2 and json.loads(said.read_text())["exit_code"] == 2
    fault = done.out.splitlines()[-1]
    assert fault.startswith("FAIL: network.synaptic_operations_per_frame_max")
    assert "(network, frame " in fault
    nobody = budget(tmp_path, '[layers."nobody.*"]\nfiring_rate_max = 1')
    refused(depth_snn("check", run, "--budget", nobody), "nobody")
