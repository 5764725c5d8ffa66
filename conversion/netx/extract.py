"""What a netx file holds, as plain arrays; runs in a child (:mod:`conversion.isolated`).

Sizes, types and links are checked before anything is read.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from conversion.isolated import Contents, check_storage
from depth_snn.errors import GraphError

FORMAT = "netx"
MAX_LAYERS = 1000
MAX_VALUES = 2**26
"""Numbers in all arrays of a file."""
MAX_TEXT = 100
"""Letters of a type's name."""
MAX_TEXT_BYTES = 2**16
"""Room that a file may give a word."""


def contents(path: str, count: str = "") -> Contents:
    """The layers of a file.

    Args:
        path: The file.
        count: Number of layers that are read; empty for all.

    Returns:
        ``{"layers": [[type, {key: [text, None] or [None, label]}], …]}``, and arrays by label.

    Raises:
        GraphError: in one line, saying what is wrong with the file.
    """
    if not h5py.is_hdf5(path):
        raise GraphError("not an HDF5 file; give a network exported by lava-dl")
    arrays: dict[str, npt.NDArray[Any]] = {}
    with h5py.File(path, "r") as file:
        return {"layers": _layers(file, int(count) if count else None, arrays)}, arrays


def _layers(
    file: h5py.File, count: int | None, arrays: dict[str, npt.NDArray[Any]]
) -> list[list[Any]]:
    """Type and contents of each layer; numbers go to ``arrays``."""
    groups = (
        file.get("layer") if isinstance(file.get("layer", getlink=True), h5py.HardLink) else None
    )
    if not isinstance(groups, h5py.Group) or not len(groups):
        raise GraphError("no group 'layer' with layers in it, so no netx file")
    if len(groups) > MAX_LAYERS:
        raise GraphError(f"{len(groups)} layers, more than the limit of {MAX_LAYERS}")
    wanted = len(groups) if count is None else count
    if wanted > len(groups):
        raise GraphError(f"{wanted} layers are asked for and the file has {len(groups)}")
    found: list[list[Any]] = []
    budget = MAX_VALUES
    for index in range(wanted):
        if not isinstance(groups.get(str(index), getlink=True), h5py.HardLink):
            raise GraphError(f"layer {index} is missing; layers are numbered from 0 without gaps")
        group = groups[str(index)]
        if not isinstance(group, h5py.Group):
            raise GraphError(f"layer {index} is an array, not a group")
        datasets = _datasets(group, index)
        budget -= sum(int(d.size or 0) for d in datasets.values())
        if budget < 0:
            raise GraphError(f"more than {MAX_VALUES} numbers in arrays, the limit")
        entries = {key: _entry(d, f"layer {index}: {key}", arrays) for key, d in datasets.items()}
        kind, _ = entries.pop("type", (None, None))
        if kind is None:
            raise GraphError(f"layer {index} has no type")
        found.append([kind, entries])
    return found


def _datasets(group: h5py.Group, index: int, prefix: str = "") -> dict[str, h5py.Dataset]:
    """All arrays of a layer and of the groups one level below."""
    found = {}
    for key in group:
        # Links could lead out of the file or in circles.
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise GraphError(f"layer {index}: {prefix}{key} is a link, not kept in its layer")
        member = group[key]
        if isinstance(member, h5py.Group) and not prefix:
            found.update(_datasets(member, index, f"{key}/"))
        elif isinstance(member, h5py.Dataset):
            found[prefix + key] = member
    return found


def _entry(
    dataset: h5py.Dataset, what: str, arrays: dict[str, npt.NDArray[Any]]
) -> tuple[str | None, str | None]:
    """A word, or the label of an array."""
    check_storage(dataset, what)
    if dataset.dtype.kind in "iufb" and dataset.shape is not None:
        label = f"a{len(arrays)}"
        arrays[label] = np.asarray(dataset[()])
        return None, label
    word = dataset.dtype.kind in "SO" and (dataset.size or 0) == 1
    if word and dataset.dtype.itemsize <= MAX_TEXT_BYTES:
        text = dataset[()]
        text = text.reshape(-1)[0] if isinstance(text, np.ndarray) else text
        if isinstance(text, bytes) and len(text) <= MAX_TEXT:
            return text.decode("ascii", "replace"), None
    raise GraphError(f"{what} is neither numbers nor one short word")
