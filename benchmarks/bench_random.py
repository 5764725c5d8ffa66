"""A recurrent network of 16,384 neurons with 64 random synapses each, against SANA-FE and Brian2.

Nothing leaks and every number is whole, so all simulators, floats or not, must give the same
spikes; a peer whose spikes differ does not take part. SANA-FE also models a chip's time and energy
while it runs, with its cheapest timing model; ours counts operations and prices them later. Brian2
keeps its spikes, the others count them; its C++ program reports processor time, the others are
timed by the wall's clock, so run this on a quiet machine. One thread each.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.random_network import VTH, RandomNetwork, make_random
from benchmarks.timing import Times, interleave, percent, ratio, report_absent, table
from benchmarks.worker import Worker
from depth_snn.errors import DepthError, EngineError
from depth_snn.figures import Figure, found_now, publish
from sims.fast import FastSimulator

COMMAND = "python benchmarks/bench_random.py"
WORKERS = {
    "SANA-FE": ("sanafe", "sanafe_random.py", {}),
    "Brian2, C++": ("brian2", "brian_random.py", {"form": "cpp_standalone"}),
    "Brian2, Cython": ("brian2", "brian_random.py", {"form": "cython"}),
    "Brian2, numpy": ("brian2", "brian_random.py", {"form": "numpy"}),
    "Brian2Loihi": ("brian2", "brian_random.py", {"form": "loihi"}),
}
RATIOS = {
    "SANA-FE": "synops_vs_sanafe", "Brian2, C++": "synops_vs_brian2_cpp",
    "Brian2, Cython": "synops_vs_brian2_cython", "Brian2, numpy": "synops_vs_brian2_numpy",
    "Brian2Loihi": "synops_vs_brian2loihi",
}  # fmt: skip
NAMES = (*RATIOS.values(), "random_synops_per_s", "sanafe_synops_per_s", "random_spikes_compared")


def drive_of(network: RandomNetwork, steps: int) -> dict[str, npt.NDArray[np.int32]]:
    """The constant drive, a row for each step."""
    return {"drive": np.tile(network.drive, (steps, 1))}


def own(network: RandomNetwork, steps: int) -> Callable[[], float]:
    """Our engine from rest, counting alone; seconds of all steps."""
    frames = drive_of(network, steps)

    def run() -> float:
        simulator = FastSimulator(network.graph(), (), threads=1)
        begin = time.perf_counter()
        simulator.run(frames)
        return time.perf_counter() - begin

    run()
    return run


def peer(
    stack: ExitStack, name: str, folder: Path, steps: int, want: npt.NDArray[Any]
) -> Callable[[], float]:
    """A peer that gives the same spikes as ours, ready to be timed."""
    environment, script, words = WORKERS[name]
    worker = stack.enter_context(Worker(environment, script, folder))
    worker.ask("load", folder=str(folder), steps=steps, vth=VTH, threads=1, **words)
    file = folder / "spikes.npy"
    worker.ask("spikes", file=str(file))
    wrong = np.argwhere(np.load(file) != want)
    if wrong.size:
        raise EngineError(f"{len(wrong)} spikes differ from ours, the first at {tuple(wrong[0])}")
    print(f"  {name}: all spikes equal", flush=True)
    return lambda: float(worker.ask("run")["seconds"])


def measure(neurons: int, fan_out: int, steps: int, rounds: int, alone: bool) -> dict[str, Figure]:
    """All figures of this file that can be had."""
    network = make_random(neurons, fan_out)
    values = FastSimulator(network.graph(), ("lif.out",)).run(drive_of(network, steps))
    want = values["lif.out"]
    print(f"{neurons} neurons, {fan_out} synapses each, {steps} steps: {want.mean():.1%} spike")
    contenders, compared = {"ours": own(network, steps)}, 0
    with ExitStack() as stack, tempfile.TemporaryDirectory() as name:
        network.save(Path(name))
        for who in () if alone else WORKERS:
            try:
                contenders[who] = peer(stack, who, Path(name), steps, want)
                compared += want.size
            except DepthError as error:
                report_absent(who, error)
        times = interleave(contenders, rounds)
    # Each spike is one synaptic operation for each of its synapses, whoever computes it.
    return figures_of(times, int(want.sum()) * fan_out, compared)


def figures_of(times: dict[str, Times], synops: int, compared: int) -> dict[str, Figure]:
    """Rates, ratios and a table."""
    ours = times["ours"]
    rows = [
        (who, f"{synops / t.median / 1e6:.2f}", percent(t.share),
         f"{t.median / ours.median:.1f}")
        for who, t in sorted(times.items(), key=lambda item: item[1].median)
    ]  # fmt: skip
    print(table(("who", "million synops/s", "±", "time ÷ ours"), rows))
    figures = {"random_synops_per_s": rate(ours, synops)}
    if "SANA-FE" in times:
        figures["sanafe_synops_per_s"] = rate(times["SANA-FE"], synops)
    for who, name in RATIOS.items():
        if who in times:
            value, spread = ratio(times[who], ours)
            figures[name] = found_now(value, spread=spread, unit="×", command=COMMAND)
    figures["random_spikes_compared"] = found_now(compared, unit="", command=COMMAND)
    return figures


def rate(times: Times, synops: int) -> Figure:
    value = synops / times.median / 1e6
    return found_now(value, spread=times.spread_of(value), unit="million/s", command=COMMAND)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="a small network, ours alone")
    parser.add_argument("--neurons", type=int, default=16_384, help="neurons (default 16384)")
    parser.add_argument("--fan-out", type=int, default=64, help="synapses each (default 64)")
    parser.add_argument("--steps", type=int, default=200, help="steps (default 200)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (default 5)")
    options = parser.parse_args()
    if options.quick:
        figures = measure(1024, 16, 100, 2, alone=True)
    else:
        figures = measure(
            options.neurons, options.fan_out, options.steps, options.rounds, alone=False
        )
    publish(figures, options.json)


if __name__ == "__main__":
    main()
