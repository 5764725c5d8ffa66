"""Runs a chain of stock Lava processes in a watched child, and times its steps."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.peer_environment import PEERS
from depth_snn.errors import EngineError
from loihi import segments
from loihi.drive import OPTIONS_FILE
from loihi.shim import require_lava
from loihi.supervisor import Child, supervise

SETTLED = 0.1
"""Share of the steps that is not timed: the processes are still starting."""


@dataclass(frozen=True, eq=False)
class LavaRun:
    """What came out: spikes (steps, N) by Lava's own steps, and seconds per step."""

    spikes: npt.NDArray[np.int64]
    step_s: float


def run_chain(
    frames: npt.NDArray[Any],
    rules: Sequence[dict[str, float]],
    *,
    weights: Sequence[npt.NDArray[Any]] = (),
    tag: str = "fixed_pt",
    deadline_s: float = 600,
) -> LavaRun:
    """Run Source → (Dense → LIF)*, or Source → LIF where there are no weights.

    The steps are counted by the recorder and looked at every 10 ms; seconds per step are the slope
    from the first tenth of the run to its end, so starting and building do not count.

    Args:
        frames: (T, N): spikes 0/1 with weights, else what drives the neurons.
        rules: du, dv and vth of each LIF, as Lava takes them.
        weights: (N, N) of each Dense, −127 … 127.
        tag: Lava's models: "fixed_pt" or "floating_pt".
        deadline_s: For the whole run.

    Raises:
        MissingDependency: Lava cannot be used here.
        EngineError: The run failed, or was too short to be timed.
    """
    require_lava()
    steps = len(frames) + len(weights)
    seen: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory(prefix="dsnn-", ignore_cleanup_errors=True) as name:
        folder, prefix = Path(name), segments.new_prefix()
        np.save(folder / "frames.npy", frames)
        for i, weight in enumerate(weights):
            np.save(folder / f"weight{i}.npy", weight)
        what = {"rules": list(rules), "layers": len(weights), "tag": tag,
                "count": int(frames.shape[1]), "steps": steps}  # fmt: skip
        (folder / "chain.json").write_text(json.dumps(what))
        (folder / OPTIONS_FILE).write_text(json.dumps({"prefix": prefix, "parent": os.getpid()}))
        command = [sys.executable, str(PEERS / "lava_chain.py"), str(folder)]
        child = Child(command=command, folder=folder, prefix=prefix, what="Lava")
        supervise(
            child,
            deadline_s=deadline_s,
            on_progress=lambda done: seen.append((time.perf_counter(), done)),
        )
        spikes = np.load(folder / "0.npy", allow_pickle=False)
    return LavaRun(spikes=spikes, step_s=_slope(seen, steps))


def _slope(seen: Sequence[tuple[float, int]], steps: int) -> float:
    """Seconds per step between the first look after ``SETTLED`` and the last step."""
    timed = [(at, done) for at, done in seen if done >= SETTLED * steps]
    if len(timed) < 2:
        raise EngineError(f"Lava did {steps} steps too fast to be timed; give it more")
    (begin, first), (end, last) = timed[0], timed[-1]
    return (end - begin) / (last - first)
