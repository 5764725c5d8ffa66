"""Modelled cores, frames per second and energy of three networks on Loihi 2, in both mappings.

Each network sees a street scene (`depth-snn run`), is placed on the largest shipped target, and its
clip is counted there three times: every token open, pruned, and pruned with recovery. `vit_tiny`
has the shape of a ViT-Tiny and untrained weights, so its counts say little about a trained one.
Frames per second are upper bounds, energies lower ones; means leave out the first frame.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import torch

from conversion.graph import Graph
from conversion.graph_file import load_graph
from depth_snn.config import NetworkConfig
from depth_snn.figures import Figure, found_now, publish
from depth_snn.models.build import build_network
from depth_snn.models.weights import save_model
from loihi.placing.place import place
from loihi.target import load_target
from sims.calibration import load_calibration
from sims.deployment import chip_model, pruned_cores
from sims.footprint import state_bytes, weight_bytes
from sims.inputs_file import load_arrays
from sims.placed_run import DENSE, MAPPINGS, PRUNED, RECOVERED, SPATIAL, count_placed, variants_of
from sims.record_file import load_record
from sims.step_bound import bound_steps
from sims.study import Study, make_study, study_text
from sims.timing_table import load_timing

COMMAND = "python benchmarks/measure_deployment.py"
TARGET, CHIP, SCENE = "hala_point", "loihi2", "scene:street"
NETWORKS = {"tiny": 12, "small": 6, "vit_tiny": 4}
"""Frames of each network."""
OF_BLOCKS = "small"
"""The network whose blocks are looked at alone too; the tiny one has no cores of blocks only."""
SHORT = {DENSE: "dense", PRUNED: "pruned", RECOVERED: "recovered"}
VIT_TINY = NetworkConfig(
    name="vit_tiny", height=224, width=224, stem=(24, 48, 96), dim=192, heads=(3,) * 12,
    head_dim=64, mlp=768, decoder=48, region=2,
)  # fmt: skip
INFIX = {mapping: "" if mapping == SPATIAL else f"_{mapping}" for mapping in MAPPINGS}
NAMES = (
    *(
        f"modelled_{network}{infix}_{what}"
        for network in NETWORKS
        for infix in INFIX.values()
        for what in ("cores", "chips", "latency_ms", "static_mj",
                     *(f"{q}_{v}" for v in SHORT.values() for q in ("fps", "uj")))
    ),
    "modelled_small_blocks_fps_dense", "modelled_small_blocks_fps_pruned",
    "modelled_small_state_mib", "modelled_small_weights_mib", "modelled_chip_memory_mib",
    "pilotnet_lif_fps_modelled", "pilotnet_lif_fps_board",
)  # fmt: skip
Found = dict[str, tuple[float, str]]


def weights(network: str, folder: Path) -> str:
    """What `depth-snn run --network` takes."""
    if network != VIT_TINY.name:
        return network
    torch.manual_seed(0)
    path = folder / "vit_tiny.safetensors"
    save_model(build_network(VIT_TINY), path)
    return str(path)


def study_of(network: str, frames: int, folder: Path) -> tuple[Study, Found]:
    """Run, place, count and model a network; with what only the placement tells."""
    words = ["run", SCENE, "--network", weights(network, folder), "--frames", str(frames)]
    words += ["--out", str(folder), "--keep-inputs", str(frames), "--witness-frames", "0"]
    command = [sys.executable, "-m", "depth_snn.cli", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    graph = load_graph(folder / "graph.h5")
    target = load_target(TARGET)
    placements = {m: place(graph, target, mapping=m).placement for m in MAPPINGS}
    clips = variants_of(graph, load_arrays(folder / "inputs.h5"))
    runs = count_placed(graph, clips, placements)
    study = make_study(load_record(folder / "run.h5"), graph, runs, chip_model(CHIP))
    if network != OF_BLOCKS:
        return study, {}
    inside = pruned_cores(graph, placements[SPATIAL])
    blocks = {
        f"modelled_{network}_blocks_fps_{SHORT[variant]}": (case.frames_per_s_of(inside), "fps")
        for variant in (DENSE, PRUNED)
        if (case := study.case(variant, SPATIAL)) is not None
    }
    return study, blocks | sizes(network, graph)


def sizes(network: str, graph: Graph) -> Found:
    """Bytes of state and weights on the neurocores, each weight once, and what one chip holds."""
    inside = [node for node in graph.nodes if node.runs_on == "neurocore"]
    chip = load_target(CHIP)
    memory = chip.known("memory_bytes_per_core") * chip.cores
    return {
        f"modelled_{network}_state_mib": (sum(map(state_bytes, inside)) / 2**20, "MiB"),
        f"modelled_{network}_weights_mib": (sum(map(weight_bytes, inside)) / 2**20, "MiB"),
        "modelled_chip_memory_mib": (memory / 2**20, "MiB"),
    }


def of_study(network: str, study: Study) -> Found:
    """Value and unit by name."""
    found: Found = {}
    for mapping, infix in INFIX.items():
        start = f"modelled_{network}{infix}"
        for variant, short in SHORT.items():
            case = study.case(variant, mapping)
            assert case is not None
            uj = case.tiers["operations"].mean_pj(case.steady) / 1e6
            found[f"{start}_fps_{short}"] = (case.frames_per_s, "fps")
            found[f"{start}_uj_{short}"] = (uj, "µJ")
        static = case.tiers["static"].mean_pj(case.steady) / 1e9
        found[f"{start}_cores"] = (case.cores, "")
        found[f"{start}_chips"] = (case.chips or 0, "")
        found[f"{start}_latency_ms"] = (case.latency_ms, "ms")
        found[f"{start}_static_mj"] = (static, "mJ")
    return found


def pilotnet() -> Found:
    """PilotNet LIF: the board's frames per second, and ours from counts spread over its cores."""
    stored = load_calibration()
    measured, steps = stored.measured, int(stored.measured["steps_per_frame"])
    cores = int(measured["cores"])
    done: Mapping[str, Mapping[int, list[Fraction]]] = {
        event: {0: [Fraction(int(stored.counts[count]), steps * cores)]}
        for event, count in (
            ("synaptic_operation", "synaptic_operations"),
            ("neuron_update_active", "updates_active"),
            ("neuron_update_idle", "updates_idle"),
        )
    }
    step = bound_steps(done, (1,), load_timing(CHIP)).ns[0]
    return {
        "pilotnet_lif_fps_modelled": (float(10**9 / (steps * step)), "fps"),
        "pilotnet_lif_fps_board": (float(measured["frames_per_s"]), "fps"),
    }


def legible(value: float) -> float:
    """The value, as a whole number where a fraction says nothing."""
    return round(value) if abs(value) >= 1000 else value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    values = pilotnet()
    for network, frames in NETWORKS.items():
        with tempfile.TemporaryDirectory() as name:
            study, blocks = study_of(network, frames, Path(name))
        print(study_text(study), flush=True)
        values |= of_study(network, study) | blocks
    figures: dict[str, Figure] = {
        name: found_now(
            legible(values[name][0]), unit=values[name][1], command=COMMAND,
            kind="quoted" if name == "pilotnet_lif_fps_board" else "modelled",
        )
        for name in NAMES
    }  # fmt: skip
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
