"""Which side wins on energy hangs on prices nobody measured: three cost tables, one small run.

A run of the tiny network is priced as Loihi 1 (published), Loihi 2 (calibrated on one measured
network) and Loihi 1 again (as SANA-FE fits it), against the dense network in int8. Each total says
what it leaves out, each verdict what would turn it. All of it is modelled.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from sims.comparison import compare_with_baselines
from sims.cost_table import load_table
from sims.energy import estimate_energy
from sims.record_file import load_record
from sims.sensitivity import sensitivities


def run(folder: Path) -> Path:
    """A run of six frames; the command writes run.h5."""
    words = ("scene:street", "--out", str(folder), "--network", "tiny", "--motion", "patch")
    command = [sys.executable, "-m", "depth_snn.cli", "run", *words, "--frames", "6"]
    subprocess.run([*command, "--witness-frames", "0"], check=True, capture_output=True)
    return folder / "run.h5"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        record = load_record(run(Path(name)))
    for table in ("loihi1", "loihi2", "sanafe"):
        energy = estimate_energy(record, load_table(table))
        total = energy.tiers["operations"]
        low, high = total.mean_band_pj(record.steady)
        print(f"{table:7} {total.text(record.steady)}")
        assert total.unknown, "some price is unknown, and the total says so"
        assert low <= total.mean_pj(record.steady) <= high
        found = {c.baseline: c for c in compare_with_baselines(energy, record.steady)}
        print(f"        {found['dense int8'].text}")
        dense = next(b for b in energy.baselines if b.name == "dense int8")
        nearest = sensitivities(energy, dense, record.steady, "operations")[0]
        print(f"        at the central prices it would turn with {nearest.constant} {nearest.text}")
        # Where every value changes, an 8-bit multiply at 0.23 pJ is hard to beat.
        assert found["dense int8"].outcome == "loses" and nearest.flips


if __name__ == "__main__":
    main()
