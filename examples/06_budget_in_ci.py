"""A budget as a gate in continuous integration: exit code 0 within it, 2 when a limit is exceeded.

A good run proposes the budget that later ones are held to. The gate then passes the same network,
stops one that prunes less, and writes JUnit XML that names the limits which stopped it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

TINY = ("--network", "tiny", "--motion", "patch", "--frames", "6", "--witness-frames", "0")
"""Dense flow would cost more than so small a network; patch differences do not."""


def depth_snn(*words: str | Path) -> tuple[int, str]:
    """Exit code and last line of a command."""
    command = [sys.executable, "-m", "depth_snn.cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout.splitlines() or [done.stderr.strip()])[-1]


def gate(run: Path, budget: Path) -> tuple[int, list[str]]:
    """What a CI job does: judge, and keep the names of the failed test cases."""
    report = run / "limits.xml"
    code, line = depth_snn("check", run / "run.h5", "--budget", budget, "--junit", report)
    cases = ElementTree.parse(report).getroot().iter("testcase")
    failed = [str(case.get("name")) for case in cases if case.find("failure") is not None]
    print(f"{run.name:9} exit {code}, {len(failed)} limits exceeded")
    print(f"          {line.replace(str(run.parent), '')[:100]}")
    return code, failed


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        budget = folder / "budget.toml"
        for run, words in (("good", ()), ("changed", ("--tau-px", "0", "--tau-stale", "0"))):
            code, line = depth_snn("run", "scene:street", "--out", folder / run, *TINY, *words)
            assert code == 0, line
        code, line = depth_snn("check", folder / "good" / "run.h5", "--propose", budget)
        assert code == 0, line
        assert gate(folder / "good", budget) == (0, [])
        code, failed = gate(folder / "changed", budget)
        assert code == 2 and "network.macs_ratio_max" in failed, failed
        print("          " + "\n          ".join(failed[:4]) + "\n          ...")
        missing = ("--budget", folder / "none.toml")
        code, line = depth_snn("check", folder / "good" / "run.h5", *missing)
        print(f"no budget exit {code}")
        assert code == 1, "a budget that is not there must not pass"


if __name__ == "__main__":
    main()
