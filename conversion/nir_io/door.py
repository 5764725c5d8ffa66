"""The one place that knows the package `nir`: reading, making and writing its graphs.

Files are read without `nir.read`: a child process checks what an HDF5 file claims to hold before
memory is taken for it, so that a hostile file cannot take this process with it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from conversion.isolated import read_apart
from depth_snn.errors import GraphError, MissingDependency, no_file

EXTRACT = "conversion.nir_io.extract"
"""What the child runs."""


def require_nir() -> ModuleType:
    """The package `nir`.

    Raises:
        MissingDependency: saying what to install.
    """
    try:
        import nir
    except ImportError as error:
        raise MissingDependency(
            f"NIR needs the package `nir` ({error}); install it with `pip install '.[nir]'`"
        ) from None
    module: ModuleType = nir
    return module


def is_graph(source: object) -> bool:
    """Whether an object is a graph of the package `nir`."""
    return isinstance(source, require_nir().NIRGraph)


def make_node(kind: str, fields: Mapping[str, Any], metadata: Mapping[str, Any]) -> Any:
    """A node of NIR from its type, its fields by name, and its metadata."""
    cls = getattr(require_nir(), kind)
    return cls(**fields, metadata=dict(metadata))


def make_graph(
    nodes: Mapping[str, Any], edges: list[tuple[str, str]], metadata: Mapping[str, Any]
) -> Any:
    """A graph of NIR; shapes that its nodes leave open are inferred by NIR, where it can.

    Raises:
        GraphError: if NIR finds that shapes do not meet.
    """
    try:
        return require_nir().NIRGraph(
            nodes=dict(nodes), edges=list(edges), metadata=dict(metadata), type_check=False
        )
    except (ValueError, AssertionError, TypeError) as error:
        raise GraphError(f"NIR refuses the graph: {_one_line(error)}") from None


def load(path: Path | str) -> Any:
    """Read a NIR file.

    Returns:
        A `nir.NIRGraph`.

    Raises:
        GraphError: in one line, if the file is missing, damaged, foreign, or beyond the limits.
        MissingDependency: if `nir` is not installed.
    """
    nir, path = require_nir(), Path(path)
    if not path.is_file():
        raise GraphError(no_file(path, "no such NIR file"))
    data = _filled(*read_apart(EXTRACT, path))
    try:
        data["type_check"] = False
        with np.errstate(all="ignore"):
            graph = nir.dict2NIRNode(data)
    except Exception as error:  # the package checks little, and fails in ways of its own
        raise GraphError(f"{path}: not a usable NIR file ({_one_line(error)})") from None
    if not isinstance(graph, nir.NIRGraph):
        raise GraphError(f"{path}: holds a single {type(graph).__name__}, not a NIR graph")
    return graph


def _filled(layout: dict[str, Any], arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The tree of a file with its arrays in their places; a scalar as a scalar, as NIR has it."""
    out: dict[str, Any] = {}
    for key, entry in layout.items():
        if isinstance(entry, dict):
            out[key] = _filled(entry, arrays)
        elif entry[0] == "text":
            out[key] = entry[1]
        elif entry[0] == "texts":
            out[key] = [tuple(row) for row in entry[1]]
        else:
            out[key] = arrays[entry[1]][()]
    return out


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def save(graph: Any, path: Path | str) -> None:
    """Write a NIR graph; an existing file is replaced only when all is written.

    `nir.write` compresses every array and fails on those without a dimension, so these are written
    as scalars, as which NIR also reads them.
    """
    nir, path = require_nir(), Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        nir.write(str(temporary), _Written(graph.to_dict()))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


class _Written:
    """Hands `nir.write` the dictionary of a graph."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = _writable(data)

    def to_dict(self) -> dict[str, Any]:
        return self._data


def _writable(data: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            out[str(key)] = _writable(value)
        elif isinstance(value, np.ndarray) and value.ndim == 0:
            out[key] = value[()]
        elif value is not None:
            out[key] = value
    return out
