"""Everything `depth-snn eval --protocol depth` says of pruning and recovery, on five seeds.

The same weights and clips for the dense network, for pruning without recovery and with it, and for
other rules of restoring at equal work. CamVid's val sequence needs its folder. Minutes; times mean
something only on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from depth_snn.errors import DepthError, FigureError
from depth_snn.figures import Figure, load_figures, publish

COMMAND = "python benchmarks/measure_depth.py --data DIR"
RULES = (
    "none", "spike", "spike_full", "spike_untrained",
    "random", "periodic", "threshold", "topk_error", "topk_motion",
)  # fmt: skip
NAMES = (
    *(
        f"{group}_{what}"
        for group in ("static", "ego")
        for what in (
            "mac_saving", "miou_loss", "pedestrian_loss", "vehicle_loss", "miou_loss_irreversible",
        )
    ),
    "static_speedup", "static_conversion_ratio",
    *(f"{weather}_miou_loss" for weather in ("dusk", "night", "rain", "fog", "low_sun")),
    "burst_gap_closed_3_frames", "burst_miou_delta_to_dense", "irreversible_burst_miou_delta",
    "burst_miou_dense", "recovery_extra_mean", "recovery_extra_worst",
    *(
        f"{kind}_{what}_{rule}"
        for kind in ("ablation", "judged")
        for rule in RULES
        for what in ("burst_miou", "macs")
    ),
    "plain_gap_closed_3_frames",
    "depth_energy_dense_uj",
    *(
        f"{group}_energy_{what}"
        for group in ("static", "ego", "depth")
        for what in ("normal_saving", "burst_saving", "burst_extra")
    ),
    *(
        f"depth_energy_{what}_{method}"
        for method in ("irreversible", "proposal")
        for what in ("normal_saving", "burst_saving", "burst_extra")
    ),
    "camvid_mac_saving", "camvid_miou_loss", "camvid_speedup",
)  # fmt: skip


def measure(words: list[str]) -> dict[str, Figure]:
    """Figures of one run of the command."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, "-m", "depth_snn.cli", "eval", "--protocol", "depth", *words]
        if subprocess.run([*command, "--json", str(file)], check=False).returncode:
            raise FigureError("depth-snn eval --protocol depth failed")
        found = load_figures(file)
    return {name: replace(figure, command=COMMAND) for name, figure in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--network", default="small", help="network (default small)")
    parser.add_argument("--seeds", type=int, default=5, help="streets of each scene (default 5)")
    parser.add_argument("--frames", type=int, default=40, help="frames of each clip (default 40)")
    parser.add_argument("--data", type=Path, help="CamVid's folder; without it no camvid_ figures")
    parser.add_argument("--out", type=Path, help="also draw the pictures into this folder")
    options = parser.parse_args()
    words = ["--network", options.network, "--seeds", str(options.seeds)]
    words += ["--frames", str(options.frames)]
    for name in ("data", "out"):
        given = getattr(options, name)
        words += [f"--{name}", str(given)] if given else []
    try:
        figures = measure([*words, *(["--curves"] if options.out else [])])
    except DepthError as error:
        print(f"measure_depth: error: {error}", file=sys.stderr)
        return 1
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
