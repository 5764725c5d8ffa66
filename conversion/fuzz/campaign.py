"""A fuzzing campaign: batches of mutated files in children that may crash, hang or run out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from conversion.fuzz.child import (
    FAILURES_FILE,
    FIELDS,
    MUTATED_FILE,
    OPTIONS_FILE,
    PEAK_KIB,
    READ,
    REFUSED,
    STARTED,
    STATE_FILE,
    Batch,
    make_file,
)
from conversion.fuzz.readers import READERS
from depth_snn.errors import ConfigError, EngineError

BATCH = 2000
"""Files of one child: enough that starting Python costs little beside them."""
POLL_S = 0.02
START_S = 60.0
"""Patience until a child has begun its first file."""
LOG_FILE = "log.txt"
CHILD = ("-m", "conversion.fuzz.child")


@dataclass(frozen=True)
class Campaign:
    """What is to be tried.

    Args:
        kind: Key of the registry of readers.
        files: Number of mutated files.
        seed: The same seed gives the same files.
        first: Number of the first file; to look at one file again.
        deadline_s: Seconds that one file may take.
        memory_mib: Memory that reading one may take.
    """

    kind: str
    files: int
    seed: int = 0
    first: int = 0
    deadline_s: float = 10.0
    memory_mib: int = 512


@dataclass(frozen=True)
class Failure:
    """A file that ended in anything but a graph or one clear line."""

    number: int
    what: str


@dataclass(frozen=True)
class Report:
    """What a campaign found.

    Args:
        tried: Files given to the reader.
        read: Those that were still valid.
        refused: Those refused in one line.
        failures: All others.
        peak_mib: Largest resident memory of any child, the program itself included.
        seconds: Wall time.
    """

    tried: int
    read: int
    refused: int
    failures: tuple[Failure, ...]
    peak_mib: int
    seconds: float


def run_campaign(campaign: Campaign, on_progress: Callable[[int], None] | None = None) -> Report:
    """Make and read all files.

    Args:
        campaign: What is to be tried.
        on_progress: Called now and then with the number of files done.

    Raises:
        ConfigError: if there is no reader of that kind.
        MissingDependency: if its reader needs what is not installed.
        EngineError: if a child fails before its first file, so that nothing is tried.
    """
    if campaign.kind not in READERS:
        raise ConfigError(f"kind {campaign.kind!r}: expected one of {', '.join(sorted(READERS))}")
    require = READERS[campaign.kind].require
    if require is not None:
        require()
    began = time.monotonic()
    done, read, refused, peak, failures = 0, 0, 0, 0, []
    while done < campaign.files:
        with tempfile.TemporaryDirectory(prefix="dsnn-fuzz-") as name:
            told = done
            tell = None if on_progress is None else (lambda n, told=told: on_progress(told + n))
            state, found = _run_child(campaign, done, Path(name), tell)
        done += int(state[STARTED])
        read += int(state[READ])
        refused += int(state[REFUSED])
        peak = max(peak, int(state[PEAK_KIB]) // 1024)
        failures += found
        if on_progress is not None:
            on_progress(done)
    return Report(
        tried=done, read=read, refused=refused, failures=tuple(failures), peak_mib=peak,
        seconds=time.monotonic() - began,
    )  # fmt: skip


def _run_child(
    campaign: Campaign, done: int, folder: Path, on_progress: Callable[[int], None] | None
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], list[Failure]]:
    """One child until its batch ends or a file brings it down; its state and its failures."""
    first = campaign.first + done
    batch = Batch(
        kind=campaign.kind, seed=campaign.seed, first=first,
        count=min(BATCH, campaign.files - done), deadline_s=campaign.deadline_s,
        memory_mib=campaign.memory_mib,
    )  # fmt: skip
    (folder / OPTIONS_FILE).write_text(json.dumps(asdict(batch)))
    np.zeros(FIELDS, np.int64).tofile(folder / STATE_FILE)
    with (folder / LOG_FILE).open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, *CHILD, str(folder)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(),
            start_new_session=True,
        )  # fmt: skip
        try:
            ending = _await(child, folder, campaign.deadline_s, on_progress)
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    state = np.fromfile(folder / STATE_FILE, np.int64)
    lines = folder / FAILURES_FILE
    noted = lines.read_text().splitlines() if lines.exists() else []
    failures = [Failure(**json.loads(line)) for line in noted]
    if ending:
        if not state[STARTED]:
            said = (folder / LOG_FILE).read_text(errors="replace").strip().splitlines()[-1:]
            raise EngineError(f"the reader's process did not start: {ending} {' '.join(said)}")
        failures.append(Failure(first + int(state[STARTED]) - 1, ending))
    return state, failures


def _await(
    child: subprocess.Popen[bytes],
    folder: Path,
    deadline_s: float,
    on_progress: Callable[[int], None] | None,
) -> str:
    """Watch one child; empty when it did its batch, otherwise how it came to its end."""
    seen, since = 0, time.monotonic()
    while True:
        code = child.poll()
        started = int(np.fromfile(folder / STATE_FILE, np.int64)[STARTED])
        if started != seen:
            seen, since = started, time.monotonic()
            if on_progress is not None:
                on_progress(started - 1)
        if code is not None:
            if code < 0:
                return f"the reading process was killed by {signal.Signals(-code).name}"
            return f"the reading process ended with exit code {code}" if code else ""
        if time.monotonic() - since > (2 * deadline_s if seen else START_S):
            return f"reading did not end within {2 * deadline_s:g} s" if seen else "it stood still;"
        time.sleep(POLL_S)


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    return {**os.environ, **single, "PYTHONPATH": os.pathsep.join(paths)}


def keep_file(campaign: Campaign, failure: Failure, folder: Path) -> Path:
    """Write the file of a failure again, for whoever looks into it.

    Args:
        campaign: The campaign that found it.
        failure: The failure.
        folder: Where it goes; made if missing.

    Returns:
        Its path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{campaign.kind}_{campaign.seed}_{failure.number}_{MUTATED_FILE}"
    batch = Batch(
        kind=campaign.kind, seed=campaign.seed, first=failure.number, count=1, deadline_s=1,
        memory_mib=1,
    )  # fmt: skip
    reader = READERS[campaign.kind]
    with tempfile.TemporaryDirectory(prefix="dsnn-fuzz-") as name:
        seeds = [seed.read_bytes() for seed in reader.write_seeds(Path(name))]
        make_file(batch, reader, seeds, failure.number, path)
    return path
