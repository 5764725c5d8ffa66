"""What a command would ignore, or cannot read, is one line that says so before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.command import contents, depth_snn, refused


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["convert", "--out", "x.h5", "--tune-error", "2"], ["--tune-error", "--tune"]),
        (["convert", "--out", "x.h5", "--tune-frames", "9"], ["--tune-frames", "--tune"]),
        (["convert", "--out", "x.h5", "--clips", "2"], ["--clips", "--errors"]),
        (["run", "scene:street", "--out", "x", "--deadline", "3"], ["--deadline", "fast engine"]),
        (["eval", "--clips", "2"], ["--clips", "accuracy"]),
        (["eval", "--int8"], ["--int8", "accuracy"]),
        (["eval", "--curves"], ["--curves", "depth"]),
        (["eval", "--json", "x.json"], ["--json", "depth"]),
        (["eval", "--protocol", "accuracy", "--scenes", "street"], ["--scenes", "stream"]),
        (["eval", "--protocol", "accuracy", "--frames", "3"], ["--frames", "stream and depth"]),
        (["eval", "--protocol", "depth", "--first-seed", "3"], ["--first-seed", "stream"]),
        (["import", "x", "--from", "nir", "--dt", "0", "--out", "x.h5"], ["--dt", "above 0"]),
        (["import", "x", "--from", "netx", "--layers", "0", "--out", "x.h5"], ["--layers"]),
    ],
)  # fmt: skip
def test_an_option_without_effect_is_refused(
    words: list[str], parts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(depth_snn(*words), *parts)
    assert contents(tmp_path) == []


@pytest.mark.parametrize(
    "words",
    [
        ["simulate", "DIR", "DIR"],
        ["check", "DIR", "--budget", "street"],
        ["export", "DIR", "--to", "netx", "--out", "x.net"],
        ["import", "DIR", "--from", "netx", "--out", "x.h5"],
        ["convert", "--network", "DIR", "--out", "x.h5"],
        ["run", "scene:street", "--out", "x", "--policy", "DIR"],
    ],
)
def test_a_folder_given_for_a_file_is_called_one(words: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    refused(depth_snn(*[word.replace("DIR", str(folder)) for word in words]), "folder: is a folder")


def test_an_encoder_that_a_thresholds_file_invents_is_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.write_text('[thresholds]\n"block9.h" = 4\n', encoding="utf-8")
    words = ("convert", "--network", "tiny", "--thresholds", path, "--out", tmp_path / "x.h5")
    refused(depth_snn(*words), "odd.toml: threshold of 'block9.h'", "no such encoder")
