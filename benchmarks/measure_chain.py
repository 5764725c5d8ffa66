"""The whole chain on the built-in street through `depth-snn run`: work, cap, speed, accuracy.

Default policy, recovery on. Speed-ups are medians over repeated runs, with half their range as the
spread; everything else must come out the same in every repeat.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from depth_snn.errors import FigureError
from depth_snn.figures import Figure, found_now, load_figures, publish

COMMAND = "python benchmarks/measure_chain.py"
TIMED = (
    "chain_speedup_vs_dense_sdpa", "chain_speedup_vs_dense_linear", "chain_conversion_ratio",
)  # fmt: skip
EXACT = (
    "chain_macs_ratio", "chain_extra_compute_worst", "chain_miou_dense", "chain_miou_pruned",
    "chain_miou_integer", "chain_energy_vs_pruned_int8", "chain_gate_spikes",
)  # fmt: skip
NAMES = (*TIMED, *EXACT)


def run_once(network: str, frames: int, folder: Path) -> dict[str, Figure]:
    """Figures of one run of the command."""
    figures = folder / "figures.json"
    words = ["run", "scene:street", "--network", network, "--frames", str(frames)]
    command = [sys.executable, "-m", "depth_snn.cli", *words, "--out", str(folder / "out")]
    done = subprocess.run([*command, "--json", str(figures)], check=False)
    if done.returncode != 0:
        raise FigureError(f"depth-snn {' '.join(words)}: exit {done.returncode}")
    return load_figures(figures)


def measure(network: str, frames: int, repeats: int) -> dict[str, Figure]:
    """All figures of this file."""
    with tempfile.TemporaryDirectory() as name:
        runs = [run_once(network, frames, Path(name)) for _ in range(repeats)]
    found = {}
    for name in NAMES:
        if any(name not in run for run in runs):
            raise FigureError(f"{name}: the run did not measure it")
        values, first = [run[name].value for run in runs], runs[0][name]
        if name in EXACT and len(set(values)) > 1:
            raise FigureError(f"{name} differs between repeats: {values}")
        spread = (max(values) - min(values)) / 2 if name in TIMED else None
        found[name] = found_now(
            median(values), unit=first.unit, spread=spread, command=COMMAND, kind=first.kind
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--network", default="small", help="network (default small)")
    parser.add_argument("--frames", type=int, default=60, help="frames (default 60)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of the command (default 3)")
    options = parser.parse_args()
    try:
        figures = measure(options.network, options.frames, options.repeats)
    except FigureError as error:
        print(f"measure_chain: error: {error}", file=sys.stderr)
        return 1
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
