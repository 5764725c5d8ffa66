"""Inputs of a graph as an HDF5 file, so that a run can be simulated again by any engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.nodes import Input
from depth_snn.errors import InputError
from depth_snn.sealed import SEAL_BYTES, write_seal
from sims.open_arrays import FORMAT, FORMAT_VERSION, OpenArrays

MAX_BYTES = 2**32

Arrays = Mapping[str, npt.NDArray[np.integer[Any]]]


def save_arrays(arrays: Arrays, path: Path | str) -> None:
    """Write integer arrays (T, *shape) by name; replaces an existing file when all is written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with h5py.File(temporary, "w", userblock_size=SEAL_BYTES) as file:
            file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
            for name, array in arrays.items():
                file.create_dataset(name, data=array, compression="gzip", shuffle=True)
        write_seal(temporary, FORMAT)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def clip_frames(file: OpenArrays, graph: Graph) -> int:
    """Number of frames of a clip, once its arrays are those that a graph takes.

    Raises:
        InputError: naming the file, and the array that is missing, unknown or of another shape.
    """
    nodes = {node.name: node for node in graph.nodes if isinstance(node, Input)}
    odd = sorted(nodes.keys() ^ file.shapes.keys())
    if odd:
        what = "no array for input" if odd[0] in nodes else "no input of this graph is"
        raise InputError(f"{file.path}: {what} {odd[0]!r}; it takes {', '.join(sorted(nodes))}")
    for name, node in nodes.items():
        expected = (file.frames, *node.shape)
        if file.shapes[name] != expected:
            raise InputError(
                f"{file.path}: input {name!r}: expected shape {expected}, got {file.shapes[name]}"
            )
    if not file.frames:
        raise InputError(f"{file.path}: holds no frames; give at least one")
    return file.frames


def load_arrays(path: Path | str) -> dict[str, npt.NDArray[np.int64]]:
    """Read what :func:`save_arrays` wrote, whole, as int64.

    Raises:
        InputError: in one line, when the file is missing, damaged, foreign or larger than 4 GiB
        unpacked, or when an array is a link or is stored outside the file.
    """
    with OpenArrays(path) as file:
        if file.unpacked_bytes > MAX_BYTES:
            raise InputError(
                f"{path}: {file.unpacked_bytes} bytes unpacked, more than the limit of {MAX_BYTES}"
            )
        return file.read()
