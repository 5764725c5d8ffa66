"""Bundles as one zip file: written so that the same input gives the same bytes, read with care."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from depth_snn.errors import InputError, one_line
from sims.bundle.manifest import ALLOWED, MANIFEST, MAX_BYTES, MAX_MANIFEST_BYTES

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Earliest time a zip file can hold; a bundle tells no time: its bytes must not depend on it."""
BLOCK = 2**20


def write_archive(files: Mapping[str, Path], path: Path) -> None:
    """Write files into a zip, under a temporary name first.

    Nothing is compressed: what is large in a bundle is compressed already, and compressed bytes
    would depend on the version of zlib.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(files):
                info = zipfile.ZipInfo(name, EPOCH)
                info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
                archive.writestr(info, files[name].read_bytes())
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def is_bundle(path: Path) -> bool:
    """Whether a file is a zip with a manifest, so that a newer bundle may replace it."""
    try:
        with zipfile.ZipFile(path) as archive:
            return MANIFEST in archive.namelist()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError):
        return False


def unpack_archive(path: Path, folder: Path) -> None:
    """Take a bundle's files out of a zip, into an empty folder.

    Raises:
        InputError: It is no zip, or holds names, links, sizes or packing that no bundle has.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check(path, entries)
            for entry in entries:
                _extract(path, archive, entry, folder / entry.filename)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path}: not a readable bundle ({one_line(str(error))})") from None


def _check(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    for entry in entries:
        if entry.filename not in ALLOWED | {MANIFEST}:
            raise InputError(
                f"{path}: holds {one_line(entry.filename)[:80]!r}, which no bundle does; "
                "do not unpack it, ask its sender"
            )
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise InputError(f"{path}: {entry.filename} is a link or device, not a file")
        if entry.flag_bits & 1 or entry.compress_type != zipfile.ZIP_STORED:
            raise InputError(f"{path}: {entry.filename} is packed or locked; bundles are neither")
    if len(set(names)) != len(names):
        raise InputError(f"{path}: a name stands in it twice")
    manifest = sum(entry.file_size for entry in entries if entry.filename == MANIFEST)
    if manifest > MAX_MANIFEST_BYTES or sum(entry.file_size for entry in entries) > MAX_BYTES:
        raise InputError(f"{path}: claims more than {MAX_BYTES} bytes of files")


def _extract(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    size = path.stat().st_size
    if entry.file_size > size:
        raise InputError(f"{path}: {entry.filename} claims more bytes than the file has")
    with archive.open(entry) as source, target.open("xb") as out:
        while block := source.read(BLOCK):
            out.write(block)
