"""What a run of `depth-snn simulate` will take: said, and refused where it is too much."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from depth_snn.errors import EngineError
from depth_snn.machine import free_memory_bytes
from sims.memory import Need

GIB = 2**30
SHARE_OF_FREE = 0.8
"""Of the memory free now, unless ``--memory`` says how much."""
WITHOUT_A_WORD = 8 * GIB
"""Where the system does not tell how much is free."""


def allow(need: Need, chunk: int, memory_gib: float | None, out: Path | None) -> None:
    """Say what a run takes.

    Args:
        need: Memory of all clips that run together, and of all files.
        chunk: Frames that are handed on together.
        memory_gib: ``--memory``.
        out: Where values are written; None for nowhere.

    Raises:
        EngineError: It would take more memory than allowed, or more disk than is free.
    """
    limit = int(memory_gib * GIB) if memory_gib else _default_limit()
    parts = (
        f"weights {_size(need.weights)}, states {_size(need.states)}, a frame {_size(need.frame)}, "
        f"inputs and values of {chunk} at a time {_size(need.chunk)}, counts {_size(need.counts)}"
    )
    free = _free_disk(out) if out else 0
    disk = f"; file up to {_size(need.file)} before it is packed, {_size(free)} free" if out else ""
    print(f"memory: {_size(need.total)} of {_size(limit)} allowed: {parts}{disk}", file=sys.stderr)
    if need.total > limit:
        raise EngineError(
            f"this run takes {_size(need.total)} of memory, more than the {_size(limit)} allowed "
            f"({parts}); {_advice(need)}"
        )
    if out and need.file > free:
        raise EngineError(
            f"--out {out}: values may take {_size(need.file)}, and {_size(free)} are free there; "
            "keep fewer with --ports, or give fewer frames"
        )


def _advice(need: Need) -> str:
    if need.chunk > need.total // 2:
        return "keep fewer values with --ports"
    if need.counts > need.total // 2:
        return "give fewer frames"
    return "allow more with --memory, or convert a smaller network"


def _default_limit() -> int:
    free = free_memory_bytes()
    return WITHOUT_A_WORD if free is None else int(SHARE_OF_FREE * free)


def _free_disk(path: Path) -> int:
    there = path.absolute()
    while not os.path.lexists(there):
        there = there.parent
    return shutil.disk_usage(there).free


def _size(size: int) -> str:
    return f"{size / GIB:.2f} GiB" if size >= GIB else f"{size / 2**20:.1f} MiB"
