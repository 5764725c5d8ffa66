"""A budget as a gate in continuous integration: exit code 0 within it, 2 when a limit is exceeded.

One run is saved and judged twice, against limits it keeps and against one it cannot keep.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

KEPT = """format = 1
[network]
macs_ratio_max = 1.0
[recovery]
extra_compute_percent_max = 15
[quality]
miou_loss_max = 5
"""
BROKEN = """format = 1
[layers."block*"]
synaptic_operations_per_frame_max = 100
"""


def depth_snn(*words: str) -> tuple[int, str]:
    """Exit code and last line of a command."""
    command = [sys.executable, "-m", "depth_snn.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, (done.stdout.splitlines() or [done.stderr.strip()])[-1]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kept.toml").write_text(KEPT, encoding="utf-8")
        (folder / "broken.toml").write_text(BROKEN, encoding="utf-8")
        # Dense flow would cost more than so small a network; patch differences do not.
        words = ("--network", "tiny", "--motion", "patch", "--frames", "6")
        words += ("--budget", str(folder / "kept.toml"))
        code, line = depth_snn("run", "scene:street", "--out", str(folder / "run"), *words)
        print(f"run:                      exit {code}")
        assert code == 0, line
        for budget, expected in (("kept.toml", 0), ("broken.toml", 2), ("missing.toml", 1)):
            record = str(folder / "run" / "run.h5")
            code, line = depth_snn("check", record, "--budget", str(folder / budget))
            print(f"check against {budget:12}: exit {code}  {line.replace(name, '')[:110]}")
            assert code == expected, line


if __name__ == "__main__":
    main()
