"""The random network in Brian2, as numpy, Cython or a C++ program of its own, and Brian2Loihi.

In Brian2 a step is: neurons, thresholds, synapses, resets. What synapses add is kept in g until the
next step, because a reset would clear it from v.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any, ClassVar

import brian2
import numpy as np
from serve import serve

logging.disable(logging.WARNING)


class Work:
    """What has been loaded."""

    form: str
    network: Any
    monitor: Any
    stamps: ClassVar[list[float]] = []
    steps: int
    folder: str


WORK = Work()


def arrays(folder: str) -> dict[str, np.ndarray]:
    return {k: np.load(Path(folder) / f"{k}.npy") for k in ("targets", "weights", "drive")}


def load(folder: str, form: str, steps: int, vth: int, threads: int) -> dict[str, str]:
    """Build the network; C++ is compiled here, and timed later."""
    WORK.form, WORK.steps, WORK.folder = form, steps, folder
    brian2.defaultclock.dt = 1 * brian2.ms
    read = arrays(folder)
    if form == "cpp_standalone":
        brian2.set_device("cpp_standalone", build_on_run=False, directory=f"{folder}/cpp{threads}")
        brian2.prefs.devices.cpp_standalone.openmp_threads = 0 if threads == 1 else threads
    elif form != "loihi":
        brian2.prefs.codegen.target = form
    build = build_loihi if form == "loihi" else build_plain
    WORK.network = build(read, vth)
    if form != "cpp_standalone":
        clock = brian2.NetworkOperation(lambda: WORK.stamps.append(time.perf_counter()))
        WORK.network.add(clock)
    if form == "cpp_standalone":
        WORK.network.run(steps * brian2.ms)
        brian2.device.build(compile=True, run=False, directory=f"{folder}/cpp{threads}")
    else:
        WORK.network.store()
    return {}


def build_plain(read: dict[str, np.ndarray], vth: int) -> Any:
    count, fan_out = read["targets"].shape
    group = brian2.NeuronGroup(
        count, "v : 1\ng : 1\nb : 1", threshold=f"v > {vth}", reset="v = 0", name="all"
    )
    group.run_regularly("v += g + b\ng = 0", when="groups")
    group.b = read["drive"]
    wires = brian2.Synapses(group, group, "w : 1", on_pre="g_post += w", name="wires")
    wires.connect(i=np.repeat(np.arange(count), fan_out), j=read["targets"].reshape(-1))
    wires.w = read["weights"].reshape(-1)
    WORK.monitor = brian2.SpikeMonitor(group, name="seen")
    return brian2.Network(group, wires, WORK.monitor)


def build_loihi(read: dict[str, np.ndarray], vth: int) -> Any:
    """Loihi units: everything times 64; its precision and its order of slots are its own."""
    import brian2_loihi as b2l

    count, fan_out = read["targets"].shape
    group = b2l.LoihiNeuronGroup(count, threshold_v_mant=vth, decay_v=0, decay_I=4096)
    drive = brian2.TimedArray(read["drive"][None, :] * 64, dt=1e6 * brian2.ms, name="drive")
    group.run_regularly("I += drive(t, i)", when="start")
    group.namespace["drive"] = drive
    wires = b2l.LoihiSynapses(group, group, sign_mode=b2l.synapse_sign_mode.MIXED)
    wires.connect(i=np.repeat(np.arange(count), fan_out), j=read["targets"].reshape(-1))
    wires.w = read["weights"].reshape(-1).astype(np.int64)
    WORK.monitor = b2l.LoihiSpikeMonitor(group)
    return b2l.LoihiNetwork(group, wires, WORK.monitor)


def run() -> dict[str, float]:
    """Seconds of all steps from rest."""
    if WORK.form == "cpp_standalone":
        # Its program reports the time of its loop alone, without reading and writing files.
        brian2.device.run(with_output=False, run_args=[])
        return {"seconds": float(brian2.device._last_run_time)}
    WORK.network.restore()
    WORK.stamps.clear()
    WORK.network.run(WORK.steps if WORK.form == "loihi" else WORK.steps * brian2.ms)
    # Each run makes its code anew, a second or so, which says nothing about the steps.
    between = WORK.stamps[-1] - WORK.stamps[0]
    return {"seconds": between * WORK.steps / (WORK.steps - 1)}


def spikes(file: str) -> dict[str, int]:
    """Write every spike, (T, N) bytes."""
    run()
    count = len(arrays(WORK.folder)["drive"])
    every = np.zeros((WORK.steps, count), np.uint8)
    when = WORK.monitor.t
    ticks = np.asarray(when if WORK.form == "loihi" else when / brian2.ms)
    every[np.rint(ticks).astype(int), np.asarray(WORK.monitor.i)] = 1
    np.save(file, every)
    return {"spikes": int(every.sum())}


if __name__ == "__main__":
    serve({"load": load, "run": run, "spikes": spikes})
