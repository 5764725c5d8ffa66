"""Every measuring script explains itself, and every name it writes has a meaning."""

from __future__ import annotations

import ast
import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from depth_snn.figures import load_figures, load_meanings

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(
    [*(ROOT / "benchmarks").glob("measure_*.py"), *(ROOT / "benchmarks").glob("bench_*.py")]
)
MEANINGS = load_meanings(ROOT / "docs" / "figures.md")


def measure(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / f"measure_{name}.py"), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def names_in(script: Path) -> set[str]:
    """Names of the figures a script writes, as it declares them."""
    names = runpy.run_path(str(script), run_name="looked_at")["NAMES"]
    assert all(isinstance(name, str) for name in names)
    return set(names)


def test_every_name_with_a_meaning_is_measured_by_one_script() -> None:
    assert len(SCRIPTS) >= 6
    found = [name for script in SCRIPTS for name in names_in(script)]
    assert sorted(found) == sorted(MEANINGS), "docs/figures.md and benchmarks/ name the same"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_takes_json_and_says_what_it_measures(
    script: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = script.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)) and "publish(figures, " in text
    monkeypatch.setattr(sys, "argv", [script.name, "--help"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(script), run_name="__main__")
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert "--json" in said and script.name in said and len(said.splitlines()) > 5


def test_the_silicon_script_needs_its_trace(tmp_path: Path) -> None:
    done = measure("silicon", "--trace", str(tmp_path / "none.csv"), "--json", str(tmp_path / "f"))
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "none.csv" in done.stderr and not (tmp_path / "f").exists()


def test_the_silicon_script_counts_mismatches(tmp_path: Path) -> None:
    """A made-up trace of a neuron that never spikes: it is the drive that decides the count."""
    trace, out = tmp_path / "trace.csv", tmp_path / "f.json"
    trace.write_text("\n".join(f"{i % 2},0,0" for i in range(40)), encoding="utf-8")
    assert measure("silicon", "--trace", str(trace), "--json", str(out)).returncode == 0
    wrong = load_figures(out)["silicon_trace_spike_mismatches"].value
    assert 0 < wrong < 40
    assert json.loads(out.read_text(encoding="utf-8"))["format"] == 1


def test_the_silicon_script_on_the_recorded_trace(shared_data: Path, tmp_path: Path) -> None:
    trace, out = shared_data / "loihi2_lif_trace.csv", tmp_path / "f.json"
    if not trace.is_file():
        pytest.skip("loihi2_lif_trace.csv is not at hand")
    assert measure("silicon", "--trace", str(trace), "--json", str(out)).returncode == 0
    assert load_figures(out)["silicon_trace_spike_mismatches"].value == 0


def test_the_exactness_script_on_the_tiny_network(tmp_path: Path) -> None:
    out, words = tmp_path / "f.json", ("--frames", "3", "--drift-frames", "60")
    done = measure("exactness", "--network", "tiny", *words, "--json", str(out))
    assert done.returncode == 0, done.stderr
    found = load_figures(out)
    assert 0 <= found["dense_equals_pruned_max_abs"].value <= 1e-5
    assert 0 < found["drift_10000_frames_max_abs"].value <= 1e-4
