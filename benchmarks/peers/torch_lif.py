"""LIF populations of the torch libraries, one step after the other.

All compute v = a·v + x; a neuron at the threshold spikes and starts from 0 again; no current
memory. norse weighs its input with 1 − a, so its threshold is that much lower.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from serve import serve

State = Any
Cell = Callable[[torch.Tensor, State], tuple[torch.Tensor, State]]
Steps = Callable[[torch.Tensor, State], tuple[torch.Tensor, State]]
WINDOW = 10
"""Steps that a form which takes several at once takes."""


class Work:
    """What has been loaded: the frames, and how to run over them."""

    frames: torch.Tensor
    state: Callable[[], State]
    cell: Cell | None = None
    """Takes one step; None where the library's form takes a window."""
    steps: Steps


WORK = Work()


def snntorch_cell(decay: float, threshold: float) -> tuple[Cell, Callable[[], State]]:
    import snntorch

    neuron = snntorch.Leaky(
        beta=1 - decay, threshold=threshold, reset_mechanism="zero", reset_delay=False
    )
    return neuron, lambda: torch.zeros(WORK.frames.shape[1])


def norse_cell(decay: float, threshold: float) -> tuple[Cell, Callable[[], State]]:
    from norse.torch.functional.lif_box import (
        LIFBoxFeedForwardState,
        LIFBoxParameters,
        lif_box_feed_forward_step,
    )

    rule = LIFBoxParameters(tau_mem_inv=torch.tensor(decay), v_th=torch.tensor(threshold * decay))

    def cell(x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        return lif_box_feed_forward_step(x, state, rule, dt=1.0)

    return cell, lambda: LIFBoxFeedForwardState(v=torch.zeros(WORK.frames.shape[1]))


def sinabs_cell(decay: float, threshold: float) -> tuple[Cell, Callable[[], State]]:
    from sinabs.activation import MembraneReset, SingleExponential, SingleSpike
    from sinabs.layers.functional.lif import lif_forward_single

    alpha, height = torch.tensor(1 - decay), torch.tensor(threshold)

    def cell(x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        return lif_forward_single(
            x, alpha, None, state, height, SingleSpike, MembraneReset(), SingleExponential(), None,
            False,
        )  # fmt: skip

    return cell, lambda: {"v_mem": torch.zeros(WORK.frames.shape[1])}


def spikingjelly_steps(decay: float, threshold: float) -> tuple[Steps, Callable[[], State]]:
    """Its own scripted loop over a window, which evaluation mode takes."""
    from spikingjelly.activation_based import neuron

    node = neuron.LIFNode(
        tau=1 / decay, decay_input=False, v_threshold=threshold, v_reset=0.0, step_mode="m"
    ).eval()

    def steps(x: torch.Tensor, fresh: State) -> tuple[torch.Tensor, State]:
        if fresh:
            node.reset()
        return node(x), False

    return steps, lambda: True


CELLS = {"snntorch": snntorch_cell, "norse": norse_cell, "sinabs": sinabs_cell}


def one_by_one(cell: Cell) -> Steps:
    def steps(x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        out = torch.empty_like(x)
        for t in range(x.shape[0]):
            out[t], state = cell(x[t], state)
        return out, state

    return steps


def load(
    folder: str, library: str, form: str, decay: float, threshold: float, threads: int
) -> dict[str, str]:
    """Read the frames and make the neuron in the form that is asked for."""
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    WORK.frames = torch.from_numpy(np.load(Path(folder) / "frames.npy").astype(np.float32))
    if library == "spikingjelly":
        WORK.steps, WORK.state = spikingjelly_steps(decay, threshold)
    else:
        cell, WORK.state = CELLS[library](decay, threshold)
        if form == "compiled window":
            WORK.steps = torch.compile(one_by_one(cell))
        else:
            WORK.cell = torch.compile(cell) if form == "compiled" else cell
            WORK.steps = one_by_one(WORK.cell)
    return {"torch": torch.__version__}


def run() -> dict[str, float]:
    """Seconds for all frames, step by step or window by window; no output is kept."""
    state, x = WORK.state(), WORK.frames
    begin = time.perf_counter()
    if WORK.cell is not None:
        for t in range(x.shape[0]):
            _, state = WORK.cell(x[t], state)
    else:
        for t in range(0, x.shape[0], WINDOW):
            _, state = WORK.steps(x[t : t + WINDOW], state)
    return {"seconds": time.perf_counter() - begin}


def spikes(file: str) -> dict[str, int]:
    """Write every spike, (T, N) bytes."""
    state, x = WORK.state(), WORK.frames
    rows = []
    for t in range(0, x.shape[0], WINDOW):
        out, state = WORK.steps(x[t : t + WINDOW], state)
        rows.append(out.numpy().astype(np.uint8))
    every = np.concatenate(rows)
    np.save(file, every)
    return {"spikes": int(every.sum())}


if __name__ == "__main__":
    serve({"load": load, "run": run, "spikes": spikes})
