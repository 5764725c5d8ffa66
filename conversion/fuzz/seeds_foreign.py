"""Small files of other formats, as their programs write them; what is mutated starts here."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Layers = tuple[Mapping[str, Any], ...]

CUBA = {
    "neuron/type": np.bytes_(b"CUBA"), "neuron/iDecay": 4096, "neuron/vDecay": 512,
    "neuron/vThMant": 60, "neuron/refDelay": 1, "neuron/gradedSpike": False,
}  # fmt: skip
SDNN = {
    "neuron/type": np.bytes_(b"SDNN"), "neuron/activation": np.bytes_(b"relu"),
    "neuron/vThMant": 64,
}  # fmt: skip


def _kind(name: str) -> Any:
    """Types of layers stand in arrays of one word, as lava-dl writes them."""
    return np.array([name.encode()], "S10")


def _floats(*shape: int) -> Any:
    """Whole weights in the type that lava-dl exports."""
    return (np.arange(np.prod(shape)).reshape(shape) % 31 - 9).astype(np.float32)


def spiking_layers() -> Layers:
    """Input → conv that is not square → flatten → dense beyond ±127 → dense with delays."""
    return (
        {"type": _kind("input"), "shape": np.array([2, 3, 4])},
        {"type": _kind("conv"), "shape": np.array([2, 2, 2]), "stride": np.array([1, 2]),
         "padding": np.array([0, 1]), "dilation": np.array([1, 1]), "groups": 1,
         "weight": _floats(2, 2, 2, 4), "bias": _floats(2), **CUBA},
        {"type": _kind("flatten"), "shape": np.array([1, 1, 8])},
        {"type": _kind("dense"), "shape": np.array([3]), "weight": 8 * _floats(3, 8),
         "bias": _floats(3), **CUBA, "neuron/iDecay": 2000},
        {"type": _kind("dense"), "shape": np.array([2, 1, 1]), "weight": _floats(2, 3),
         "delay": np.array([0, 2, 1]), **CUBA},
    )  # fmt: skip


def sigma_delta_layers() -> Layers:
    """Input with an encoder → dense → dense that shows its sum."""
    return (
        {"type": _kind("input"), "shape": np.array([4]), "weight": 2.0, "bias": -1.0, **SDNN},
        {"type": _kind("dense"), "shape": np.array([3]), "weight": _floats(3, 4),
         "bias": _floats(3), **SDNN},
        {"type": _kind("dense"), "shape": np.array([2]), "weight": _floats(2, 3),
         "bias": _floats(2), **SDNN, "neuron/sigma_output": True},
    )  # fmt: skip


def recurrent_layers() -> Layers:
    """Input → dense that reads its own spikes too."""
    return (
        {"type": _kind("input"), "shape": np.array([4])},
        {"type": _kind("dense_rec"), "shape": np.array([3]), "weight": 8 * _floats(3, 4),
         "weight_rec": _floats(3, 3), "bias": _floats(3), **CUBA},
    )  # fmt: skip


NETX_LAYERS = {
    "spiking": spiking_layers, "sigma_delta": sigma_delta_layers, "recurrent": recurrent_layers,
}  # fmt: skip


def write_netx(folder: Path) -> list[Path]:
    """The netx files; lava-dl is not needed for them."""
    paths = []
    for name, build in NETX_LAYERS.items():
        paths.append(folder / f"{name}.net")
        with h5py.File(paths[-1], "w") as file:
            for index, layer in enumerate(build()):
                for key, value in layer.items():
                    file.create_dataset(f"layer/{index}/{key}", data=value)
    return paths


def _leaky(kind: str, shape: tuple[int, ...]) -> tuple[str, dict[str, Any]]:
    """A population in snntorch's convention, r = tau / 1e-4; each step keeps 7/8."""
    ones = np.ones(shape, np.float32)
    tau, rest = 8e-4 * ones, {"r": 8 * ones, "v_leak": 0 * ones}
    if kind == "LIF":
        return kind, {"tau": tau, **rest, "v_threshold": ones}
    fields = {"tau_syn": tau, "tau_mem": tau, **rest, "w_in": 8 * ones}
    return kind, fields if kind == "CubaLI" else {**fields, "v_threshold": ones}


def _nir_chains() -> dict[str, tuple[tuple[str, dict[str, Any]], ...]]:
    window = {"stride": np.array([1, 1]), "padding": np.array([0, 0])}
    conv = {"input_shape": (3, 4), **window, "dilation": 1, "groups": 1}
    return {
        "dense": (
            ("Input", {"input_type": {"input": np.array([3])}}),
            ("Affine", {"weight": _floats(4, 3) / 32, "bias": _floats(4) / 32}),
            _leaky("LIF", (4,)),
            ("Delay", {"delay": np.full(4, 2e-4)}),
            ("Linear", {"weight": _floats(2, 4) / 16}),
            _leaky("CubaLIF", (2,)),
            ("Output", {"output_type": {"output": np.array([2])}}),
        ),
        "picture": (
            ("Input", {"input_type": {"input": np.array([1, 3, 4])}}),
            ("Conv2d", {**conv, "weight": _floats(2, 1, 2, 2) / 8, "bias": _floats(2) / 8}),
            _leaky("LIF", (2, 2, 3)),
            ("SumPool2d", {"kernel_size": np.array([2, 1]), **window}),
            ("Threshold", {"threshold": np.ones((2, 1, 3), np.float32)}),
            ("Flatten", {"input_type": {"input": np.array([2, 1, 3])},
                         "start_dim": 0, "end_dim": -1}),
            ("Linear", {"weight": _floats(2, 6) / 16}),
            _leaky("CubaLI", (2,)),
            ("Output", {"output_type": {"output": np.array([2])}}),
        ),
    }  # fmt: skip


def write_nir(folder: Path) -> list[Path]:
    """The NIR files, written by the package `nir`.

    Raises:
        MissingDependency: if it is not installed.
    """
    from conversion.nir_io import door

    paths = []
    for name, chain in _nir_chains().items():
        nodes = {
            f"n{i}": door.make_node(kind, fields, {}) for i, (kind, fields) in enumerate(chain)
        }
        paths.append(folder / f"{name}.nir")
        door.save(door.make_graph(nodes, list(pairwise(nodes)), {}), paths[-1])
    return paths
