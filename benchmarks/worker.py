"""A peer in a child process of its own, which answers one JSON line with another."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.peer_environment import PEERS, ROOT, python_of
from depth_snn.errors import EngineError

THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip
"""What the peers' libraries read their number of threads from."""


class Worker:
    """A running worker script.

    Args:
        environment: Name of its environment (:func:`benchmarks.peer_environment.python_of`).
        script: File name in ``benchmarks/peers``.
        folder: Its working folder, where its log goes.
        threads: Threads its libraries may use.
        deadline_s: Wall time in seconds for each answer.
        variables: Further variables of its environment.

    Raises:
        MissingDependency: Its environment cannot be installed.
    """

    def __init__(
        self,
        environment: str,
        script: str,
        folder: Path,
        *,
        threads: int = 1,
        deadline_s: float = 300,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        python = python_of(environment)
        self._deadline_s = deadline_s
        self._log = folder / f"{Path(script).stem}.log"
        settings = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
        settings |= {"PYTHONPATH": str(ROOT)} if environment == "own" else {"PYTHONPATH": ""}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(python), str(PEERS / script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=folder,
                text=True,
                env=settings | dict(variables or {}),
                start_new_session=True,
            )
        self._answers: queue.Queue[str] = queue.Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")

    def ask(self, action: str, **words: Any) -> dict[str, Any]:
        """Ask for something and wait for the answer.

        Args:
            action: One of the worker's actions.
            words: Its arguments, JSON-able.

        Returns:
            The answer.

        Raises:
            EngineError: It failed, ended or missed its deadline; one line.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": action, **words}) + "\n")
            self._process.stdin.flush()
            line = self._answers.get(timeout=self._deadline_s)
        except (BrokenPipeError, ValueError):  # ended, or closed by us
            line = ""
        except queue.Empty:
            raise EngineError(f"{action}: no answer within {self._deadline_s:g} s") from None
        if not line:
            raise EngineError(f"{action}: the worker ended: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise EngineError(f"{action}: {str(answer['error'])[:300]}")
        return answer

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "without a word"

    def close(self) -> None:
        """End the child and whatever it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                assert pipe is not None
                pipe.close()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
