"""The failure cases of the Lava runner, each run through the real supervisor and looked at after.

What counts as handled: the run ends by itself, a failure is one line that says what happened, no
process of it lives on, and none of its shared memory is left.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from depth_snn.errors import EngineError
from loihi import segments
from loihi.drive import OPTIONS_FILE
from loihi.shim import require_lava
from loihi.supervisor import Child, supervise

WATCH_S = 0.02
"""Pause between two looks at a run's processes and shared memory."""
SILENT_DEADLINE_S = 4.0
"""Deadline of a case that only a deadline can end."""
DEADLINE_S = 90.0
"""Deadline of the others, which they must not need."""


@dataclass(frozen=True)
class Case:
    """One way a run can go.

    Args:
        name: What happens, in the words of the documentation.
        mode: What :mod:`loihi.failures.network` is asked to do.
        words: What the error must say; empty for a run that must succeed.
        deadline_s: Wall time in seconds that the run gets.
    """

    name: str
    mode: str
    words: str
    deadline_s: float = DEADLINE_S


CASES = (
    Case("clean", "none", ""),
    Case("exception in the middle", "exception",
         "process 'front' failed with ZeroDivisionError: in the middle"),
    Case("wrong shape", "wrong shape", "process 'front' failed with AssertionError"),
    Case("missing send", "missing send", "did not finish within", SILENT_DEADLINE_S),
    Case("killed child", "killed actor", "process 'front' ended by itself, killed by SIGKILL"),
    Case("exit in a child", "exit", "process 'front' ended by itself, exit code 7"),
    Case("error in construction", "process constructor", "ValueError: no such neuron"),
)  # fmt: skip
"""The seven cases in which Lava's own ``run()`` returns in one, and hangs or leaks in six."""

MORE = (
    Case("killed runner", "killed child", "ended without a result: killed by SIGKILL"),
    Case("a process that stands still", "hang", "did not finish within", SILENT_DEADLINE_S),
    Case("error in a model's construction", "model constructor", "ValueError: no such model"),
)
"""Further ones that the tests run."""


@dataclass(frozen=True)
class Outcome:
    """What a case did.

    Args:
        case: The case.
        message: The error's text; empty when the run succeeded.
        seconds: Wall time from start to return.
        processes: Most processes of the run that were seen alive at once.
        segments: Most of its shared-memory segments and semaphores that were seen at once.
        processes_left: Processes alive after the return.
        segments_left: Segments and semaphores left after it.
    """

    case: Case
    message: str
    seconds: float
    processes: int
    segments: int
    processes_left: int
    segments_left: int

    @property
    def handled(self) -> bool:
        """Whether the run ended as it should and left nothing behind."""
        said = self.case.words in self.message if self.case.words else not self.message
        one_line = "\n" not in self.message
        started = self.processes > 0  # else "nothing left" would mean nothing
        gone = not self.processes_left and not self.segments_left
        return said and one_line and started and gone


def run_case(case: Case) -> Outcome:
    """Run one case in a folder of its own.

    Raises:
        MissingDependency: if Lava cannot be used here.
    """
    require_lava()
    with tempfile.TemporaryDirectory(prefix="dsnn-", ignore_cleanup_errors=True) as name:
        folder, prefix = Path(name), segments.new_prefix()
        options = {"prefix": prefix, "parent": os.getpid()}
        (folder / OPTIONS_FILE).write_text(json.dumps(options))
        command = [sys.executable, "-m", "loihi.failures.network", str(folder), case.mode]
        child = Child(command=command, folder=folder, prefix=prefix, what="Lava run")
        watch = _Watch(folder, prefix)
        began, message = time.monotonic(), ""
        try:
            supervise(child, deadline_s=case.deadline_s)
        except EngineError as error:
            message = str(error)
        seconds = time.monotonic() - began
        watch.stop()
        return Outcome(
            case=case, message=message, seconds=seconds, processes=watch.processes,
            segments=watch.segments, processes_left=len(processes_of(folder)),
            segments_left=len(segments.remaining(prefix)),
        )  # fmt: skip


class _Watch:
    """Looks on from a thread while a case runs, to know that there was something to remove."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.folder, self.prefix = folder, prefix
        self.processes = self.segments = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; the peaks stay."""
        self._ending.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ending.wait(WATCH_S):
            self.processes = max(self.processes, len(processes_of(self.folder)))
            self.segments = max(self.segments, len(segments.remaining(self.prefix)))


def processes_of(folder: Path) -> list[int]:
    """Living processes of a run, known by its folder in their environment.

    That is another way to find them than the process group by which the supervisor ends them.
    """
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={folder}\0".encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found
