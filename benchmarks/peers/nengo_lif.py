"""LIF population in nengo-loihi's emulator: its integer compartments, stepped as it steps them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from nengo_loihi.block import LoihiBlock
from nengo_loihi.emulator.interface import BlockInfo, CompartmentState
from serve import serve


class Work:
    """What has been loaded."""

    frames: np.ndarray
    fresh: CompartmentState


WORK = Work()


def load(folder: str, du: int, dv: int, vth: int) -> dict[str, str]:
    """Read the frames, keep the rule."""
    WORK.frames = np.load(Path(folder) / "frames.npy").astype(np.int32) << 6
    block = LoihiBlock(WORK.frames.shape[1])
    part, ones = block.compartment, np.ones(WORK.frames.shape[1], np.int32)
    part.scale_u = part.scale_v = False
    part.decay_u, part.decay_v = du * ones, dv * ones
    part.vth, part.bias, part.refract_delay = (vth << 6) * ones, 0 * ones, ones
    part.vmin, part.vmax = -(2**23 - 1), 2**23 - 1
    part.enable_noise = np.zeros(WORK.frames.shape[1], bool)
    part.noise_exp = part.noise_offset = part.noise_at_membrane = 0
    WORK.fresh = block
    return {}


def step_all(keep: np.ndarray | None) -> float:
    state = CompartmentState(BlockInfo([WORK.fresh]))
    random = np.random.RandomState(0)
    begin = time.perf_counter()
    for t, frame in enumerate(WORK.frames):
        state.advance_input()
        state.input[0] += frame
        state.update(random)
        if keep is not None:
            keep[t] = state.spiked
    return time.perf_counter() - begin


def run() -> dict[str, float]:
    """Seconds for all frames."""
    return {"seconds": step_all(None)}


def spikes(file: str) -> dict[str, int]:
    """Write every spike, (T, N) bytes."""
    every = np.zeros(WORK.frames.shape, np.uint8)
    step_all(every)
    np.save(file, every)
    return {"spikes": int(every.sum())}


if __name__ == "__main__":
    serve({"load": load, "run": run, "spikes": spikes})
