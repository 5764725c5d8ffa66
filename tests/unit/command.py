"""Runs `depth-snn` inside the test process, and what every test of a command expects."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from depth_snn.cli.main import main

TINY = ("--network", "tiny")
PROGRESS = (
    "frames:", "reference simulator", "fast simulator", "memory:", "compare:",
    "Lava, steps", "steps:", "clips painted:", "clips:", "groups:", "files:", "passes:",
    "passes measured:", "settings tried:", "verdicts:", "evaluations:", "held-out evaluations:",
)  # fmt: skip


@dataclass(frozen=True)
class Done:
    """Exit code and what was printed; progress lines are taken out of ``err``."""

    code: int
    out: str
    err: str


def depth_snn(*words: str | Path) -> Done:
    """Run one command in this process, which has torch loaded already."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(word) for word in words])
    lines = [line for line in err.getvalue().splitlines() if not line.startswith(PROGRESS)]
    return Done(code, out.getvalue(), "\n".join(lines))


def refused(done: Done, *parts: str) -> None:
    """Assert that a command said in one line what was wrong, on purpose, and exited with 1."""
    assert done.code == 1, done
    lines = done.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("depth-snn: error: "), done.err
    assert "unexpected" not in lines[0] and "Traceback" not in done.out, done
    for part in parts:
        assert part in lines[0], (part, lines[0])


def contents(folder: Path) -> list[str]:
    """Names in a folder."""
    return sorted(path.name for path in folder.iterdir())
