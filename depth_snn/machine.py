"""What a measurement ran on: the class of machine and the commit, never a host name or path."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path


def machine_class() -> str:
    """The class of this machine, such as "2-core x86_64, 23 GiB"."""
    memory = memory_gib()
    size = "" if memory is None else f", {memory:.0f} GiB"
    return f"{usable_cores()}-core {platform.machine() or 'unknown'}{size}"


def usable_cores() -> int:
    """CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_gib() -> float | None:
    """This machine's memory in GiB, or None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):
        return None


def free_memory_bytes() -> int | None:
    """Memory that could be taken now without swapping, or None where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return 1024 * int(line.split()[1])
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def current_commit(folder: str | Path | None = None) -> str:
    """The commit the source is at.

    Args:
        folder: A folder of the working tree; None takes this package's.

    Returns:
        Twelve hex digits, with "+" when files differ from it; "unknown" outside a repository.
    """
    where = Path(folder) if folder is not None else Path(__file__).parent
    commit = _git(where, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return "unknown"
    return f"{commit}+" if _git(where, "status", "--porcelain") else commit


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
