"""A run record as an HDF5 file: plain arrays and one JSON text, nothing executable."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from depth_snn.errors import ConfigError, InputError, no_file
from depth_snn.sealed import SEAL_BYTES, seal_fault, write_seal
from sims.counts import COUNT_FIELDS, UNCOUNTED_ONCE, NodeCounts
from sims.record import ARRAY_FIELDS, OPTIONAL_ARRAYS, RunRecord, scalar_fields
from sims.stored_array import stored_array

FILE_KIND = "depth-snn-run"
FORMAT_VERSION = 2
"""1: the first. 2: message bits, and bytes of state and weights of each node."""
FIRST_FIELDS = tuple(name for name in COUNT_FIELDS if name not in UNCOUNTED_ONCE)
MAX_JSON_BYTES = 4 << 20
# A frame of the street network takes about 170 kB, so this is some 12,000 frames.
MAX_ARRAY_BYTES = 2 << 30
# Pictures and labels shrink a lot; the rest is too small to matter.
COMPRESSED = ("rgb", "prediction", "truth", "token_state")


def save_record(record: RunRecord, path: Path | str) -> Path:
    """Write a record to HDF5, through a temporary name in the same folder.

    Args:
        record: The run.
        path: Target file, replaced if it exists.

    Returns:
        The path written.

    Raises:
        InputError: The folder cannot be written, or the record is above the size limit.
    """
    target = Path(path)
    arrays = _arrays_of(record)
    size = sum(array.nbytes for array in arrays.values())
    if size > MAX_ARRAY_BYTES:
        raise InputError(
            f"{target}: the run holds {size} bytes, the file format allows {MAX_ARRAY_BYTES}; "
            "run fewer frames"
        )
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        with h5py.File(temporary, "w", userblock_size=SEAL_BYTES) as file:
            file.attrs["kind"] = FILE_KIND
            file.attrs["format"] = FORMAT_VERSION
            meta = json.dumps(_meta_of(record), allow_nan=False).encode()
            file.create_dataset("meta_json", data=np.frombuffer(meta, dtype=np.uint8))
            for name, array in arrays.items():
                options = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
                chosen = options if name in COMPRESSED and array.size else {}
                file.create_dataset(name, data=array, **chosen)
        write_seal(temporary, FILE_KIND)
        temporary.replace(target)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise InputError(f"{target}: cannot be written ({_one_line(error)})") from error
    return target


def load_record(path: Path | str) -> RunRecord:
    """Read a record written by save_record.

    Kind, version, names, types and sizes are checked before anything large is read; links and
    datasets stored outside the file are refused.

    Args:
        path: The HDF5 file.

    Returns:
        The record, validated as on construction.

    Raises:
        InputError: The file is missing, damaged, of another kind or version, or inconsistent.
    """
    source = Path(path)
    if not source.is_file():
        raise InputError(no_file(source, "no such file; expected a run written by depth-snn run"))
    try:
        fault = seal_fault(source, FILE_KIND)
        if fault:
            raise InputError(
                f"{source}: not a readable run file ({fault}); run depth-snn run again"
            )
        with h5py.File(source, "r") as file:
            _check_header(source, file)
            meta = _read_meta(source, file)
            return _build(source, file, meta)
    except InputError:
        raise
    except ConfigError as error:
        raise InputError(f"{source}: {error}") from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"{source}: not a readable run file ({_one_line(error)}); run depth-snn run again"
        ) from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]


def _arrays_of(record: RunRecord) -> dict[str, np.ndarray[Any, Any]]:
    arrays = {name: getattr(record, name) for name in ARRAY_FIELDS}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    frames = record.frames
    arrays["macs"] = np.array(list(record.macs.values()), dtype=np.int64).reshape(-1, frames)
    counted = _counted(record)
    arrays["counts"] = np.array(
        [[getattr(node, field) for field in counted] for node in record.counts.values()],
        dtype=np.int64,
    ).reshape(-1, len(counted), frames)
    return arrays


def _counted(record: RunRecord) -> tuple[str, ...]:
    """What every node counted: all, or what the first format knew."""
    nodes = record.counts.values()
    return COUNT_FIELDS if all(n.counted == COUNT_FIELDS for n in nodes) else FIRST_FIELDS


def _meta_of(record: RunRecord) -> dict[str, Any]:
    meta: dict[str, Any] = {name: getattr(record, name) for name in scalar_fields()}
    meta["macs"] = list(record.macs)
    meta["count_fields"] = list(_counted(record))
    meta["nodes"] = [
        {
            "node": n.node,
            "kind": n.kind,
            "runs_on": n.runs_on,
            "neurons": n.neurons,
            "state_bytes": n.state_bytes,
            "weight_bytes": n.weight_bytes,
        }
        for n in record.counts.values()
    ]
    return meta


def _check_header(source: Path, file: h5py.File) -> None:
    kind = file.attrs.get("kind")
    if kind != FILE_KIND:
        raise InputError(f"{source}: an HDF5 file, but not a run of depth-snn run (kind {kind!r})")
    version = file.attrs.get("format")
    if not isinstance(version, (int, np.integer)) or not 1 <= int(version) <= FORMAT_VERSION:
        raise InputError(
            f"{source}: format {version!r}, this version reads formats 1 to {FORMAT_VERSION}"
        )


def _read_meta(source: Path, file: h5py.File) -> dict[str, Any]:
    data = stored_array(source, file, "meta_json")
    if data.dtype != np.uint8 or data.ndim != 1 or data.size > MAX_JSON_BYTES:
        raise InputError(f"{source}: meta_json is not a text of at most {MAX_JSON_BYTES} bytes")
    try:
        meta = json.loads(data[()].tobytes().decode())
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{source}: meta_json is damaged ({_one_line(error)})") from error
    needed = {*scalar_fields(), "macs", "nodes", "count_fields"}
    missing = sorted(needed - set(meta)) if isinstance(meta, dict) else sorted(needed)
    if missing:
        raise InputError(f"{source}: meta_json lacks {', '.join(missing)}")
    if meta["count_fields"] not in (list(COUNT_FIELDS), list(FIRST_FIELDS)):
        raise InputError(f"{source}: counts are {meta['count_fields']}, expected {COUNT_FIELDS}")
    return dict(meta)


def _build(source: Path, file: h5py.File, meta: dict[str, Any]) -> RunRecord:
    present = [n for n in ARRAY_FIELDS if n not in OPTIONAL_ARRAYS or n in file]
    datasets = {name: stored_array(source, file, name) for name in (*present, "macs", "counts")}
    frames = datasets["rgb"].shape[0] if datasets["rgb"].ndim == 4 else 0
    expected: dict[str, tuple[int, ...]] = {
        "macs": (len(meta["macs"]), frames),
        "counts": (len(meta["nodes"]), len(meta["count_fields"]), frames),
    }
    expected.update(_record_shapes(datasets["rgb"].shape, meta))
    total = 0
    for name, data in datasets.items():
        dtype: np.dtype[Any] = np.dtype(ARRAY_FIELDS[name][0] if name in ARRAY_FIELDS else np.int64)
        if data.dtype != dtype or data.shape != expected[name]:
            raise InputError(
                f"{source}: '{name}' is {data.dtype} {data.shape}, "
                f"expected {dtype} {expected[name]}"
            )
        total += math.prod(data.shape) * dtype.itemsize
    if total > MAX_ARRAY_BYTES:
        raise InputError(f"{source}: declares {total} bytes, at most {MAX_ARRAY_BYTES} are read")
    values: dict[str, Any] = {name: data[()] for name, data in datasets.items()}
    return _record_from(meta, values)


def _record_shapes(rgb_shape: tuple[int, ...], meta: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    rows, columns = (int(side) for side in meta["grid"])
    region = int(meta["region"])
    if len(rgb_shape) != 4 or min(rows, columns, region) < 1:
        raise ValueError(f"rgb of shape {rgb_shape} with grid {(rows, columns)}")
    sizes = {
        **dict(zip("THW", rgb_shape[:3], strict=True)),
        "3": 3,
        "N": rows * columns,
        "R": (rows // region) * (columns // region),
        "C": len(meta["class_names"]),
    }
    return {name: tuple(sizes[a] for a in axes) for name, (_, axes) in ARRAY_FIELDS.items()}


def _record_from(meta: dict[str, Any], values: dict[str, Any]) -> RunRecord:
    counts = {}
    for row, node in zip(values.pop("counts"), meta["nodes"], strict=True):
        fields = dict(zip(meta["count_fields"], row, strict=True))
        counts[str(node["node"])] = NodeCounts(
            node=str(node["node"]),
            kind=str(node["kind"]),
            runs_on=str(node["runs_on"]),
            neurons=int(node["neurons"]),
            state_bytes=_bytes_of(node, "state_bytes"),
            weight_bytes=_bytes_of(node, "weight_bytes"),
            **fields,
        )
    macs = dict(zip(map(str, meta["macs"]), values.pop("macs"), strict=True))
    scalars = {name: meta[name] for name in scalar_fields()}
    scalars["grid"] = tuple(scalars["grid"])
    values.setdefault("truth", None)
    return RunRecord(**scalars, **values, macs=macs, counts=counts)


def _bytes_of(node: dict[str, Any], what: str) -> int | None:
    """A size of a node, which the first format does not have."""
    value = node.get(what)
    return None if value is None else int(value)
