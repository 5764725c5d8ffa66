"""Changes of an HDF5 file that leave it a valid HDF5 file, with contents nobody expects."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

HUGE = ((2**20, 2**15), (2**13, 2**12))
"""Shapes of an array that a file claims without holding it: beyond what readers take, and within,
where it would still be hundreds of MiB."""
LONG_TEXT = "S2000000000"
"""Type of one text that is as long as an HDF5 file can claim."""
ODD_VALUES: tuple[Any, ...] = (
    -1, 0, 1, 2, 3, 127, 128, -128, 2**16, 2**31 - 1, 2**31, 2**53, 2**62, 2**63 - 1, -(2**63),
    2**70, 1.5, 1e308, float("nan"), float("inf"), "", "x", "in", "out", "gate", "zero", "Dense",
    "x" * 5000,
    "\n", "\0", "ü", None, True, False, [], [[]], [1, 2], [2**20, 2**20], {}, {"a": 1}, [[1]] * 50,
)  # fmt: skip
"""What stands where something else was expected."""
ODD_TYPES = ("i1", "i4", "u1", "u8", "f2", "f8", "c16", "S3", "?", ">i2")
DEEP_JSON = b"[" * 5000
FIELD_LIMIT = 60_000
"""HDF5 keeps at most 64 KiB in an attribute."""
MOST_READ = 10**7
"""Bytes of an array that is read to be changed."""


def edit_hdf5(path: Path, rng: np.random.Generator, changes: int) -> None:
    """Change groups, arrays, links and attributes of a valid file; the same changes for one rng.

    A change that HDF5 itself refuses to write is left out.
    """
    with h5py.File(path, "r+") as file:
        for _ in range(changes):
            change = _CHANGES[int(rng.integers(len(_CHANGES)))]
            with suppress(ValueError, TypeError, KeyError, OSError, RuntimeError, OverflowError):
                change(file, rng)


def _pick(values: Any, rng: np.random.Generator) -> Any:
    return values[int(rng.integers(len(values)))]


def _objects(file: h5py.File) -> list[Any]:
    """Every group and array, in the order of names."""
    found: list[Any] = []
    file.visititems(lambda _, thing: found.append(thing))
    return [file, *found]


def _dataset(file: h5py.File, rng: np.random.Generator) -> Any:
    return _pick([thing for thing in _objects(file) if isinstance(thing, h5py.Dataset)], rng)


def _numbers(dataset: Any) -> Any:
    """What an array holds; one that was made huge before is left alone."""
    if dataset.size is None or dataset.size * dataset.dtype.itemsize > MOST_READ:
        raise ValueError("too large to be changed by value")
    return np.array(dataset[()])


def _attribute(file: h5py.File, rng: np.random.Generator) -> None:
    """Another value, or none, in a random attribute."""
    thing = _pick([thing for thing in _objects(file) if len(thing.attrs)], rng)
    key = _pick(sorted(thing.attrs), rng)
    if rng.random() < 0.15:
        del thing.attrs[key]
        return
    value = _pick(ODD_VALUES, rng)
    if isinstance(value, str) and rng.random() < 0.7:
        value = np.bytes_(value.encode())
    elif isinstance(value, dict | None):
        value = h5py.Empty("i4")
    elif rng.random() < 0.1:
        value = rng.integers(-3, 3, (2, 3))
    thing.attrs[key] = value


def _fields(file: h5py.File, rng: np.random.Generator) -> None:
    """Another value in the JSON text of an attribute."""
    places = []
    for thing in _objects(file):
        for key in sorted(thing.attrs):
            text = thing.attrs[key]
            if isinstance(text, bytes) and text[:1] in b"{[":
                places.append((thing, key, text))
    thing, key, text = _pick(places, rng)
    thing.attrs[key] = np.bytes_(_odd_json(bytes(text), rng)[:FIELD_LIMIT])


def _json_array(file: h5py.File, rng: np.random.Generator) -> None:
    """Another value in JSON text that is kept as an array of bytes."""
    texts = [
        thing
        for thing in _objects(file)
        if isinstance(thing, h5py.Dataset) and thing.dtype == np.uint8 and thing.ndim == 1
    ]
    dataset = _pick(texts, rng)
    text = _odd_json(bytes(_numbers(dataset)), rng)
    _replace(dataset, data=np.frombuffer(text, np.uint8))


def _odd_json(text: bytes, rng: np.random.Generator) -> bytes:
    if rng.random() < 0.05:
        return DEEP_JSON
    tree = json.loads(text)
    spots: list[tuple[Any, Any]] = []
    _walk(tree, spots)
    if not spots:
        return json.dumps(_pick(ODD_VALUES, rng)).encode()
    holder, key = _pick(spots, rng)
    chance = rng.random()
    if chance < 0.15:
        del holder[key]
    elif chance < 0.25 and isinstance(holder, dict):
        holder[str(_pick(ODD_VALUES, rng))] = _pick(ODD_VALUES, rng)
    elif chance < 0.3 and isinstance(holder, list):
        holder.extend(holder[:50])
    else:
        holder[key] = _pick(ODD_VALUES, rng)
    return json.dumps(tree).encode()


def _walk(tree: Any, spots: list[tuple[Any, Any]]) -> None:
    """Collect every place in a JSON tree that a value can be put to."""
    keys = (
        list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    )
    for key in keys:
        spots.append((tree, key))
        _walk(tree[key], spots)


def _replace(dataset: Any, **how: Any) -> None:
    parent, name = dataset.parent, dataset.name.rsplit("/", 1)[1]
    del parent[name]
    parent.create_dataset(name, **how)


def _shape(file: h5py.File, rng: np.random.Generator) -> None:
    """Another shape; a huge one takes no room in the file."""
    dataset = _dataset(file, rng)
    kind = dataset.dtype if rng.random() < 0.8 else np.dtype(_pick(ODD_TYPES, rng))
    if kind.itemsize > MOST_READ // 256:  # was made huge before; many of them would be held here
        kind = np.dtype("i1")
    if rng.random() < 0.3:
        packed = {"chunks": (1024, 1024), "compression": "gzip"} if rng.random() < 0.5 else {}
        _replace(dataset, shape=_pick(HUGE, rng), dtype=kind, **packed)
        return
    shape = tuple(int(n) for n in rng.integers(0, 5, int(rng.integers(0, 5))))
    _replace(dataset, data=rng.integers(-3, 3, shape).astype(kind))


def _type(file: h5py.File, rng: np.random.Generator) -> None:
    """The same values in another type, text or structures."""
    dataset = _dataset(file, rng)
    chance = rng.random()
    if chance < 0.1:
        _replace(dataset, data=["text", "of any length"], dtype=h5py.string_dtype())
    elif chance < 0.2:
        _replace(dataset, data=np.zeros(2, [("a", "i4"), ("b", "f4")]))
    elif chance < 0.25:
        _replace(dataset, data=h5py.Empty("i4"))
    elif chance < 0.3:
        _replace(dataset, shape=(1,), dtype=LONG_TEXT)
    else:
        _replace(dataset, data=_numbers(dataset).astype(_pick(ODD_TYPES, rng)))


def _values(file: h5py.File, rng: np.random.Generator) -> None:
    """Other numbers of the same type."""
    dataset = _dataset(file, rng)
    flat = _numbers(dataset).reshape(-1)
    if flat.dtype.kind in "iu" and flat.size:
        limits = np.iinfo(flat.dtype)
        flat[int(rng.integers(flat.size))] = _pick((limits.min, limits.max, 0, 1, 100), rng)
        dataset[...] = flat.reshape(dataset.shape)


def _link(file: h5py.File, rng: np.random.Generator) -> None:
    """A link that leads nowhere, out of the file, or round in a circle; or none."""
    thing = _pick(_objects(file)[1:], rng)
    parent, name = thing.parent, thing.name.rsplit("/", 1)[1]
    del parent[name]
    chance = rng.random()
    if chance < 0.2:
        parent[name] = h5py.SoftLink(_pick(("/", "/nodes", "/edges", "/meta", name, ".."), rng))
    elif chance < 0.4:
        parent[name] = h5py.ExternalLink(_pick(("missing.h5", "/dev/zero", "."), rng), "/x")
    elif chance < 0.6:
        parent[name] = file["/"] if rng.random() < 0.5 else parent
    elif chance < 0.7:
        parent.create_group(name)


def _more(file: h5py.File, rng: np.random.Generator) -> None:
    """A group, array or alias that should not be there."""
    groups = [thing for thing in _objects(file) if isinstance(thing, h5py.Group)]
    group, name = _pick(groups, rng), _pick(("weight", "bias", "name", "000001", "zz", "~"), rng)
    chance = rng.random()
    if chance < 0.4:
        group.create_dataset(name, data=rng.integers(-3, 3, int(rng.integers(0, 4))))
    elif chance < 0.6:
        group.create_group(name)
    elif chance < 0.8:
        group[name] = _pick(groups, rng)
    else:
        layout = h5py.VirtualLayout(shape=(4,), dtype="i4")
        layout[:] = h5py.VirtualSource("missing.h5", "x", shape=(4,))
        group.create_virtual_dataset(name, layout)


_CHANGES: tuple[Callable[[h5py.File, np.random.Generator], None], ...] = (
    _attribute, _fields, _fields, _fields, _json_array, _json_array, _shape, _type, _values, _link,
    _more,
)  # fmt: skip
