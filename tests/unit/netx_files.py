"""Small netx files as lava-dl writes them, and lava-dl's own netx as a witness, in a child."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

CUBA = {
    "neuron/type": np.bytes_(b"CUBA"), "neuron/iDecay": 4096, "neuron/vDecay": 512,
    "neuron/vThMant": 60, "neuron/refDelay": 1, "neuron/gradedSpike": False,
}  # fmt: skip


def kind(name: str) -> npt.NDArray[np.bytes_]:
    return np.array([name.encode()], "S10")


def small_layers(seed: int = 0) -> list[dict[str, Any]]:
    """Input without a neuron → conv that is not square → flatten → dense beyond ±127 → dense."""
    rng = np.random.default_rng(seed)
    dense = rng.integers(-60, 80, (5, 4 * 3 * 2)).astype(np.float32)
    dense[0, :4] = 201, -256, 254, -131
    return [
        {"type": kind("input"), "shape": np.array([2, 4, 5])},
        {"type": kind("conv"), "shape": np.array([4, 3, 2]), "stride": np.array([1, 2]),
         "padding": np.array([0, 1]), "dilation": np.array([1, 1]), "groups": 1,
         "weight": rng.integers(-20, 60, (4, 2, 2, 4)).astype(np.float32),
         "bias": rng.integers(0, 20, 4).astype(np.float32), **CUBA},
        {"type": kind("flatten"), "shape": np.array([1, 1, 24])},
        {"type": kind("dense"), "shape": np.array([5]), "weight": dense,
         "bias": rng.integers(0, 9, 5).astype(np.float32), **CUBA, "neuron/iDecay": 2000},
        {"type": kind("dense"), "shape": np.array([3, 1, 1]),
         "weight": rng.integers(-10, 90, (3, 5)).astype(np.float32), **CUBA},
    ]  # fmt: skip


def recurrent_layers(seed: int = 1) -> list[dict[str, Any]]:
    """Input without a neuron → recurrent, beyond ±127 → recurrent with a memory → dense."""
    rng = np.random.default_rng(seed)
    loop = rng.integers(-60, 40, (6, 6)).astype(np.float32)
    loop[0, :4] = 201, -256, 254, -131
    return [
        {"type": kind("input"), "shape": np.array([7])},
        {"type": kind("dense_rec"), "shape": np.array([6]),
         "weight": rng.integers(-10, 90, (6, 7)).astype(np.float32), "weight_rec": loop,
         "bias": rng.integers(0, 20, 6).astype(np.float32), **CUBA, "neuron/vThMant": 200},
        {"type": kind("dense_rec"), "shape": np.array([5]),
         "weight": rng.integers(1, 90, (5, 6)).astype(np.float32),
         "weight_rec": rng.integers(-50, 20, (5, 5)).astype(np.float32),
         **CUBA, "neuron/iDecay": 2000, "neuron/vThMant": 150},
        {"type": kind("dense"), "shape": np.array([3]),
         "weight": rng.integers(-10, 90, (3, 5)).astype(np.float32), **CUBA},
    ]  # fmt: skip


def write_file(path: Path, layers: list[dict[str, Any]]) -> Path:
    with h5py.File(path, "w") as file:
        for index, layer in enumerate(layers):
            for key, value in layer.items():
                file.create_dataset(f"layer/{index}/{key}", data=value)
    return path


CHILD = """
import sys
import numpy as np
from lava.lib.dl import netx
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc import io

path, spikes, out = sys.argv[1:]
data = np.load(spikes)
net = netx.hdf5.Network(net_config=path)
source = io.source.RingBuffer(data=data)
sink = io.sink.RingBuffer(shape=net.out.shape, buffer=data.shape[-1])
source.s_out.connect(net.inp)
net.out.connect(sink.a_in)
net.run(RunSteps(num_steps=data.shape[-1]), Loihi2SimCfg(select_tag="fixed_pt"))
np.save(out, sink.data.get())
net.stop()
"""


def netx_spikes(path: Path, spikes: npt.NDArray[np.int64], folder: Path) -> npt.NDArray[np.int64]:
    """What lava-dl's netx answers: (T, size) for ``spikes`` of shape (W, H, C, T) or (n, T)."""
    np.save(folder / "in.npy", spikes)
    words = [
        sys.executable,
        "-c",
        CHILD,
        str(path),
        str(folder / "in.npy"),
        str(folder / "out.npy"),
    ]
    child = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        said, _ = child.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)  # Lava waits forever when one of its processes failed
        raise
    assert child.returncode == 0, said
    found = np.load(folder / "out.npy")
    return np.asarray(found.reshape(-1, found.shape[-1]).T, np.int64)
