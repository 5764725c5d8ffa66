"""Drives a Lava network inside the child process: not blocking, watching every actor, ending.

Lava's own ``run()`` waits forever when a process fails, is killed, or does not send. Here the
actors are looked at every few milliseconds, the first failure is written down as one line, and the
child ends itself and everything it started.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, NoReturn

from depth_snn.errors import DepthError, EngineError
from loihi import segments, shim

POLL_S = 0.003
"""Pause between two looks at the actors."""
GRACE_POLLS = 100
"""Looks granted to a failing process to say why, once another has ended because of it."""

STATUS_FILE = "status.json"
OPTIONS_FILE = "options.json"


@dataclass(frozen=True)
class Network:
    """Connected processes: any one of them, how to select models, and how many steps to run.

    What ``finish`` returns after the last step becomes part of the outcome, under ``chip``.
    """

    start: Any
    run_cfg: Any
    steps: int
    finish: Callable[[], dict[str, Any]] | None = None


def drive(build: Callable[[Path], Network], folder: Path) -> NoReturn:
    """Build and run a network, write the outcome to ``status.json``, and leave nothing behind.

    Args:
        build: Makes the network; what it raises is reported like any other failure.
        folder: The run's own folder, with ``options.json`` as the parent wrote it.
    """
    options = json.loads((folder / OPTIONS_FILE).read_text())
    segments.claim(options["prefix"])
    child = os.getpid()
    signal.signal(signal.SIGTERM, lambda *_: _end(1) if os.getpid() == child else os._exit(1))
    try:
        began = time.perf_counter()
        network = build(folder)
        _run(network, options["parent"])
        seconds = time.perf_counter() - began
        chip = network.finish() if network.finish is not None else None
        _report(folder, {"ok": True, "seconds": seconds, "chip": chip})
    except BaseException as error:
        traceback.print_exc()
        _report(folder, {"ok": False, "error": _one_line(error)})
        _end(1)
    _end(0)


def _run(network: Network, parent: int) -> None:
    start = network.start
    start.run(shim.RunSteps(num_steps=network.steps, blocking=False), network.run_cfg)
    runtime = start.runtime
    names = [process.name for process in runtime._executable.proc_builders]
    replies = list(runtime.service_to_runtime)
    while replies:
        _raise_failures(runtime, names)
        if os.getppid() != parent:
            raise EngineError("the process that asked for this run has ended")
        for port in [port for port in replies if port.probe()]:
            if not shim.enum_equal(port.recv(), shim.MGMT_RESPONSE.DONE):
                _raise_first_failure(runtime, names)
            replies.remove(port)
        time.sleep(POLL_S)


def _raise_failures(runtime: Any, names: list[str]) -> None:
    """Raise what an actor raised, or that one ended without having been told to."""
    actors = runtime._messaging_infrastructure.actors
    names = [*names, *("runtime service" for _ in actors[len(names) :])]
    _raise_reported(actors, names)
    for name, actor in zip(names, actors, strict=True):
        if not actor.is_alive() and not actor.exception:
            # A process may end because its neighbour failed; the neighbour's words may come later.
            for _ in range(GRACE_POLLS):
                time.sleep(POLL_S)
                _raise_reported(actors, names)
            raise EngineError(f"process {name!r} ended by itself, {_exit_words(actor.exitcode)}")


def _raise_reported(actors: Sequence[Any], names: Sequence[str]) -> None:
    for name, actor in zip(names, actors, strict=True):
        if actor.exception:
            error, trace = actor.exception
            sys.stderr.write(trace)
            raise EngineError(f"process {name!r} failed with {_one_line(error)}")


def _raise_first_failure(runtime: Any, names: list[str]) -> NoReturn:
    """Lava said that something failed; the actor's own words follow within moments."""
    for _ in range(300):
        _raise_failures(runtime, names)
        time.sleep(POLL_S)
    raise EngineError("Lava reported an error and gave no reason")


def _exit_words(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _one_line(error: BaseException) -> str:
    if isinstance(error, DepthError):
        return " ".join(str(error).split())
    return " ".join(f"{type(error).__name__}: {error}".split())


def _report(folder: Path, status: dict[str, Any]) -> None:
    temporary = folder / f".{STATUS_FILE}"
    temporary.write_text(json.dumps(status))
    temporary.replace(folder / STATUS_FILE)


def _end(code: int) -> NoReturn:
    """Kill and reap all that this process started; leave past exit handlers that would wait."""
    sys.stdout.flush()
    sys.stderr.flush()
    for actor in multiprocessing.active_children():
        actor.kill()
    for actor in multiprocessing.active_children():
        actor.join()
    stop_tracker = getattr(resource_tracker._resource_tracker, "_stop", None)
    if stop_tracker is not None:
        stop_tracker()
    os._exit(code)
