"""One small finished run that the tests of several commands look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.command import TINY, depth_snn

FRAMES = 12


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a run of the tiny network on the built-in street, with its figures."""
    folder = tmp_path_factory.mktemp("run") / "deep" / "out"
    done = depth_snn(
        "run", "scene:street", "--out", folder, "--frames", str(FRAMES), *TINY,
        "--budget", "street", "--json", folder / "figures.json",
    )  # fmt: skip
    assert done.code in (0, 2), done
    (folder / "said.txt").write_text(done.out, encoding="utf-8")
    (folder / "code.txt").write_text(str(done.code), encoding="utf-8")
    return folder
