"""A netx file as plain layers: sizes, types and links checked before anything is read.

The format is the one lava-dl 0.6.0 writes with ``export_hdf5`` and reads with
``netx.hdf5.Network``: ``/layer/<i>/`` holds ``type``, ``shape``, ``weight``, ``bias`` and so on,
and a group ``neuron``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from conversion.node import IntArray
from depth_snn.errors import GraphError

MAX_LAYERS = 1000
MAX_VALUES = 2**26
"""Numbers in all arrays of a file."""
MAX_TEXT = 100
"""Letters of a type's name."""
MAX_FILE_BYTES = 2**31
WHOLE_LIMIT = 2**31
"""Magnitude of any number that is to be an integer."""

Value = npt.NDArray[Any] | str


@dataclass(frozen=True)
class Layer:
    """One layer of a netx file.

    Attributes:
        index: Its number.
        kind: Its type: input, dense, conv, flatten, …
        values: What it holds, by path inside the layer: ``weight``, ``neuron/vThMant``, …
    """

    index: int
    kind: str
    values: Mapping[str, Value]

    def fault(self, message: str) -> GraphError:
        """An error that names the layer."""
        return GraphError(f"layer {self.index} ({self.kind}): {message}")

    def __contains__(self, key: str) -> bool:
        return key in self.values

    @property
    def has_neuron(self) -> bool:
        """Whether a neuron is described."""
        return any(key.startswith("neuron/") for key in self.values)

    def text(self, key: str) -> str:
        """A word.

        Raises:
            GraphError: if there is none.
        """
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.fault(f"{key} is missing or no text")
        return value

    def whole(self, key: str, *, truncate: bool = False) -> IntArray:
        """An array of whole numbers, int64.

        Args:
            key: Its name.
            truncate: Cut fractions off, as netx does; otherwise they are refused.

        Raises:
            GraphError: if there is no such array, or one of its numbers is not whole.
        """
        value = self.values.get(key)
        if value is None or isinstance(value, str):
            raise self.fault(f"{key} is missing or no array of numbers")
        numbers = np.asarray(value, np.float64)
        if not np.isfinite(numbers).all() or (np.abs(numbers) >= WHOLE_LIMIT).any():
            raise self.fault(f"{key} holds numbers that are not finite or beyond 31 bits")
        cut = np.trunc(numbers)
        if not truncate and (cut != numbers).any():
            worst = float(numbers[cut != numbers].flat[0])
            raise self.fault(
                f"{key} holds {worst:g}, which is not whole; quantise before exporting"
            )
        return cut.astype(np.int64)

    def number(self, key: str, default: int | None = None, *, truncate: bool = False) -> int:
        """One whole number; see :meth:`whole`."""
        if default is not None and key not in self.values:
            return default
        value = self.whole(key, truncate=truncate)
        if value.size != 1:
            raise self.fault(f"{key} has {value.size} values, not one")
        return int(value.reshape(-1)[0])

    def pair(self, key: str, default: int) -> tuple[int, int]:
        """One number for both directions, or one down and one across."""
        value = self.whole(key).reshape(-1) if key in self.values else np.array([default])
        if value.size not in (1, 2):
            raise self.fault(f"{key} has {value.size} values, not one or two")
        return int(value[0]), int(value[-1])


def read_layers(path: Path, count: int | None = None) -> list[Layer]:
    """The layers of a file, in their order.

    Args:
        path: The file.
        count: Read no more than the first so many.

    Raises:
        GraphError: in one line naming the file, if it is missing, damaged, no netx file, or larger
            than the limits of this module.
    """
    if not path.is_file():
        raise GraphError(f"{path}: no such file; give a network exported by lava-dl")
    if path.stat().st_size > MAX_FILE_BYTES:
        raise GraphError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
    if not h5py.is_hdf5(path):
        raise GraphError(f"{path}: not an HDF5 file; give a network exported by lava-dl")
    try:
        with h5py.File(path, "r") as file:
            return _layers(file, count)
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from None
    except (
        OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, MemoryError,
    ) as error:  # fmt: skip
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GraphError(f"{path}: not a readable netx file ({first})") from None


def _layers(file: h5py.File, count: int | None) -> list[Layer]:
    groups = (
        file.get("layer") if isinstance(file.get("layer", getlink=True), h5py.HardLink) else None
    )
    if not isinstance(groups, h5py.Group) or not len(groups):
        raise GraphError("no group 'layer' with layers in it, so no netx file")
    if len(groups) > MAX_LAYERS:
        raise GraphError(f"{len(groups)} layers, more than the limit of {MAX_LAYERS}")
    wanted = len(groups) if count is None else min(count, len(groups))
    found, budget = [], MAX_VALUES
    for index in range(wanted):
        group = groups.get(str(index))
        if not isinstance(group, h5py.Group):
            raise GraphError(f"layer {index} is missing; layers are numbered from 0 without gaps")
        datasets = _datasets(group, index)
        budget -= sum(int(d.size or 0) for d in datasets.values())
        if budget < 0:
            raise GraphError(f"more than {MAX_VALUES} numbers in arrays, the limit")
        values = {key: _value(d, f"layer {index}: {key}") for key, d in datasets.items()}
        kind = values.pop("type", None)
        if not isinstance(kind, str):
            raise GraphError(f"layer {index} has no type")
        found.append(Layer(index, kind, values))
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
            if member.is_virtual or member.external:
                raise GraphError(f"layer {index}: {prefix}{key} is kept outside the file")
            found[prefix + key] = member
    return found


def _value(dataset: h5py.Dataset, what: str) -> Value:
    if dataset.dtype.kind in "iufb" and dataset.shape is not None:
        return np.asarray(dataset[()])
    if dataset.dtype.kind in "SO" and (dataset.size or 0) == 1:
        text = dataset[()]
        text = text.reshape(-1)[0] if isinstance(text, np.ndarray) else text
        if isinstance(text, bytes) and len(text) <= MAX_TEXT:
            return text.decode("ascii", "replace")
    raise GraphError(f"{what} is neither numbers nor one short word")
