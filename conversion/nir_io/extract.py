"""Reads a NIR file in a process of its own and hands on plain arrays.

    python -m conversion.nir_io.extract FILE > arrays.npz

Nothing is read before it is known how much there is. The memory of this process is limited, so a
file that is small on disk and huge in memory ends here. Exit code 1 comes with one line of reason.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from conversion.graph_file import MAX_JSON_BYTES, MAX_NODES, MAX_VALUES

MAX_DEPTH = 12
"""Groups within groups."""
MAX_MEMBERS = 20 * MAX_NODES
MEMORY_BYTES = 6 * 2**30
MAX_TEXT = 65536
"""Characters of one text, and names together in one text array."""


class Refused(Exception):
    """What is wrong with the file, in one line."""


def main(path: str) -> int:
    """Check and read a file; the arrays go to standard output as an .npz archive."""
    _limit_memory()
    try:
        with h5py.File(path, "r") as file:
            node = file.get("node")
            if not isinstance(node, h5py.Group):
                raise Refused("not a NIR file: it has no group `node`; write one with `nir.write`")
            reader = Reader()
            reader.check(node, "node", 0)
            layout = reader.read(node)
    except Refused as reason:
        print(reason, file=sys.stderr)
        return 1
    except Exception as error:  # whatever HDF5 and h5py make of a damaged file
        said = " ".join(str(error).split()) or type(error).__name__
        print(f"not a readable NIR file ({said})", file=sys.stderr)
        return 1
    text = json.dumps(layout).encode()
    if len(text) > MAX_JSON_BYTES:
        print(f"more than {MAX_JSON_BYTES} bytes of names and texts", file=sys.stderr)
        return 1
    out = io.BytesIO()
    np.savez(out, layout=np.frombuffer(text, np.uint8), **reader.arrays)
    sys.stdout.buffer.write(out.getvalue())
    return 0


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


class Reader:
    """Walks a file twice: first counting what it claims to hold, then reading it."""

    def __init__(self) -> None:
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self._values = 0
        self._members = 0

    def check(self, group: h5py.Group, where: str, depth: int) -> None:
        """Refuse links, storage elsewhere, other types than numbers and text, and sizes too large.

        Raises:
            Refused: naming the member.
        """
        if depth > MAX_DEPTH:
            raise Refused(f"{where}: groups within groups deeper than {MAX_DEPTH}")
        self._members += len(group)
        if self._members > MAX_MEMBERS:
            raise Refused(f"more than {MAX_MEMBERS} members")
        for key in group:
            name = f"{where}/{key}"
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise Refused(f"{name} is a link, not a part of the file")
            member = group[key]
            if isinstance(member, h5py.Group):
                self.check(member, name, depth + 1)
            elif isinstance(member, h5py.Dataset):
                self._check_dataset(member, name)
            else:
                raise Refused(f"{name} is neither a group nor an array")

    def _check_dataset(self, dataset: h5py.Dataset, name: str) -> None:
        if dataset.is_virtual or dataset.external:
            raise Refused(f"{name} is kept outside the file")
        if dataset.shape is None:
            raise Refused(f"{name} holds nothing")
        kind = dataset.dtype.kind
        text = kind == "S" or h5py.check_string_dtype(dataset.dtype) is not None
        if kind not in "iufb" and not text:
            raise Refused(f"{name} is of type {dataset.dtype}, neither numbers nor text")
        if kind == "S" and dataset.dtype.itemsize > MAX_TEXT:
            raise Refused(f"{name}: texts of {dataset.dtype.itemsize} bytes, limit {MAX_TEXT}")
        if kind == "f" and dataset.dtype.itemsize > 8:
            raise Refused(f"{name}: numbers of {8 * dataset.dtype.itemsize} bits")
        self._values += int(dataset.size) * (4 if text else 1)
        if self._values > MAX_VALUES:
            raise Refused(f"more than {MAX_VALUES} numbers in arrays")

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
        raise Refused(f"a text of {len(text)} characters, limit {MAX_TEXT}")
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
