"""Graphs as HDF5 files: plain arrays and JSON attributes, nothing executable, sizes checked first."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conversion.graph import Edge, Graph
from conversion.nodes import QUANTISED_NODES, Node
from depth_snn.errors import GraphError

FORMAT = "depth-snn-graph"
FORMAT_VERSION = 1
MAX_NODES = 100_000
MAX_ARRAY_BYTES = 2**31
MAX_JSON_BYTES = 2**24


def save_graph(graph: Graph, path: Path | str) -> None:
    """Write a quantised graph to ``path``; an existing file is replaced only when all is written.

    Raises:
        GraphError: if the graph is not in the quantised dialect.
    """
    if graph.dialect != "quantised":
        raise GraphError(f"graph {graph.name!r} is {graph.dialect}; quantise it before saving")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with h5py.File(temporary, "w", track_order=True) as file:
            _write(graph, file)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _write(graph: Graph, file: h5py.File) -> None:
    file.attrs["format"] = FORMAT
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["name"] = graph.name
    file.attrs["dialect"] = graph.dialect
    file.create_dataset("meta", data=_json_bytes(dict(graph.meta)))
    edges = [[e.source, e.target, e.port, e.source_port, e.delay] for e in graph.edges]
    file.create_dataset("edges", data=_json_bytes(edges))
    nodes = file.create_group("nodes", track_order=True)
    for index, node in enumerate(graph.nodes):
        group = nodes.create_group(f"{index:06d}")
        group.attrs["name"] = node.name
        group.attrs["kind"] = node.kind
        scalars: dict[str, Any] = {}
        for key, value in node.attributes().items():
            if isinstance(value, np.ndarray):
                small = _smallest(value)
                group.create_dataset(key, data=small, compression="gzip", shuffle=True)
            else:
                scalars[key] = value
        group.attrs["fields"] = json.dumps(scalars, sort_keys=True)


def _json_bytes(value: Any) -> np.ndarray:
    return np.frombuffer(json.dumps(value, sort_keys=True).encode(), dtype=np.uint8)


def _smallest(array: np.ndarray) -> np.ndarray:
    """The same integers in the narrowest signed type, so that files stay small."""
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind)
    return array


def load_graph(path: Path | str) -> Graph:
    """Read a graph written by :func:`save_graph`.

    Raises:
        GraphError: in one line, when the file is missing, truncated, foreign, of a newer version,
            larger than the limits of this module, or holds a graph that does not verify.
    """
    path = Path(path)
    if not path.is_file():
        raise GraphError(f"{path}: no such graph file; make one with `depth-snn convert`")
    try:
        with h5py.File(path, "r") as file:
            return _read(file)
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from None
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, RecursionError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GraphError(f"{path}: not a readable graph file ({first})") from None


def _read(file: h5py.File) -> Graph:
    if _text(file.attrs.get("format")) != FORMAT:
        raise GraphError(f"not a {FORMAT} file; make one with `depth-snn convert`")
    version = int(file.attrs["format_version"])
    if not 1 <= version <= FORMAT_VERSION:
        raise GraphError(f"format version {version}; this program reads up to {FORMAT_VERSION}")
    groups = file["nodes"]
    if len(groups) > MAX_NODES:
        raise GraphError(f"{len(groups)} nodes, more than the limit of {MAX_NODES}")
    nodes = tuple(_read_node(groups[key]) for key in sorted(groups))
    edges = tuple(
        Edge(source=str(s), target=str(t), port=str(p), source_port=str(o), delay=int(d))
        for s, t, p, o, d in _read_json(file["edges"], "edges")
    )
    return Graph(
        name=_text(file.attrs["name"]),
        dialect=_text(file.attrs["dialect"]),
        nodes=nodes,
        edges=edges,
        meta=_read_json(file["meta"], "meta"),
    )


def _read_json(dataset: h5py.Dataset, what: str) -> Any:
    if dataset.dtype != np.uint8 or dataset.size > MAX_JSON_BYTES:
        raise GraphError(f"{what}: expected at most {MAX_JSON_BYTES} bytes of JSON text")
    return json.loads(bytes(dataset[()]).decode())


def _read_node(group: h5py.Group) -> Node:
    name, kind = _text(group.attrs["name"]), _text(group.attrs["kind"])
    if kind not in QUANTISED_NODES:
        known = ", ".join(sorted(QUANTISED_NODES))
        raise GraphError(f"node {name!r}: unknown kind {kind!r}; known are {known}")
    values: dict[str, Any] = json.loads(_text(group.attrs["fields"]))
    for key, dataset in group.items():
        size = dataset.size * dataset.dtype.itemsize
        if size > MAX_ARRAY_BYTES or dataset.dtype.kind != "i":
            raise GraphError(f"node {name!r}: array {key!r} is {size} bytes of {dataset.dtype}")
        values[key] = dataset[()]
    try:
        return QUANTISED_NODES[kind](name=name, **values)
    except TypeError as error:
        raise GraphError(f"node {name!r} ({kind}): wrong fields ({error})") from None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise GraphError("a text attribute is missing")
    return value
