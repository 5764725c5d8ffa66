"""The random network in SANA-FE: its chip simulation, on its own description of Loihi."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import sanafe
from serve import serve

PER_CORE = 1024


class Work:
    """What has been loaded."""

    chip: Any
    neurons: int
    steps: int
    threads: int


WORK = Work()


def load(folder: str, steps: int, vth: int, threads: int) -> dict[str, float]:
    """Wire the network and map it, a full core after the other."""
    read = {k: np.load(Path(folder) / f"{k}.npy") for k in ("targets", "weights", "drive")}
    WORK.neurons, WORK.steps = read["drive"].size, steps
    WORK.threads = threads
    chip, net = sanafe.load_loihi(), sanafe.Network()
    rule = {"threshold": float(vth), "leak_decay": 1.0, "reset_mode": "hard", "reset": 0.0}
    group = net.create_neuron_group(
        "all", WORK.neurons, model_attributes=rule, soma_hw_name="loihi_lif",
        default_synapse_hw_name="loihi_sparse_synapse",
        default_dendrite_hw_name="loihi_dendrites", log_spikes=True,
    )  # fmt: skip
    cores = chip.cores()
    for i, drive in enumerate(read["drive"].tolist()):
        group[i].set_attributes(model_attributes={"bias": float(drive)})
        group[i].map_to_core(cores[i // PER_CORE])
    pairs = [(i, j) for i, row in enumerate(read["targets"].tolist()) for j in row]
    weights = read["weights"].astype(float).reshape(-1).tolist()
    group.connect_neurons_sparse(group, {"weight": weights}, pairs)
    WORK.chip = sanafe.SpikingChip(chip)
    WORK.chip.load(net)
    return {}


def simulate(**words: Any) -> tuple[dict[str, Any], float]:
    """All steps from rest, with the simple timing model, which costs least."""
    WORK.chip.reset()
    begin = time.perf_counter()
    found = WORK.chip.sim(
        WORK.steps, timing_model="simple", processing_threads=WORK.threads, **words
    )
    return found, time.perf_counter() - begin


def run() -> dict[str, float]:
    """Seconds, and the synaptic operations as SANA-FE counts them."""
    found, seconds = simulate()
    return {"seconds": seconds, "synops": int(found["spikes"])}


def spikes(file: str) -> dict[str, int]:
    """Write every spike, (T, N) bytes."""
    found, _ = simulate(spike_trace=True)
    every = np.zeros((WORK.steps, WORK.neurons), np.uint8)
    for t, row in enumerate(found["spike_trace"]):
        every[t, [address.neuron_offset for address in row]] = 1
    np.save(file, every)
    return {"spikes": int(every.sum())}


if __name__ == "__main__":
    serve({"load": load, "run": run, "spikes": spikes})
