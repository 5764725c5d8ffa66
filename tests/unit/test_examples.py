"""Every example runs and asserts its own claim."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
DEADLINE_S = 120
SKIPPED = 77
"""Exit code of an example that lacks what it compares with."""


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_example_runs(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    if done.returncode == SKIPPED:
        (line,) = done.stdout.splitlines()  # and nothing else
        pytest.skip(line)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_example_that_compares_nothing_does_not_pass(tmp_path: Path) -> None:
    (path,) = (path for path in EXAMPLES if path.stem.endswith("silicon_trace"))
    done = subprocess.run(
        [sys.executable, str(path), str(tmp_path / "none.csv")],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == SKIPPED and len(done.stdout.splitlines()) == 1
    assert not done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_example_asserts_something(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "an example says at its top what it shows"
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))


def environment() -> dict[str, str]:
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
