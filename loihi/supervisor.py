"""Runs a command in a process group of its own, with a deadline, and removes whatever it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from depth_snn.errors import EngineError
from loihi import segments

POLL_S = 0.01
GRACE_S = 3.0
"""Time for a child to reap its own children and end, after its outcome or a SIGTERM."""

STATUS_FILE = "status.json"
PROGRESS_FILE = "progress"
LOG_FILE = "log.txt"
SINGLE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""A process per Lava process is enough; torch after OpenMP in a fork hangs otherwise."""


@dataclass(frozen=True)
class Child:
    """What to run and how to speak of it.

    Args:
        command: Program and arguments.
        folder: Its working files; ``status.json``, ``progress`` and ``log.txt`` appear here.
        prefix: Beginning of the names of its shared-memory segments.
        what: How error messages call the run.
    """

    command: Sequence[str]
    folder: Path
    prefix: str
    what: str


def supervise(
    child: Child, *, deadline_s: float, on_progress: Callable[[int], None] | None = None
) -> float:
    """Run a child to its end.

    Args:
        child: What to run.
        deadline_s: Wall time in seconds after which the run is given up.
        on_progress: Called with the number of steps done, when it has changed.

    Returns:
        Seconds from building the network to its last step.

    Raises:
        EngineError: one line for every way a run can fail.
    """
    root = str(Path(__file__).resolve().parents[1])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    # TMPDIR: Python's managers keep their sockets there; in our folder they vanish with it.
    extra = {"PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(child.folder)}
    environment = {**os.environ, **SINGLE_THREAD, **extra}
    with (child.folder / LOG_FILE).open("wb") as log:
        process = subprocess.Popen(
            list(child.command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=child.folder,
            env=environment,
            start_new_session=True,
        )
    patience_s = 0.0
    try:
        status = _await_status(process, child, deadline_s, on_progress)
        patience_s = GRACE_S
    finally:
        _end_group(process, patience_s)
        segments.sweep(child.prefix)
    if not status["ok"]:
        raise EngineError(f"{child.what} failed: {status['error']}")
    return float(status["seconds"])


def _await_status(
    process: subprocess.Popen[bytes],
    child: Child,
    deadline_s: float,
    on_progress: Callable[[int], None] | None,
) -> dict[str, Any]:
    done = 0
    deadline = time.monotonic() + deadline_s
    while True:
        ended = process.poll()
        status_path = child.folder / STATUS_FILE
        # Looked at before the counter, so that the last step is told too.
        has_status = status_path.exists()
        if on_progress is not None and (steps := _steps_done(child.folder)) > done:
            done = steps
            on_progress(done)
        if has_status:
            status: dict[str, Any] = json.loads(status_path.read_text())
            return status
        if ended is not None:
            words = _ending(ended, child.folder)
            raise EngineError(f"{child.what} ended without a result: {words}")
        if time.monotonic() > deadline:
            raise EngineError(
                f"{child.what} did not finish within {deadline_s:g} s "
                f"({_steps_done(child.folder)} steps done); give it a longer deadline, or look for "
                "a process that does not send"
            )
        time.sleep(POLL_S)


def _steps_done(folder: Path) -> int:
    with suppress(OSError):
        counter = np.fromfile(folder / PROGRESS_FILE, np.int64)
        return int(counter[0]) if counter.size else 0
    return 0


def _ending(code: int, folder: Path) -> str:
    words = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    text = (folder / LOG_FILE).read_text(errors="replace").strip().splitlines()
    return f"{words}, last words {text[-1].strip()!r}" if text else words


def _end_group(process: subprocess.Popen[bytes], patience_s: float) -> None:
    """Let the child reap its own processes, then kill whatever of its group is left."""
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # Whoever lost its parent here dies on its own time; only when it is dead is nothing left over.
    end = time.monotonic() + GRACE_S
    while _group_lives(process.pid) and time.monotonic() < end:
        time.sleep(POLL_S)


def _group_lives(group: int) -> bool:
    """Whether a process of the group is neither dead nor only waiting to be reaped."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # After the command's closing bracket: state, parent, process group.
            state, _, of_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state not in "ZX":
                return True
    return False
