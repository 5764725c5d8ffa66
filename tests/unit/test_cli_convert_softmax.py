"""`depth-snn convert` on softmax networks: a graph file, its shares, and one line for bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conversion.graph_file import load_graph
from depth_snn.cli.main import main
from sims.inputs_file import save_arrays

pytest.importorskip("timm")
SPEC = (
    "timm:vit_tiny_patch16_224?img_size=32&depth=1&embed_dim=12&num_heads=2&patch_size=16"
    "&num_classes=5"
)


def test_a_timm_vit_becomes_a_file_that_two_simulators_run_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "vit.h5"
    assert main(["convert", "--network", SPEC, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    (line,) = [text for text in said.splitlines() if text.startswith("operations of a dense frame")]
    parts = [float(word) for word in line.replace(",", "").split() if word.count(".") == 1]
    assert abs(sum(parts) - 100) < 0.02 and "% host" in line and parts[-1] > 1
    graph = load_graph(out)
    assert graph.by_name["head.out"].output_shape("out") == (1, 5)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32 * 32, 3))
    save_arrays({"pixels": pixels}, tmp_path / "in.h5")
    words = ["simulate", str(out), str(tmp_path / "in.h5")]
    assert main([*words, "--engine", "fast", "--out", str(tmp_path / "fast.h5")]) == 0
    assert main([*words, "--engine", "reference", "--compare", str(tmp_path / "fast.h5")]) == 0
    assert "\n0 mismatches in " in capsys.readouterr().out


def test_the_same_seed_gives_the_same_file_and_another_another(tmp_path: Path) -> None:
    for name, spec in (("a", SPEC), ("b", SPEC), ("c", f"{SPEC}&seed=1")):
        assert main(["convert", "--network", spec, "--out", str(tmp_path / name)]) == 0
    a, b, c = (load_graph(tmp_path / name).by_name["head.syn"].attributes() for name in "abc")
    assert np.array_equal(a["weight"], b["weight"])
    assert not np.array_equal(a["weight"], c["weight"])


BAD = (
    (["--network", "timm:resnet50"], "no ViT named"),
    (["--network", "timm:vit_tiny_patch16_224?size=3"], "unknown option 'size'"),
    (["--network", f"{SPEC}&weights=none.safetensors"], "none.safetensors: no such weights"),
    (["--network", SPEC, "--tau-px", "1"], "--tau-px: network"),
    (["--network", SPEC, "--no-recovery"], "--no-recovery: network"),
    (["--network", "small_vit", "--policy", "x.toml"], "--policy: network 'small_vit'"),
    (["--network", SPEC, "--calibrate", "none.mp4"], "none.mp4"),
)


@pytest.mark.parametrize(("words", "said"), BAD, ids=[said for _, said in BAD])
def test_bad_input_is_one_line_and_leaves_nothing(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["convert", *words, "--out", str(tmp_path / "g.h5")]) == 1
    caught = capsys.readouterr()
    assert len(caught.err.strip().splitlines()) == 1 and said in caught.err
    assert not list(tmp_path.iterdir())
