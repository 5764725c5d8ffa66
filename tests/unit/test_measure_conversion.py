"""The script that measures the conversion, on the tiny network and few frames."""

from __future__ import annotations

from pathlib import Path

from conversion.passes.set_thresholds import thresholds_of
from depth_snn.cli.chain.setup import load_policy, prepare
from depth_snn.cli.thresholds import read_thresholds
from depth_snn.figures import load_figures
from tests.unit.small import ROOT
from tests.unit.test_benchmarks import measure

FEW = ("--clips", "1", "--seeds", "1", "--frames", "6", "--runs", "1", "--drift-frames", "40")


def test_the_script_measures_and_draws(tmp_path: Path) -> None:
    file, out, picture = tmp_path / "t.toml", tmp_path / "f.json", tmp_path / "c.png"
    file.write_text("[thresholds]\ndefault = 4\n", encoding="utf-8")
    words = ("--network", "tiny", "--thresholds", str(file), "--data", str(tmp_path / "none"))
    done = measure("conversion", *words, *FEW, "--out", str(picture), "--json", str(out))
    assert done.returncode == 0, done.stderr
    found = load_figures(out)
    assert "int_miou_loss_camvid" not in found and "is left out" in done.stderr
    assert found["integer_drift_10000_frames"].value == 0
    assert found["synop_reduction_static"].value > found["synop_reduction_ego"].value > 1
    assert abs(found["int_miou_loss_scenes"].value) < 5
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_wrong_file_is_one_line(tmp_path: Path) -> None:
    words = ("--network", "tiny", "--thresholds", str(tmp_path / "none.toml"))
    done = measure("conversion", *words, *FEW, "--json", str(tmp_path / "f.json"))
    assert done.returncode == 1 and not (tmp_path / "f.json").exists()
    assert "measure_conversion: error:" in done.stderr.splitlines()[-1]


def test_shipped_thresholds_suit_their_network() -> None:
    files = sorted((ROOT / "depth_snn" / "thresholds").glob("*.toml"))
    assert [path.stem for path in files] == ["small"]
    for path in files:
        graph = prepare(path.stem, load_policy(None, path.stem)).graph
        found = thresholds_of(graph, read_thresholds(str(path)))
        assert max(found.values()) > 1
