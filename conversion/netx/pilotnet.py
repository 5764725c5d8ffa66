"""PilotNet, a steering network that comes inside lava-dl with golden traces of every layer.

The traces are of 24 steps on one picture, with all potentials reset every 17 steps. The arrays are
(columns, rows, channels, steps). Where a neuron fired, the golden potential reads 128.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.netx.importer import import_netx
from conversion.node import IntArray
from depth_snn.errors import MissingDependency

RESET_EVERY = 17
"""Steps between two resets in the golden run (lava-dl's own test says 16, which does not match)."""
STEPS = 24
FIRED = 128
"""What the golden potential reads after a spike."""
LAYERS = {
    "layer0": "input", "layer1": "conv-0", "layer2": "conv-1", "layer3": "conv-2",
    "layer4": "conv-3", "layer5": "conv-4", "layer7": "fc-0", "layer8": "fc-1", "layer9": "fc-2",
}  # fmt: skip
"""Golden files by layer; the last layer's are of another run."""


def folder(name: str = "pilotnet_lif") -> Path:
    """Where lava-dl keeps golden files; its package there shares its name with other tests.

    Raises:
        MissingDependency: if lava-dl, or that part of it, is not installed.
    """
    try:
        found = metadata.distribution("lava-dl").locate_file(f"tests/lava/lib/dl/netx/gts/{name}")
    except metadata.PackageNotFoundError:
        raise MissingDependency(
            "PilotNet comes with lava-dl, which is not installed; "
            "`pip install '.[lava]'` in a clone, under Python 3.10"
        ) from None
    if not Path(str(found)).is_dir():
        raise MissingDependency(f"lava-dl's golden files are not at {found}; reinstall lava-dl")
    return Path(str(found))


def network(*, as_netx: bool = False) -> Graph:
    """The spiking PilotNet as a graph, reset as in the golden run."""
    path = folder() / "network.net"
    return import_netx(path, as_netx=as_netx, reset_every=RESET_EVERY)


def picture() -> IntArray:
    """The golden run's picture (66·200, 3), already scaled to currents."""
    image: IntArray = frames_of(np.load(folder() / "image.npy")[..., None])[0]
    return image


def golden(layer: str) -> Mapping[str, IntArray]:
    """Spikes, and current and potential where kept, by ``out``, ``u``, ``v``: (24, N, C) each."""
    name = LAYERS[layer]
    files = {"out": f"{name}.npy", "u": f"{name}-u.npy", "v": f"{name}-v.npy"}
    there = {key: folder() / file for key, file in files.items() if (folder() / file).is_file()}
    return {key: frames_of(np.load(path)) for key, path in there.items()}


def frames_of(array: npt.NDArray[np.generic]) -> IntArray:
    """(columns, rows, channels, T) or (channels, T) as (T, rows·columns, channels)."""
    whole = np.asarray(array).astype(np.int64)
    if whole.ndim == 2:
        return np.ascontiguousarray(whole.T[:, None, :])
    steps = whole.transpose(3, 1, 0, 2)
    return np.ascontiguousarray(steps.reshape(steps.shape[0], -1, steps.shape[3]))


def traces(graph: Graph, values: Mapping[str, IntArray], layer: str) -> dict[str, IntArray]:
    """A run's spikes, current and potential of a layer as the golden files write them.

    Args:
        graph: The network.
        values: What a simulator showed by ``"node.port"``, the connection's ``out`` among it.
        layer: For example ``"layer1"``.
    """
    spikes = values[f"{layer}.lif.out"]
    found = {"out": spikes, "v": np.where(spikes > 0, FIRED, values[f"{layer}.lif.membrane"])}
    source = graph.incoming[f"{layer}.lif"][0].source
    if source != "input":
        found["u"] = values[f"{source}.out"] << 6  # the current has no memory
    return found
