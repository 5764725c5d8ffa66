"""Refuses an output that is one of a command's inputs, or another output, before anything is done.

Which options are written is said here by name; every other path that is there counts as read. What
a command reads or writes without an option for it, its module's ``also_read(args)`` and
``also_written(args)`` say.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from depth_snn.errors import ConfigError

WRITTEN = frozenset(
    {"out", "json", "counts", "junit", "propose", "tune", "into", "documents", "log", "cache",
     "keep"}
)  # fmt: skip
"""Arguments that are written."""
FOLDERS = frozenset({"log", "cache", "keep"})
"""Those of them that are folders for many files, which two of them may share."""
NAMES = frozenset(
    {"network", "policy", "motion", "budget", "cost_table", "recipe", "start", "teacher",
     "calibrate", "thresholds", "table", "baseline", "target", "chip", "beside"}
)  # fmt: skip
"""Arguments that are a shipped name or a file; several may be separated by commas."""
FOOTAGE = "input"
"""The argument that is a video, a folder of images or a scene."""
POSITIONAL = {"documents": "DOCUMENT"}

Named = tuple[str, Path]


def refuse_overlap(args: argparse.Namespace, command: ModuleType) -> None:
    """Refuse outputs that would replace an input or each other, also through links.

    Args:
        args: The command's arguments.
        command: Its module.

    Raises:
        ConfigError: naming the option and what it would replace.
    """
    read, written = list(_read(args, command)), list(_written(args, command))
    for option, path in written:
        for source in read:
            if same_file(path, source):
                raise ConfigError(
                    f"{option} {path}: would replace {source}, which this command reads; give "
                    "another name"
                )
    for i, (option, path) in enumerate(written):
        for other, earlier in written[:i]:
            if option != other and same_file(path, earlier):
                raise ConfigError(f"{option} {path}: is {other} too; give another name")


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths are one file or folder, or would be."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return os.path.abspath(one) == os.path.abspath(other) or _resolved(one) == _resolved(other)


def _resolved(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return os.path.abspath(path)


def beside(record: Path) -> list[Path]:
    """The graph and the inputs that lie beside a run."""
    return [record.parent / name for name in ("graph.h5", "inputs.h5")]


def _written(args: argparse.Namespace, command: ModuleType) -> Iterator[Named]:
    folders: list[Named] = []
    for name, value in vars(args).items():
        if name in WRITTEN:
            option = POSITIONAL.get(name, f"--{name}")
            found = [(option, path) for path in _paths(value)]
            if name in FOLDERS:
                folders += found
            else:
                yield from found
    also = getattr(command, "also_written", None)
    yield from also(args) if also else ()
    # One name for all of them, so that they may share a folder.
    yield from (("/".join(dict(folders)), path) for _, path in folders)


def _read(args: argparse.Namespace, command: ModuleType) -> Iterator[Path]:
    for name, value in vars(args).items():
        if name in NAMES:
            yield from (path for path in _named(value) if _is_there(path, folder=False))
        elif name == FOOTAGE and isinstance(value, str):
            yield from [path for path in (Path(value),) if _is_there(path, folder=True)]
        elif name not in WRITTEN:
            yield from (path for path in _paths(value) if _is_there(path, folder=True))
    also = getattr(command, "also_read", None)
    yield from (path for path in (also(args) if also else ()) if _is_there(path, folder=False))


def _paths(value: object) -> list[Path]:
    items = value if isinstance(value, (list, tuple)) else [value]
    return [item for item in items if isinstance(item, Path)]


def _named(value: object) -> Iterator[Path]:
    """Files that a text could mean: all of it, its parts, and what follows a kind, as in raft:F."""
    for item in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(item, Path):
            yield item
        elif isinstance(item, str):
            for part in {item, *item.split(",")}:
                yield from (Path(text) for text in {part, part.partition(":")[2]} if text)


def _is_there(path: Path, *, folder: bool) -> bool:
    try:
        return path.is_file() or (folder and path.is_dir())
    except (OSError, ValueError):
        return False
