"""What would go to a Loihi 2, as far as it runs here; and a bundle, checked as a stranger would.

Both PilotNets are divided between neurocores and host. All but the adapters is built and run on
Lava's CPU backend, and every neuron's messages are compared with the fast simulator. A bundle of
the tiny network is packed, unpacked into an empty folder and run there in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from conversion.graph import Graph
from conversion.graph_file import save_graph
from conversion.netx import pilotnet
from conversion.netx.importer import import_netx
from conversion.nodes import Input
from depth_snn.cli.chain.engines import record_inputs
from depth_snn.cli.chain.setup import load_policy, prepare
from depth_snn.cli.chain.witness import stack_inputs
from depth_snn.cli.main import main as depth_snn
from depth_snn.data.frames import open_frames
from depth_snn.errors import DepthError, EngineError
from depth_snn.figures import Figure, found_now, publish
from loihi import ports_on_chip, simulate_on_lava
from loihi.chip_plan import make_plan
from sims.fast import simulate
from sims.inputs_file import save_arrays
from sims.result import first_difference

COMMAND = "python benchmarks/measure_loihi2.py"
NAMES = (
    "loihi2_pilotnet_lif_nodes", "loihi2_pilotnet_sdnn_nodes", "loihi2_small_nodes",
    "loihi2_split_values", "loihi2_split_mismatches", "bundle_values", "bundle_mismatches",
)  # fmt: skip
SCENE = "scene:driving"


def networks() -> dict[str, tuple[Graph, Any]]:
    """Both PilotNets as netx makes them, and one frame for each."""
    sdnn = import_netx(pilotnet.folder("pilotnet_sdnn") / "network.net", as_netx=True)
    source = sdnn.of_kind("Input")[0]
    assert isinstance(source, Input)
    picture = np.random.default_rng(0).integers(-64, 65, source.shape)
    return {
        "lif": (pilotnet.network(as_netx=True), pilotnet.picture()),
        "sdnn": (sdnn, picture),
    }


def split(name: str, graph: Graph, picture: Any, frames: int, deadline_s: float) -> tuple[int, int]:
    """Mismatches and values of a divided network on Lava's CPU backend."""
    rng = np.random.default_rng(1)
    clip = np.repeat(picture[None], frames, axis=0)
    clip = clip + rng.integers(-2, 3, clip.shape) * (rng.random(clip.shape) < 0.1)
    inputs = {graph.of_kind("Input")[0].name: clip}
    every = [f"{node.name}.out" for node in graph.nodes if not isinstance(node, Input)]
    ports = list(ports_on_chip(graph, every))
    want = simulate(graph, inputs, probes=ports).values
    began = time.perf_counter()
    raw = simulate_on_lava(graph, inputs, split=True, probes=ports, deadline_s=deadline_s)
    lags = {key: graph.lags[key.rpartition(".")[0]] for key in ports}
    got = {key: raw.by_step[key][lag : lag + frames] for key, lag in lags.items()}
    wrong = sum(int((got[key] != want[key]).sum()) for key in ports)
    total = sum(want[key].size for key in ports)
    sent = sum(int(np.count_nonzero(want[key])) for key in ports)
    print(f"PilotNet {name}: {frames} frames, {time.perf_counter() - began:.0f} s in Lava, "
          f"{sent} messages, {wrong} of {total} values differ")  # fmt: skip
    if wrong:
        print(first_difference(dict(want), got))
    return wrong, total


def bundle(frames: int) -> tuple[int, int]:
    """Mismatches and values that the runner of a bundle of the tiny network finds on Lava."""
    setup = prepare("tiny", load_policy(None, "tiny"))
    size = {"height": setup.config.height, "width": setup.config.width}
    images = [f.rgb for f in open_frames(SCENE, limit=frames, seed=2, **size)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_graph(setup.graph, folder / "graph.h5")
        save_arrays(stack_inputs(record_inputs(setup, images)), folder / "inputs.h5")
        files = [str(folder / f) for f in ("graph.h5", "inputs.h5")]
        if depth_snn(["bundle", *files, "--all-ports", "--out", str(folder / "b.zip")]):
            raise EngineError("the bundle could not be packed")
        with zipfile.ZipFile(folder / "b.zip") as archive:
            archive.extractall(folder / "received")
        (folder / "empty").mkdir()
        runner = folder / "received" / "run_bundle.py"
        done = subprocess.run(
            [sys.executable, runner, "--engine", "lava"], cwd=folder / "empty", check=False
        )
        if done.returncode == 1:
            raise EngineError("the runner failed")
        ports = json.loads((folder / "received" / "results.json").read_text())["ports"]
    return sum(p["mismatches"] for p in ports), sum(p["values"] for p in ports)


def measure(frames: int, bundle_frames: int, deadline_s: float) -> dict[str, int]:
    """All figures by name."""
    found = dict.fromkeys(NAMES, 0)
    for name, (graph, picture) in networks().items():
        plan = make_plan(graph)
        found[f"loihi2_pilotnet_{name}_nodes"] = len(plan.on_core)
        print(f"PilotNet {name}: {len(plan.on_core)} of {len(graph.nodes)} nodes on neurocores")
        wrong, total = split(name, graph, picture, frames, deadline_s)
        found["loihi2_split_mismatches"] += wrong
        found["loihi2_split_values"] += total
    found["loihi2_small_nodes"] = len(
        make_plan(prepare("small", load_policy(None, "small")).graph).on_core
    )
    found["bundle_mismatches"], found["bundle_values"] = bundle(bundle_frames)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--frames", type=int, default=16, help="frames of PilotNet (default 16)")
    parser.add_argument("--bundle-frames", type=int, default=8, help="of the bundle (default 8)")
    parser.add_argument("--deadline", type=float, default=600, help="seconds for each Lava run")
    options = parser.parse_args()
    try:
        found = measure(options.frames, options.bundle_frames, options.deadline)
    except DepthError as error:
        print(f"measure_loihi2: error: {error}", file=sys.stderr)
        return 1
    for name, value in found.items():
        print(f"{name} {value}")
    figures: dict[str, Figure] = {
        name: found_now(value, unit="", command=COMMAND) for name, value in found.items()
    }
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
