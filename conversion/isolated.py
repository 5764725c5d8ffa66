"""Foreign HDF5 files, read in a process of their own.

A damaged file can crash the HDF5 library, hang it, or make it take memory without end. So a child
reads the file, with its memory limited, and hands on plain arrays and JSON:

    python -m conversion.isolated MODULE FILE WORDS…  > arrays.npz

MODULE has a function ``contents(file, *words)`` and a name FORMAT of what it reads. Exit code 1
comes with one line of reason.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
import numpy.typing as npt

from conversion.graph_file import MAX_JSON_BYTES, MAX_PACKING
from depth_snn.errors import GraphError, one_line

DEADLINE_S = 60.0
"""Seconds that reading one file may take."""
MEMORY_BYTES = 6 * 2**30
REFUSED, NO_MEMORY = 1, 3
"""Exit codes: a line of reason; memory beyond the limit."""
POLL_S = 0.005

Arrays = Mapping[str, npt.NDArray[Any]]
Contents = tuple[dict[str, Any], Arrays]
"""What a file holds: a tree of names and texts, and arrays by the labels that stand in it."""

_patience: ContextVar[float | None] = ContextVar("patience", default=None)
"""Deadline of children that are copies of this process; None for fresh ones."""


@contextmanager
def forking(deadline_s: float = DEADLINE_S) -> Iterator[None]:
    """Inside, children are copies of this process and not fresh ones: much faster to start.

    Only for a process with one thread, such as one that reads thousands of files to find faults.
    """
    token = _patience.set(deadline_s)
    try:
        yield
    finally:
        _patience.reset(token)


def read_apart(module: str, path: Path, *words: str) -> Contents:
    """What ``module.contents(path, *words)`` returns, found by a child.

    Raises:
        GraphError: in one line that names the file, whatever the file did to the child.
    """
    start, deadline_s = _forked, _patience.get()
    if deadline_s is None:
        start, deadline_s = _spawned, DEADLINE_S
    code, out, said = start(module, [str(path), *words], deadline_s)
    if code is None:
        raise GraphError(f"{path}: not read within {deadline_s:g} s; is it damaged?")
    if code == NO_MEMORY:
        raise GraphError(f"{path}: reading it takes too much memory; is it damaged?") from (
            MemoryError()
        )
    if code == REFUSED:
        lines = said.decode(errors="replace").strip().splitlines()
        raise GraphError(one_line(f"{path}: {lines[-1] if lines else 'not readable'}"))
    if code:
        raise GraphError(f"{path}: not readable (the HDF5 library failed on it)")
    with np.load(io.BytesIO(out), allow_pickle=False) as arrays:
        layout = json.loads(arrays["layout"].tobytes().decode())
        return layout, {key: arrays[key] for key in arrays.files if key != "layout"}


def check_storage(dataset: h5py.Dataset, name: str) -> None:
    """Refuse an array that is kept elsewhere, or claims what it does not hold.

    Raises:
        GraphError: naming it.
    """
    if dataset.is_virtual or dataset.external:
        raise GraphError(f"{name} is kept outside the file")
    held = dataset.id.get_storage_size()
    claimed = int(dataset.size or 0) * dataset.dtype.itemsize
    if claimed > MAX_PACKING * held:
        raise GraphError(f"{name} claims {claimed} bytes and holds {held}")


def _spawned(module: str, words: list[str], deadline_s: float) -> tuple[int | None, bytes, bytes]:
    """Exit code, None for none in time, and what a fresh process wrote."""
    paths = os.pathsep.join(p for p in sys.path if p)
    environment = {**os.environ, "PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "conversion.isolated", module, *words]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=deadline_s, check=False
        )
    except subprocess.TimeoutExpired:
        return None, b"", b""
    return done.returncode, done.stdout, done.stderr


def _forked(module: str, words: list[str], deadline_s: float) -> tuple[int | None, bytes, bytes]:
    """The same by a copy of this process."""
    with _scratch() as out, _scratch() as said:
        child = os.fork()
        if not child:
            code = 2
            try:
                code = serve(module, words, out, said)
            finally:
                out.flush()
                said.flush()
                os._exit(code)  # nothing of the parent's is to be ended here
        ended = _awaited(child, deadline_s)
        out.seek(0)
        said.seek(0)
        return ended, out.read(), said.read()


def _scratch() -> IO[bytes]:
    """A file in memory that parent and child share."""
    return os.fdopen(os.memfd_create("isolated"), "w+b")


def _awaited(child: int, deadline_s: float) -> int | None:
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(POLL_S)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def serve(module: str, words: list[str], out: IO[bytes], said: IO[bytes]) -> int:
    """What the child does; its exit code."""
    _limit_memory()
    reader = importlib.import_module(module)
    try:
        layout, arrays = reader.contents(*words)
        text = json.dumps(layout).encode()
        if len(text) > MAX_JSON_BYTES:
            raise GraphError(f"more than {MAX_JSON_BYTES} bytes of names and texts")
        packed = io.BytesIO()
        np.savez(packed, layout=np.frombuffer(text, np.uint8), **arrays)
        out.write(packed.getbuffer())
    except GraphError as reason:
        said.write(f"{one_line(str(reason))}\n".encode(errors="replace"))
        return REFUSED
    except MemoryError:
        return NO_MEMORY
    except Exception as error:  # whatever HDF5 and h5py make of a damaged file
        why = " ".join(str(error).split()) or type(error).__name__
        said.write(
            f"not a readable {reader.FORMAT} file ({one_line(why)})\n".encode(errors="replace")
        )
        return REFUSED
    return 0


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1], sys.argv[2:], sys.stdout.buffer, sys.stderr.buffer))
