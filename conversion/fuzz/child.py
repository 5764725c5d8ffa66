"""Reads one batch of mutated files: ``python -m conversion.fuzz.child FOLDER``.

What it does now and what it found stands in two files from which the parent goes on when a file
brings this process down.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conversion.fuzz.mutate import mutated_file
from conversion.fuzz.readers import READERS, Reader
from depth_snn.errors import DepthError

OPTIONS_FILE, STATE_FILE, FAILURES_FILE = "options.json", "state", "failures.jsonl"
MUTATED_FILE = "mutated.h5"
STARTED, READ, REFUSED, PEAK_KIB, FIELDS = 0, 1, 2, 3, 4
"""Fields of the state file: files begun, read, refused; largest memory so far."""
REFUSED_WORDS, READ_WORDS = "refused", "read"


@dataclass(frozen=True)
class Batch:
    """One child's work.

    Args:
        kind: Key of the registry of readers.
        seed: Seed of the campaign.
        first: Number of the first file.
        count: How many files.
        deadline_s: Seconds that one file may take.
        memory_mib: Memory that reading may take beyond what the program has before it.
    """

    kind: str
    seed: int
    first: int
    count: int
    deadline_s: float
    memory_mib: int


def make_file(batch: Batch, reader: Reader, seeds: list[bytes], number: int, path: Path) -> None:
    """Write mutated file ``number``; every second one has a right checksum."""
    rng = np.random.default_rng([batch.seed, number])
    mutated_file(reader, seeds, path, rng, sealed=number % 2 == 1)


def judge(reader: Reader, path: Path, batch: Batch) -> str:
    """Read one file; ``"read"``, ``"refused"``, or what went wrong."""
    began = time.monotonic()
    before = peak_kib()
    try:
        reader.read(path)
        said = READ_WORDS
    except DepthError as error:
        said = REFUSED_WORDS
        if "\n" in str(error) or not str(error):
            said = f"the error is not one line: {error!r}"
        elif isinstance(error.__cause__ or error.__context__, MemoryError):
            said = f"memory beyond the limit of {batch.memory_mib} MiB was asked for: {error}"
    except BaseException as error:  # whatever a reader lets through is what is looked for
        said = f"{type(error).__name__}: {error}"
    if peak_kib() - before > batch.memory_mib * 1024:
        return f"reading took {(peak_kib() - before) // 1024} MiB"
    if time.monotonic() - began > batch.deadline_s:
        return f"reading took {time.monotonic() - began:.1f} s"
    return said


def peak_kib() -> int:
    """Largest resident memory of this process or of a child of its readers so far, in KiB."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in whose)


def run_batch(batch: Batch, folder: Path) -> None:
    """Make and read the files of a batch; state and failures go to ``folder``."""
    reader = READERS[batch.kind]
    seeds_folder = folder / "seeds"
    seeds_folder.mkdir(exist_ok=True)
    seeds = [path.read_bytes() for path in reader.write_seeds(seeds_folder)]
    state = np.memmap(folder / STATE_FILE, np.int64, "r+", shape=(FIELDS,))
    path = folder / MUTATED_FILE
    _limit_memory(batch.memory_mib)
    for number in range(batch.first, batch.first + batch.count):
        make_file(batch, reader, seeds, number, path)
        state[STARTED] += 1
        said = judge(reader, path, batch)
        state[READ] += said == READ_WORDS
        state[REFUSED] += said == REFUSED_WORDS
        state[PEAK_KIB] = max(int(state[PEAK_KIB]), peak_kib())
        if said not in (READ_WORDS, REFUSED_WORDS):
            _note(folder, number, said)


def _note(folder: Path, number: int, said: str) -> None:
    line = json.dumps({"number": number, "what": " ".join(said.split())[:500]})
    with (folder / FAILURES_FILE).open("a") as file:
        file.write(line + "\n")


def _limit_memory(memory_mib: int) -> None:
    """No more address space than now plus the limit, so that excess is an error here, not there."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    top = pages * resource.getpagesize() + memory_mib * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (top, top))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(folder: Path) -> None:
    """Run the batch that ``options.json`` asks for."""
    options: dict[str, Any] = json.loads((folder / OPTIONS_FILE).read_text())
    run_batch(Batch(**options), folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
