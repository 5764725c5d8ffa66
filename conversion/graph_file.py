"""Graphs as HDF5 files: plain arrays and JSON, nothing executable, sizes checked first."""

from __future__ import annotations

import json
import math
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from conversion.graph import Edge, Graph
from conversion.nodes import QUANTISED_NODES, Node, Sparse
from depth_snn.errors import GraphError, no_file, one_line
from depth_snn.sealed import SEAL_BYTES, seal_fault, write_seal

FORMAT = "depth-snn-graph"
FORMAT_VERSION = 4
"""2 added Conv, Regroup, ``repeat`` of Dense and ``gated`` of encoders; 3 added Delay, SumPool,
windows that are not square, and channels, bias and further resets of LIF; 4 added Sparse and
recurrent edges. Older files are read as they were."""
MAX_NODES = 100_000
MAX_VALUES = 2**27
"""Numbers in any value that a node shows, and of 64 bits in all arrays of a file."""
NARROW = {"targets": 4, "weight": 1}
"""Bytes that a number of a Sparse takes, where it takes fewer than the eight of all others."""
MAX_CHANNELS = 2**20
"""Channels of a node: an Output without a bias makes a zero for each before it is checked."""
MAX_DELAY = 2**20
"""Steps of an edge: far beyond any path through a network."""
MAX_JSON_BYTES = 2**24
MAX_PACKING = 1100
"""Bytes of an array for each byte kept of it: gzip packs 1032 to 1 at most. A file that claims more
holds nothing there, and would take memory without limit for what it does not hold."""


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
        with h5py.File(temporary, "w", userblock_size=SEAL_BYTES) as file:
            _write(graph, file)
        write_seal(temporary, FORMAT)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _check_seal(path: Path) -> None:
    fault = seal_fault(path, FORMAT)
    if fault and fault.startswith("not a"):
        raise GraphError(f"{fault}; make one with `depth-snn convert`")
    if fault:
        raise GraphError(f"not a readable graph file ({fault})")


def _fixed(text: str) -> np.bytes_:
    """Text of fixed length, which HDF5 keeps in place."""
    return np.bytes_(text.encode())


def _write(graph: Graph, file: h5py.File) -> None:
    file.attrs["format"] = _fixed(FORMAT)
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs["name"] = _fixed(graph.name)
    file.attrs["dialect"] = _fixed(graph.dialect)
    file.create_dataset("meta", data=_json_bytes(dict(graph.meta)))
    edges = [_row(edge) for edge in graph.edges]
    file.create_dataset("edges", data=_json_bytes(edges))
    nodes = file.create_group("nodes")
    for index, node in enumerate(graph.nodes):
        group = nodes.create_group(f"{index:06d}")
        group.attrs["name"] = _fixed(node.name)
        group.attrs["kind"] = _fixed(node.kind)
        scalars: dict[str, Any] = {}
        for key, value in node.attributes().items():
            if isinstance(value, np.ndarray):
                small = _smallest(value)
                # Chunks and filters of a small array take more bytes than they save.
                packed = {"compression": "gzip", "shuffle": True} if small.size > 2048 else {}
                group.create_dataset(key, data=small, **packed)
            else:
                scalars[key] = value
        group.attrs["fields"] = _fixed(json.dumps(scalars, sort_keys=True))


def _json_bytes(value: Any) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value, sort_keys=True).encode(), dtype=np.uint8)


