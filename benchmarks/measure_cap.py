"""The cap on recovery under streams built to break it: executed extra work, frame by frame.

Every adversary chooses, in integers, what is scheduled and which regions spike with what potential.
The runtime's restore gate decides; what is then executed with and without the restored tokens is
counted here anew, from the prices and from nothing the gate says. A window's share lies between
those of its frames, so a bound that holds in every frame holds over every window.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from depth_snn.cli.progress import Progress
from depth_snn.figures import found_now, publish
from depth_snn.pruning.prices import Prices, prices_of
from depth_snn.recovery.restore import RestoreParams, restore_step, restore_zeros
from depth_snn.training.recipe import load_recipe

COMMAND = "python benchmarks/measure_cap.py"
NAMES = ("cap_frames_tested", "cap_worst_extra", "cap_frames_over")
CAP_PERCENT = 15
NETWORKS = ("small", "street", "tiny")
REFILLS, HOLDS = (2, 8, 15, 100), (1, 4, 16)

Mask = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ask:
    """One frame of an adversary: schedule (S, N), spikes (R,) and potentials (R,)."""

    sched: Mask
    spikes: Mask
    membrane: IntArray


Adversary = Callable[[np.random.Generator, int, RestoreParams], Ask]


def nested(rng: np.random.Generator, stages: int, tokens: int, first: int, last: int) -> Mask:
    """Random tokens, ``first`` of them in stage 0 down to ``last`` in the last stage."""
    counts = np.linspace(first, last, stages).astype(np.int64)
    return rng.permutation(tokens)[None] < counts[:, None]


def _shape(p: RestoreParams) -> tuple[int, int]:
    return len(p.price), len(p.region_of)


def everyone_asks(rng: np.random.Generator, step: int, p: RestoreParams) -> Ask:
    """Every region fires as hard as it can, over any schedule."""
    stages, tokens = _shape(p)
    first = int(rng.integers(tokens + 1))
    last = int(rng.integers(first + 1))
    all_on = np.ones(p.regions, bool)
    return Ask(nested(rng, stages, tokens, first, last), all_on, np.full(p.regions, 2**22))


def save_then_spend(rng: np.random.Generator, step: int, p: RestoreParams) -> Ask:
    """Silence over full frames fills the bucket; then nothing is scheduled and all fire."""
    stages, tokens = _shape(p)
    saving = step % 40 < int(rng.integers(20, 39))
    sched = np.full((stages, tokens), saving)
    return Ask(sched, np.full(p.regions, not saving), rng.integers(1, 2**22, p.regions))


def flicker(rng: np.random.Generator, step: int, p: RestoreParams) -> Ask:
    """Full and nearly empty frames take turns, all firing."""
    stages, tokens = _shape(p)
    count = tokens if step % 2 else int(rng.integers(4))
    sched = nested(rng, stages, tokens, count, count)
    return Ask(sched, np.ones(p.regions, bool), rng.integers(1, 2**22, p.regions))


def nearly_full(rng: np.random.Generator, step: int, p: RestoreParams) -> Ask:
    """A few tokens short of everything: a restore may complete a stage, which is then rebuilt."""
    stages, tokens = _shape(p)
    last = tokens - int(rng.integers(1, 12))
    sched = nested(rng, stages, tokens, tokens, last)
    return Ask(sched, np.ones(p.regions, bool), rng.integers(1, 2**22, p.regions))


def cut_on_the_way(rng: np.random.Generator, step: int, p: RestoreParams) -> Ask:
    """Everything enters and nearly nothing arrives: restoring costs the dear stages only."""
    stages, tokens = _shape(p)
    sched = nested(rng, stages, tokens, int(rng.integers(1, tokens + 1)), 0)
    spikes = rng.random(p.regions) < 0.5
    return Ask(sched, spikes, rng.integers(1, 2**22, p.regions))


def dear_and_cheap(rng: np.random.Generator, step: int, p: RestoreParams) -> Ask:
    """Half of the regions miss one token, the others all; the dear ones ask loudest."""
    stages, tokens = _shape(p)
    cheap = p.region_of % 2 == step % 2
    cheap &= rng.random(tokens) < 0.75
    sched = np.repeat(cheap[None], stages, 0)
    loud = np.where(np.arange(p.regions) % 2 == step % 2, 1, 2**22)
    return Ask(sched, rng.random(p.regions) < 0.8, loud.astype(np.int64))


def still(rng: np.random.Generator, step: int, p: RestoreParams) -> Ask:
    """A still scene under noise: next to no own work, and someone always asks."""
    stages, tokens = _shape(p)
    sched = nested(rng, stages, tokens, int(rng.integers(3)), 0)
    spikes = rng.random(p.regions) < 0.05
    return Ask(sched, spikes, rng.integers(-4, 4, p.regions))


def anything(rng: np.random.Generator, step: int, p: RestoreParams) -> Ask:
    """Any mask at all, not even nested."""
    stages, tokens = _shape(p)
    sched = rng.random((stages, tokens)) < rng.random((stages, 1))
    spikes = rng.random(p.regions) < rng.random()
    return Ask(sched, spikes, rng.integers(-(2**22), 2**22, p.regions))


ADVERSARIES: tuple[Adversary, ...] = (
    everyone_asks, save_then_spend, flicker, nearly_full, cut_on_the_way, dear_and_cheap, still,
    anything,
)  # fmt: skip


def executed(prices: Prices, fixed: int, counts: IntArray) -> int:
    """MACs a frame executes with ``counts`` (S,) tokens in each stage; whole stages are rebuilt."""
    total = fixed
    for stage, count in zip(prices.stages, counts.tolist(), strict=True):
        total += count * sum(stage.values())
        if count == prices.tokens:
            total -= count * stage.get("attention", 0) // 3
    return total


@dataclass
class Tally:
    """Frames seen, frames over the cap, and the largest share as a fraction (extra, own)."""

    frames: int = 0
    over: int = 0
    worst: tuple[int, int] = (0, 1)

    def add(self, own: int, extra: int) -> None:
        """Count one frame."""
        self.frames += 1
        self.over += 100 * extra > CAP_PERCENT * own
        if extra * self.worst[1] > self.worst[0] * own:
            self.worst = (extra, own)


def attack(
    network: str, adversary: Adversary, refill: int, hold: int, frames: int, seed: int, tally: Tally
) -> None:
    """Run one adversary against one setting of the gate for some frames."""
    config = load_recipe(network).network
    prices = prices_of(config, scored=True)
    params = RestoreParams(
        region_of=config.region_of(), price=prices.per_stage(),
        own_price=prices.own_per_stage(), regions=config.regions, hold=hold,
        cap_percent=CAP_PERCENT, refill_percent=refill, capacity=prices.dense_macs(),
    )  # fmt: skip
    fixed, state = prices.fixed_macs(), restore_zeros(config.regions)
    rng = np.random.default_rng((seed, hold, refill))
    for step in range(frames):
        ask = adversary(rng, step, params)
        out, state = restore_step(ask.spikes, ask.membrane, ask.sched, fixed, state, params)
        own = executed(prices, fixed, ask.sched.sum(1))
        tally.add(own, executed(prices, fixed, out.open.sum(1)) - own)


def run_all(frames: int) -> Tally:
    """Every adversary against every setting, the frames shared out evenly."""
    cases = [
        (network, adversary, refill, hold)
        for network in NETWORKS for refill in REFILLS for hold in HOLDS
        for adversary in ADVERSARIES
    ]  # fmt: skip
    tally, progress = Tally(), Progress("frames", frames)
    for index, case in enumerate(cases):
        share = frames * (index + 1) // len(cases) - frames * index // len(cases)
        attack(*case, share, index, tally)
        progress.update(tally.frames)
    progress.finish()
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--frames", type=int, default=10**6, help="frames in all")
    options = parser.parse_args()
    tally = run_all(options.frames)
    extra, own = tally.worst
    values = {
        "cap_frames_tested": (tally.frames, "frames"),
        "cap_worst_extra": (100 * extra / own, "%"),
        "cap_frames_over": (tally.over, "frames"),
    }
    figures = {
        name: found_now(value, unit=unit, command=COMMAND) for name, (value, unit) in values.items()
    }
    publish(figures, options.json)
    if tally.over:
        print(f"measure_cap: error: {tally.over} frames are over the cap", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
