"""Mutations of files: as bytes, and of HDF5 files as groups, arrays and attributes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from conversion.fuzz.mutate_hdf5 import edit_hdf5
from conversion.fuzz.readers import Reader

MAX_CHANGES = 6
"""Most changes of one file: few, so that most of it stays whole and readers get far."""
EDIT_SHARE = 0.5
"""Share of the HDF5 files with a right checksum, or of a format without one, that are changed as
HDF5, not as bytes."""

BLOCKS = (
    b"\0", b"\xff", b"\x7f", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f",
    b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\0" * 7 + b"\x80", (2**32).to_bytes(8, "little"),
    b"\x89HDF\r\n\x1a\n", b"OHDR", b"TREE", b"SNOD", b"HEAP", b"{", b'"', b"[" * 64,
)  # fmt: skip
"""Bytes that decide much: lengths at the ends of their types, and signatures of HDF5."""


def mutated_file(
    reader: Reader, seeds: list[bytes], path: Path, rng: np.random.Generator, *, sealed: bool
) -> None:
    """Write one mutated file to ``path``.

    Args:
        reader: Kind of the file.
        seeds: Contents of the valid files.
        path: Where the mutated one goes.
        rng: Decides everything.
        sealed: Whether its checksum is made right again, where the format has one.
    """
    data = seeds[int(rng.integers(len(seeds)))]
    # Without a checksum every file is read past it.
    if reader.hdf5 and (sealed or reader.seal is None) and rng.random() < EDIT_SHARE:
        path.write_bytes(data)
        edit_hdf5(path, rng, int(rng.integers(1, MAX_CHANGES)))
    else:
        other = seeds[int(rng.integers(len(seeds)))]
        path.write_bytes(mutated_bytes(data, other, rng))
    if sealed and reader.seal is not None:
        reader.seal(path)


def mutated_bytes(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A few random changes of ``data``; ``other`` lends pieces."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, MAX_CHANGES))):
        change = _CHANGES[int(rng.integers(len(_CHANGES)))]
        change(out, other, rng)
    return bytes(out)


def _place(out: bytearray, rng: np.random.Generator) -> int:
    return int(rng.integers(len(out))) if out else 0


def _flip(out: bytearray, _: bytes, rng: np.random.Generator) -> None:
    if out:
        out[_place(out, rng)] ^= 1 << int(rng.integers(8))


def _set(out: bytearray, _: bytes, rng: np.random.Generator) -> None:
    if out:
        out[_place(out, rng)] = int(rng.integers(256))


def _nudge(out: bytearray, _: bytes, rng: np.random.Generator) -> None:
    if out:
        at = _place(out, rng)
        out[at] = (out[at] + int(rng.integers(-2, 3))) % 256


def _overwrite(out: bytearray, _: bytes, rng: np.random.Generator) -> None:
    block = BLOCKS[int(rng.integers(len(BLOCKS)))]
    at = _place(out, rng)
    out[at : at + len(block)] = block


def _noise(out: bytearray, _: bytes, rng: np.random.Generator) -> None:
    at, length = _place(out, rng), int(rng.integers(1, 65))
    out[at : at + length] = rng.bytes(length)


def _cut(out: bytearray, _: bytes, rng: np.random.Generator) -> None:
    at = _place(out, rng)
    del out[at : at + int(rng.integers(1, 257))]


def _end(out: bytearray, _: bytes, rng: np.random.Generator) -> None:
    del out[_place(out, rng) :]


def _insert(out: bytearray, _: bytes, rng: np.random.Generator) -> None:
    at = _place(out, rng)
    out[at:at] = rng.bytes(int(rng.integers(1, 65)))


def _splice(out: bytearray, other: bytes, rng: np.random.Generator) -> None:
    """A piece of another file, or of the same, at another place."""
    start, length = int(rng.integers(len(other))), int(rng.integers(1, 513))
    at = _place(out, rng)
    out[at : at + length] = other[start : start + length]


_CHANGES: tuple[Callable[[bytearray, bytes, np.random.Generator], None], ...] = (
    _flip, _flip, _flip, _set, _nudge, _overwrite, _overwrite, _noise, _cut, _end, _insert, _splice,
)  # fmt: skip
