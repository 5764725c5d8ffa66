"""A seal in front of our HDF5 files: damage is found before the HDF5 library sees it.

That library can crash on damaged files. Every file of ours starts with a block that names its
format and the SHA-256 of what follows; HDF5 readers skip it as a user block. A seal tells damage
from wholeness, not friend from foe: what a file says is still checked by whoever reads it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

SEAL_BYTES = 512
"""Size of the user block, ``h5py.File(..., userblock_size=SEAL_BYTES)``."""


def seal_of(path: Path, name: str) -> bytes:
    """The block that belongs in front of a file's data."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(SEAL_BYTES)
        while block := file.read(2**20):
            sha.update(block)
    return f"{name}\nsha256 {sha.hexdigest()}\n".encode().ljust(SEAL_BYTES, b"\0")


def write_seal(path: Path, name: str) -> None:
    """Seal a finished file whose user block is still empty.

    Args:
        path: An HDF5 file with a user block of :data:`SEAL_BYTES`.
        name: Its format.
    """
    seal = seal_of(path, name)
    with path.open("r+b") as file:
        file.write(seal)


def seal_fault(path: Path, name: str) -> str | None:
    """What is wrong with a file's seal, in a few words; None if it is whole.

    Args:
        path: The file.
        name: The format it should have.
    """
    with path.open("rb") as file:
        head = file.read(SEAL_BYTES)
    if not head.startswith(f"{name}\n".encode()):
        return f"not a {name} file"
    if head != seal_of(path, name):
        return "damaged: its checksum does not match"
    return None
