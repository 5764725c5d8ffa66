"""docs/datasets.md: its Python runs, and its example of a recording's facts is accepted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from depth_snn.data.readers.carla_recording import read_recording

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(root: Path, language: str) -> list[str]:
    text = (root / "docs" / "datasets.md").read_text(encoding="utf-8")
    return [code for kind, code in FENCE.findall(text) if kind == language]


@pytest.mark.parametrize("number", [0, 1])
def test_python_runs(project_root: Path, shared_data: Path, tmp_path: Path, number: int) -> None:
    for name in ("camvid", "davis"):
        if not (shared_data / name).is_dir():
            pytest.skip(f"needs {name} beside the project (../shared/data/{name}), not here")
    blocks = _blocks(project_root, "python")
    assert len(blocks) == 2
    (tmp_path / "data").symlink_to(shared_data)
    done = subprocess.run(
        [sys.executable, "-c", blocks[number]],
        cwd=tmp_path,
        env={"PYTHONPATH": str(project_root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_facts_are_accepted(project_root: Path, tmp_path: Path) -> None:
    (facts,) = _blocks(project_root, "json")
    (tmp_path / "recording.json").write_text(facts)
    assert read_recording(tmp_path).carla_version == "0.9.15"


def test_the_picture_is_there_and_small(project_root: Path) -> None:
    assert (project_root / "docs" / "images" / "collage.jpg").stat().st_size < 150_000