def _smallest(array: npt.NDArray[Any]) -> npt.NDArray[np.signedinteger[Any]]:
    """The same integers in the narrowest signed type, so that files stay small."""
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    for kind in (np.int8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return array.astype(kind, copy=False)
    return array


def load_graph(path: Path | str) -> Graph:
    """Read a graph written by :func:`save_graph`.

    Raises:
        GraphError: in one line, when the file is missing, truncated, foreign, of a newer version,
            larger than the limits of this module, or holds a graph that does not verify.
    """
    path = Path(path)
    if not path.is_file():
        raise GraphError(no_file(path, "no such graph file; make one with `depth-snn convert`"))
    try:
        _check_seal(path)
        with h5py.File(path, "r") as file:
            return _read(file)
    except GraphError as error:
        # What the file says may stand in the message.
        raise GraphError(one_line(f"{path}: {error}")) from None
    except (
        OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, RecursionError,
        MemoryError, OverflowError,
    ) as error:  # fmt: skip
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GraphError(one_line(f"{path}: not a readable graph file ({first})")) from None


def _read(file: h5py.File) -> Graph:
    if _text(file.attrs.get("format")) != FORMAT:
        raise GraphError(f"not a {FORMAT} file; make one with `depth-snn convert`")
    version = file.attrs["format_version"]
    if not isinstance(version, int | np.integer):
        raise GraphError(f"format version {version!r} is not a whole number")
    if not 1 <= version <= FORMAT_VERSION:
        raise GraphError(f"format version {version}; this program reads up to {FORMAT_VERSION}")
    for key in ("nodes", "edges", "meta"):
        _check_link(file, key)
    groups = file["nodes"]
    if not isinstance(groups, h5py.Group):
        raise GraphError("'nodes' is not a group of nodes")
    if len(groups) > MAX_NODES:
        raise GraphError(f"{len(groups)} nodes, more than the limit of {MAX_NODES}")
    _check_sizes(groups)
    nodes = tuple(_read_node(groups[key]) for key in sorted(groups))
    edges = tuple(_edge(row) for row in _read_json(file["edges"], "edges"))
    return Graph(
        name=_text(file.attrs["name"]),
        dialect=_dialect(file),
        nodes=nodes,
        edges=edges,
        meta=_read_json(file["meta"], "meta"),
    )


def _row(edge: Edge) -> list[Any]:
    row = [edge.source, edge.target, edge.port, edge.source_port, edge.delay]
    return [*row, True] if edge.recurrent else row


def _edge(row: Any) -> Edge:
    """An edge from its row in the file; a recurrent one ends in true."""
    known = isinstance(row, list) and (len(row) == 5 or (len(row) == 6 and row[5] is True))
    texts, delay = (row[:4], row[4]) if known else ([], 0)
    if len(texts) < 4 or not all(type(text) is str for text in texts):
        form = "[source, target, port, source port, delay], true behind it where recurrent"
        raise GraphError(f"edges: {row!r:.100} is not {form}")
    if type(delay) is not int or not 0 <= delay <= MAX_DELAY:
        raise GraphError(f"edges: delay {delay!r:.100} of {texts[0]!r} is outside 0..{MAX_DELAY}")
    source, target, port, source_port = texts
    return Edge(
        source=source, target=target, port=port, source_port=source_port, delay=delay,
        recurrent=len(row) == 6,
    )  # fmt: skip


def _dialect(file: h5py.File) -> str:
    dialect = _text(file.attrs["dialect"])
    if dialect != "quantised":
        raise GraphError(f"dialect {dialect!r}; only quantised graphs are kept in files")
    return dialect


def _check_sizes(groups: h5py.Group) -> None:
    """Count what the file claims to hold before any of it is read."""
    total = 0
    for key in groups:
        _check_link(groups, key)
        if not isinstance(groups[key], h5py.Group):
            raise GraphError(f"node {key!r} is an array, not a group")
        for name in groups[key]:
            _check_link(groups[key], name)
            dataset = groups[key][name]
            if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != "i":
                raise GraphError(f"{name!r} is not an array of integers")
            _check_storage(dataset, name)
            sparse = groups[key].attrs.get("kind") == _fixed(Sparse.kind)
            held = NARROW.get(name, 8) if sparse else 8
            total += dataset.size * max(held, dataset.dtype.itemsize)
    if total > 8 * MAX_VALUES:
        numbers = f"{total // 8} numbers in arrays"
        raise GraphError(f"{numbers}, more than the limit of {MAX_VALUES}")


def _check_link(group: h5py.Group, name: str) -> None:
    """Links could lead out of the file; save_graph writes none."""
    link = group.get(name, getlink=True)
    if link is None:
        raise GraphError(f"not a readable graph file ({name!r} is missing)")
    if not isinstance(link, h5py.HardLink):
        raise GraphError(f"{name!r} is a link, not an array or a group inside the file")


def _check_storage(dataset: h5py.Dataset, name: str) -> None:
    """Refuse what is kept elsewhere, or not kept at all."""
    if dataset.is_virtual or dataset.external:
        raise GraphError(f"array {name!r} is kept outside the file")
    if dataset.size is None:
        raise GraphError(f"array {name!r} is empty")
    held = dataset.id.get_storage_size()
    if dataset.size * dataset.dtype.itemsize > MAX_PACKING * held:
        raise GraphError(f"array {name!r} claims {dataset.size} numbers and holds {held} bytes")


def _read_json(dataset: h5py.Dataset, what: str) -> Any:
    right = isinstance(dataset, h5py.Dataset) and dataset.dtype == np.uint8 and dataset.ndim == 1
    if not right or dataset.size > MAX_JSON_BYTES:
        raise GraphError(f"{what}: expected at most {MAX_JSON_BYTES} bytes of JSON text")
    _check_storage(dataset, what)
    return json.loads(bytes(dataset[()]).decode())


def _read_node(group: h5py.Group) -> Node:
    name, kind = _text(group.attrs["name"]), _text(group.attrs["kind"])
    if kind not in QUANTISED_NODES:
        known = ", ".join(sorted(QUANTISED_NODES))
        raise GraphError(f"node {name!r}: unknown kind {kind!r}; known are {known}")
    values: dict[str, Any] = json.loads(_text(group.attrs["fields"]))
    for key, dataset in group.items():
        if key in values:
            raise GraphError(f"node {name!r}: {key!r} is given both as text and as an array")
        values[key] = dataset[()]
        values[key].setflags(write=False)  # so that a node may keep it without a copy
    for field in fields(QUANTISED_NODES[kind]):
        if field.name in values and not _fits(values[field.name], str(field.type)):
            raise GraphError(f"node {name!r} ({kind}): {field.name} is no {field.type}")
    channels = values.get("channels", 0)
    if type(channels) is int and channels > MAX_CHANNELS:
        raise GraphError(f"node {name!r} ({kind}): {channels} channels, limit {MAX_CHANNELS}")
    try:
        node = QUANTISED_NODES[kind](name=name, **values)
    except TypeError as error:
        raise GraphError(f"node {name!r} ({kind}): wrong fields ({error})") from None
    for port in node.outputs:
        shape = node.output_shape(port)
        if min(shape) < 1 or math.prod(shape) > MAX_VALUES:
            raise GraphError(f"node {name!r} ({kind}): shape {shape} of {port!r} is out of range")
    return node


def _fits(value: Any, kind: str) -> bool:
    """Whether a value read from a file is of the type a field is declared with."""
    if kind.endswith("Array"):
        return isinstance(value, np.ndarray)
    if kind == "int":
        return type(value) is int and abs(value) < 2**62
    if kind == "bool":
        return type(value) is bool
    if kind.startswith("tuple"):
        return isinstance(value, list) and all(type(v) is int for v in value)
    return isinstance(value, str)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise GraphError("a text attribute is missing")
    return value
