"""Shared memory of a Lava run: named so that it is recognised, and removed after the run."""

from __future__ import annotations

import secrets
from multiprocessing import process, shared_memory
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
"""Where Linux keeps POSIX shared memory and named semaphores."""

NAME_LENGTH = 40
"""More than Python's portable 14 characters, to leave room for a prefix; Linux allows 255."""


def new_prefix() -> str:
    """A name that the segments of one run, and nothing else, begin with."""
    return f"dsnn{secrets.token_hex(6)}_"


def claim(prefix: str) -> None:
    """Make this process, and those it forks, name their segments and semaphores with ``prefix``.

    Python offers no public setting; where these private names are missing, the run works and only
    :func:`sweep` after a killed run finds nothing.
    """
    if hasattr(shared_memory, "_SHM_NAME_PREFIX"):
        vars(shared_memory)["_SHM_NAME_PREFIX"] = f"/{prefix}"
        vars(shared_memory)["_SHM_SAFE_NAME_LENGTH"] = NAME_LENGTH
    config = getattr(process.current_process(), "_config", None)
    if isinstance(config, dict) and "semprefix" in config:
        config["semprefix"] = f"/{prefix}"


def remaining(prefix: str) -> list[Path]:
    """Segments and semaphores of one run that still exist."""
    if not SHARED_MEMORY.is_dir():
        return []
    names = (f"{prefix}*", f"sem.{prefix}*")
    return sorted(path for name in names for path in SHARED_MEMORY.glob(name))


def sweep(prefix: str) -> int:
    """Unlink what :func:`remaining` lists; returns how many there were."""
    left = remaining(prefix)
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)
