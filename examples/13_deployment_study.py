"""Does it fit a Loihi 2, what limits it, and what does pruning change? A study in seconds.

A run of the tiny network is placed on one chip in both mappings and counted there three times: with
every token open, pruned, and pruned with recovery. The bottleneck is named by core and resource.
All of it is modelled: frames per second are at most, energies at least what is printed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from conversion.graph_file import load_graph
from loihi.placing.place import place
from loihi.preflight import preflight
from loihi.target import load_target
from sims.deployment import chip_model
from sims.inputs_file import load_arrays
from sims.placed_run import DENSE, MAPPINGS, PRUNED, RECOVERED, count_placed, variants_of
from sims.record_file import load_record
from sims.study import make_study, study_text

FRAMES = "5"


def run(folder: Path) -> None:
    """A run that keeps its inputs: run.h5, graph.h5, inputs.h5."""
    words = ("scene:street", "--out", str(folder), "--network", "tiny", "--motion", "patch")
    command = [sys.executable, "-m", "depth_snn.cli", "run", *words, "--frames", FRAMES]
    subprocess.run([*command, "--keep-inputs", FRAMES], check=True, capture_output=True)


def main() -> None:
    target = load_target("loihi2")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(folder)
        record, graph = load_record(folder / "run.h5"), load_graph(folder / "graph.h5")
        inputs = load_arrays(folder / "inputs.h5")
    preflight(graph, target).refuse()
    placements = {mapping: place(graph, target, mapping=mapping).placement for mapping in MAPPINGS}
    runs = count_placed(graph, variants_of(graph, inputs), placements)
    study = make_study(record, graph, runs, chip_model("loihi2"), [chip_model("loihi1")])
    print(study_text(study))

    spatial = {v: study.case(v, "spatial") for v in (DENSE, PRUNED, RECOVERED)}
    dense, pruned, recovered = spatial.values()
    serial = study.case(RECOVERED, "serial")
    assert dense and pruned and recovered and serial
    assert dense.chips == serial.chips == 1, "it fits one chip in both mappings"
    assert "of core" in dense.waits, "a core is the bottleneck of the spatial mapping"
    assert serial.cores < dense.cores and serial.frames_per_s < dense.frames_per_s
    energy = [case.tiers["operations"].mean_pj(case.steady) for case in (dense, pruned, recovered)]
    assert energy[0] > energy[2] >= energy[1], "pruning saves, recovery gives some of it back"
    assert all(case.tiers["static"].unknown for case in study.cases), "no total is complete"


if __name__ == "__main__":
    main()
