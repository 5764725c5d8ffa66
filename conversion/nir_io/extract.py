"""What a NIR file holds, as plain arrays; runs in a child (:mod:`conversion.isolated`).

Nothing is read before it is known how much there is.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from conversion.graph_file import MAX_NODES, MAX_VALUES
from conversion.isolated import Contents, check_storage
from depth_snn.errors import GraphError

FORMAT = "NIR"
MAX_DEPTH = 12
"""Groups within groups."""
MAX_MEMBERS = 20 * MAX_NODES
MAX_TEXT = 65536
"""Characters of one text, and names together in one text array."""


def contents(path: str) -> Contents:
    """Check and read a file.

    Raises:
        GraphError: in one line, saying what is wrong with it.
    """
    with h5py.File(path, "r") as file:
        node = file.get("node")
        if not isinstance(node, h5py.Group):
            raise GraphError("not a NIR file: it has no group `node`; write one with `nir.write`")
        reader = Reader()
        reader.check(node, "node", 0)
        return reader.read(node), reader.arrays


class Reader:
    """Walks a file twice: first counting what it claims to hold, then reading it."""

    def __init__(self) -> None:
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self._values = 0
        self._members = 0

    def check(self, group: h5py.Group, where: str, depth: int) -> None:
        """Refuse links, storage elsewhere, other types than numbers and text, and sizes too large.

        Raises:
            GraphError: naming the member.
        """
        if depth > MAX_DEPTH:
            raise GraphError(f"{where}: groups within groups deeper than {MAX_DEPTH}")
        self._members += len(group)
        if self._members > MAX_MEMBERS:
            raise GraphError(f"more than {MAX_MEMBERS} members")
        for key in group:
            name = f"{where}/{key}"
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise GraphError(f"{name} is a link, not a part of the file")
            member = group[key]
            if isinstance(member, h5py.Group):
                self.check(member, name, depth + 1)
            elif isinstance(member, h5py.Dataset):
                self._check_dataset(member, name)
            else:
                raise GraphError(f"{name} is neither a group nor an array")

    def _check_dataset(self, dataset: h5py.Dataset, name: str) -> None:
        if dataset.shape is None:
            raise GraphError(f"{name} holds nothing")
        kind = dataset.dtype.kind
        text = kind == "S" or h5py.check_string_dtype(dataset.dtype) is not None
        if kind not in "iufb" and not text:
            raise GraphError(f"{name} is of type {dataset.dtype}, neither numbers nor text")
        if kind == "S" and dataset.dtype.itemsize > MAX_TEXT:
            raise GraphError(f"{name}: texts of {dataset.dtype.itemsize} bytes, limit {MAX_TEXT}")
        if kind == "f" and dataset.dtype.itemsize > 8:
            raise GraphError(f"{name}: numbers of {8 * dataset.dtype.itemsize} bits")
        self._values += int(dataset.size) * (4 if text else 1)
        if self._values > MAX_VALUES:
            raise GraphError(f"more than {MAX_VALUES} numbers in arrays")
        check_storage(dataset, name)

    def read(self, group: h5py.Group) -> dict[str, Any]:
        """The tree of names; arrays by number in :attr:`arrays`."""
        out: dict[str, Any] = {}
        for key in group:
            member = group[key]
            if isinstance(member, h5py.Group):
                out[key] = self.read(member)
            elif member.dtype.kind in "iufb":
                label = f"a{len(self.arrays)}"
                self.arrays[label] = np.asarray(member[()])
                out[key] = ["array", label]
            else:
                value = member[()]
                if isinstance(value, np.ndarray):
                    rows = value.tolist() if value.ndim == 2 else [[v] for v in value.tolist()]
                    out[key] = ["texts", [[_text(v) for v in row] for row in rows]]
                else:
                    out[key] = ["text", _text(value)]
        return out


def _text(value: Any) -> str:
    text = value.decode() if isinstance(value, bytes) else str(value)
    if len(text) > MAX_TEXT:
        raise GraphError(f"a text of {len(text)} characters, limit {MAX_TEXT}")
    return text
