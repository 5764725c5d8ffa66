"""A search killed halfway ends, once resumed, at the very front of one that nobody stopped.

Evolution looks for rates and thresholds of a tiny network's pruning. Every evaluation is on disk
before it counts, so SIGKILL takes at most the one that was being made.
"""

from __future__ import annotations

import io
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path

from depth_snn.cli.main import main as depth_snn

EVALUATIONS = 40
SEARCH = (
    "search --network tiny --genome proposal --scenes driving-day --frames 6 --heldout-seeds 2 "
    f"--front 3 --evaluations {EVALUATIONS} --seed 1"
).split()
POLICY = 'motion = "patch"\ntau_stale = 4.0\ntau_px = 1.0\n'


def kill_halfway(words: list[str]) -> None:
    """Start the search in a process of its own, and kill it when it says that it is under way."""
    command = [sys.executable, "-m", "depth_snn.cli", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        said = next((line for line in child.stderr if line.startswith("evaluations:")), "nothing")
        child.kill()
    print(f"killed at   {said.strip()}")


def kept(store: Path) -> int:
    """Evaluations in a store that nobody has open."""
    with closing(sqlite3.connect(store)) as database:
        return int(database.execute("SELECT count(*) FROM evaluations").fetchone()[0])


def finish(words: list[str]) -> str:
    """Run a search to its end in this process; what it printed."""
    shown = io.StringIO()
    with redirect_stdout(shown), redirect_stderr(io.StringIO()) as errors:
        code = depth_snn(words)
    assert code == 0, errors.getvalue()
    return shown.getvalue()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
        search = [*SEARCH, "--policy", str(folder / "policy.toml"), "--out"]
        stopped, whole = folder / "stopped", folder / "whole"
        kill_halfway([*search, str(stopped)])
        saved = kept(stopped / "search.sqlite")
        print(f"on disk     {saved} of {EVALUATIONS} evaluations")
        assert 0 < saved < EVALUATIONS
        finish([*search, str(stopped), "--resume"])
        table = finish([*search, str(whole)])
        print(table.split("\n\n")[0].strip("\n"))
        fronts = [(place / "front.csv").read_bytes() for place in (stopped, whole)]
        assert fronts[0] == fronts[1], "a resumed search must end where an unstopped one does"
        print(f"\nsame front, all {len(fronts[0].splitlines()) - 1} points of it, to the last bit")


if __name__ == "__main__":
    main()
