"""Modelled energy of the `small` network under every cost table, and what the verdict hangs on.

A street scene goes through `depth-snn run`; the finished run is priced as `depth-snn energy` prices
it. Means leave out the first frame. All totals of the spiking network are lower bounds: products of
two states and MACs off the neurocores have no price. The calibration of Loihi 2's table is solved
again from the stored counts; `calibrate_loihi2.py` counts anew.
"""

from __future__ import annotations

import argparse
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

from depth_snn.errors import MissingDependency
from depth_snn.figures import Figure, found_now, publish
from sims.calibration import calibrate, load_calibration, scale_of
from sims.cost_table import load_table
from sims.energy import estimate_energy
from sims.energy_text import energy_text
from sims.energy_total import Baseline, EnergyReport
from sims.record import RunRecord
from sims.record_file import load_record
from sims.sensitivity import break_even, sensitivities

COMMAND = "python benchmarks/measure_energy.py"
NAMES = (
    "energy_small_uj_loihi1", "energy_small_uj_loihi2", "energy_small_uj_loihi2_low",
    "energy_small_uj_loihi2_high", "energy_small_uj_sanafe", "energy_small_static_uj_loihi2",
    "energy_small_dense_int8_uj", "energy_small_dense_int8_memory_low_uj",
    "energy_small_dense_int8_memory_high_uj", "energy_small_dense_int8_xavier_uj",
    "energy_small_activity_percent", "energy_small_break_even_percent_fp32",
    "energy_small_break_even_percent_int8", "energy_small_flip_factor_int8",
    "energy_small_flip_factor_synop_fp32", "pilotnet_calibration_scale",
    "pilotnet_calibration_synop_pj", "pilotnet_calibration_synop_high_pj",
    "pilotnet_calibration_update_pj", "pilotnet_calibration_update_high_pj",
    "pilotnet_calibration_spike_pj", "pilotnet_calibration_spike_high_pj",
    "pilotnet_sdnn_board_mj", "pilotnet_sdnn_table_mj",
)  # fmt: skip
SCENE, FRAMES = "scene:street", 12


def run(frames: int) -> RunRecord:
    """A run of the small network, by the command that people use."""
    with tempfile.TemporaryDirectory() as name:
        words = ["run", SCENE, "--network", "small", "--frames", str(frames), "--out", name]
        words += ["--witness-frames", "0", "--keep-inputs", "0"]
        command = [sys.executable, "-m", "depth_snn.cli", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return load_record(Path(name) / "run.h5")


def named(report: EnergyReport, name: str) -> Baseline:
    """One of a report's baselines."""
    return next(base for base in report.baselines if base.name == name)


def of_run(record: RunRecord) -> dict[str, tuple[float, str]]:
    """Value and unit by name, of what needs the run."""
    steady, tables = record.steady, ("loihi1", "loihi2", "sanafe")
    reports = {t: estimate_energy(record, load_table(t)) for t in tables}
    xavier = estimate_energy(record, baseline_table=load_table("xavier"))
    print(energy_text(record, [*reports.values(), xavier]), flush=True)
    found: dict[str, tuple[float, str]] = {}
    for name, report in reports.items():
        total = report.tiers["operations"]
        found[f"energy_small_uj_{name}"] = (total.mean_pj(steady) / 1e6, "µJ")
        if total.banded:
            for end, value in zip(("low", "high"), total.mean_band_pj(steady), strict=True):
                found[f"energy_small_uj_{name}_{end}"] = (value / 1e6, "µJ")
    static = reports["loihi2"].tiers["static"]
    found["energy_small_static_uj_loihi2"] = (static.mean_pj(steady) / 1e6, "µJ")
    loihi1 = reports["loihi1"]
    int8, fp32 = named(loihi1, "dense int8"), named(loihi1, "dense fp32")
    found["energy_small_dense_int8_uj"] = (int8.tiers["operations"].mean_pj(steady) / 1e6, "µJ")
    low, high = int8.tiers["memory"].mean_band_pj(steady)
    found["energy_small_dense_int8_memory_low_uj"] = (low / 1e6, "µJ")
    found["energy_small_dense_int8_memory_high_uj"] = (high / 1e6, "µJ")
    nameplate = named(xavier, "dense int8").tiers["operations"].mean_pj(steady)
    found["energy_small_dense_int8_xavier_uj"] = (nameplate / 1e6, "µJ")
    for name, base in (("int8", int8), ("fp32", fp32)):
        even = break_even(loihi1, base, steady, "operations", record.dense_macs)
        found["energy_small_activity_percent"] = (100 * even.observed, "%")
        # 0 where no activity is low enough.
        found[f"energy_small_break_even_percent_{name}"] = (100 * (even.share or 0.0), "%")
    return found | _flips(loihi1, int8, fp32, record)


def _flips(
    report: EnergyReport, int8: Baseline, fp32: Baseline, record: RunRecord
) -> dict[str, tuple[float, str]]:
    """Factors at which one constant turns the verdict; 0 where none does."""

    def factor(base: Baseline, constant: str) -> float:
        ranked = sensitivities(report, base, record.steady, "operations")
        return next((s.factor or 0.0 for s in ranked if s.constant.endswith(constant)), 0.0)

    return {
        "energy_small_flip_factor_int8": (factor(int8, "int8 MACs"), "×"),
        "energy_small_flip_factor_synop_fp32": (factor(fp32, "synaptic operations"), "×"),
    }


def of_calibration() -> dict[str, tuple[float, str]]:
    """Value and unit by name, of the calibration.

    Raises:
        MissingDependency: lava-dl, which holds the network that was held out, is not installed.
    """
    stored, relative = load_calibration(), load_table("loihi1")
    prices = calibrate(stored, relative)
    found = {"pilotnet_calibration_scale": (float(scale_of(stored, relative)), "×")}
    short = {"synop": "synaptic_operation", "update": "neuron_update_active",
             "spike": "spike_delivery"}  # fmt: skip
    for name, event in short.items():
        found[f"pilotnet_calibration_{name}_pj"] = (float(prices[event].value), "pJ")
        found[f"pilotnet_calibration_{name}_high_pj"] = (float(prices[event].high), "pJ")
    script = runpy.run_path(str(Path(__file__).with_name("calibrate_loihi2.py")))
    board, ours = script["holdout_mj"](stored)
    return found | {
        "pilotnet_sdnn_board_mj": (board, "mJ"), "pilotnet_sdnn_table_mj": (ours, "mJ"),
    }  # fmt: skip


def legible(value: float) -> float:
    """The value, as a whole number where a fraction says nothing."""
    return round(value) if abs(value) >= 1000 else value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--frames", type=int, default=FRAMES, help=f"frames ({FRAMES})")
    options = parser.parse_args()
    try:
        values = of_calibration()
    except MissingDependency as error:
        print(f"measure_energy: error: {error}", file=sys.stderr)
        return 1
    values |= of_run(run(options.frames))
    figures: dict[str, Figure] = {
        name: found_now(
            legible(values[name][0]), unit=values[name][1], command=COMMAND,
            kind="quoted" if name == "pilotnet_sdnn_board_mj" else "modelled",
        )
        for name in NAMES
    }  # fmt: skip
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
