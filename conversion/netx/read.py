"""A netx file as plain layers.

The format is the one lava-dl 0.6.0 writes with ``export_hdf5`` and reads with
``netx.hdf5.Network``: ``/layer/<i>/`` holds ``type``, ``shape``, ``weight``, ``bias`` and so on,
and a group ``neuron``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.isolated import read_apart
from conversion.node import IntArray
from depth_snn.errors import GraphError, no_file

EXTRACT = "conversion.netx.extract"
"""What the child runs."""
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
    """The layers of a file, in their order; a child reads it (:mod:`conversion.isolated`).

    Args:
        path: The file.
        count: Read no more than the first so many.

    Raises:
        GraphError: in one line naming the file, if it is missing, damaged, no netx file, or larger
            than the limits of :mod:`conversion.netx.extract`.
    """
    if not path.is_file():
        raise GraphError(no_file(path, "no such file; give a network exported by lava-dl"))
    if path.stat().st_size > MAX_FILE_BYTES:
        raise GraphError(f"{path}: larger than {MAX_FILE_BYTES} bytes")
    layout, arrays = read_apart(EXTRACT, path, *([] if count is None else [str(count)]))
    found = []
    for index, (kind, entries) in enumerate(layout["layers"]):
        values = {
            key: text if label is None else arrays[label] for key, (text, label) in entries.items()
        }
        found.append(Layer(index, kind, values))
    return found
