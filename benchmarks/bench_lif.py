"""LIF stepping: many neurons, each driven anew at every step, against the libraries people use.

Everyone computes v = a·v + x, spikes above the threshold and starts from 0 again: ours, Lava's
fixed point and nengo-loihi's emulator in the same integers, the others in floats. Spikes first:
equal to ours where the arithmetic is the same, else the number that differ from a float64
evaluation. Times are of stepping alone; nobody keeps the spikes.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.copy_bandwidth import FAR_BYTES, copy_bytes_per_s
from benchmarks.lava_run import run_chain
from benchmarks.timing import (
    Times,
    again_and_again,
    interleave,
    percent,
    ratio,
    report_absent,
    table,
)
from benchmarks.worker import Worker
from conversion.graph import Edge, Graph
from conversion.nodes import LIF, Input
from depth_snn.errors import DepthError, EngineError
from depth_snn.figures import Figure, found_now, publish
from sims.fast import FastSimulator

COMMAND = "python benchmarks/bench_lif.py"
NAMES = (
    "lif_vs_best_torch", "lif_vs_best_eager_torch", "lif_vs_best_torch_2_threads",
    "lif_vs_lava_fixed", "lif_vs_lava_float", "lif_vs_nengo_loihi", "lif_steps_per_s",
    "bandwidth_fraction_lif", "bandwidth_fraction_lif_far",
)  # fmt: skip
DU, DV, VTH = 4095, 163, 100
DRIVE = 20
"""Largest drive; its mean brings a neuron to the threshold in about a dozen steps."""
BYTES = 8 + 4 + 1
"""That must move per neuron and step: v read and written, the drive, the spike; DU keeps no u."""
FORMS = {"snntorch": ("eager", "compiled", "compiled window"),
         "norse": ("eager", "compiled", "compiled window"),
         "sinabs": ("eager", "compiled", "compiled window"),
         "spikingjelly": ("own script",)}  # fmt: skip
QUICK_FAR_BYTES = 1 << 24
EAGER = ("eager", "own script")
Frames = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Case:
    """The frames, and what each arithmetic makes of them."""

    frames: Frames
    integer: npt.NDArray[np.int64]
    real: npt.NDArray[np.bool_]


def network(neurons: int) -> Graph:
    """One population, driven directly."""
    nodes = (
        Input(name="drive", shape=(neurons,), lo=0, hi=DRIVE),
        LIF(name="lif", count=neurons, du=DU, dv=DV, vth=VTH, reset="zero"),
    )
    edges = (Edge(source="drive", target="lif"),)
    return Graph(name="lif", dialect="quantised", nodes=nodes, edges=edges)


def float_spikes(frames: Frames) -> npt.NDArray[np.bool_]:
    """The rule in float64."""
    v, out = np.zeros(frames.shape[1]), np.zeros(frames.shape, np.bool_)
    for t, x in enumerate(frames):
        v = (1 - DV / 4096) * v + x
        out[t] = v > VTH
        v[out[t]] = 0
    return out


def make_case(neurons: int, steps: int) -> Case:
    frames = np.random.default_rng(1).integers(0, DRIVE + 1, (steps, neurons), np.int32)
    values = FastSimulator(network(neurons), ("lif.out",)).run({"drive": frames})["lif.out"]
    real = float_spikes(frames)
    rounding = np.count_nonzero(values != real)
    print(f"{neurons} neurons, {steps} steps, {values.mean():.1%} spike per step; truncation to "
          f"integers changes {rounding} of {values.sum()} spikes against float64")  # fmt: skip
    return Case(frames=frames, integer=values, real=real)


def own(case: Case, threads: int) -> Callable[[], float]:
    """Our engine; nothing is probed, spikes are counted."""
    simulator = FastSimulator(network(case.frames.shape[1]), (), threads=threads)
    simulator.run({"drive": case.frames})
    return again_and_again(lambda: simulator.run({"drive": case.frames}))


def enter(stack: ExitStack, case: Case, name: str, worker: Worker, exact: bool, **words: Any):
    """Load a worker, compare its spikes, and give what runs it."""
    stack.enter_context(worker)
    folder = words["folder"]
    worker.ask("load", **words)
    file = Path(folder) / "spikes.npy"
    worker.ask("spikes", file=str(file))
    check(name, np.load(file), case, exact)
    return lambda: float(worker.ask("run")["seconds"])


def check(name: str, spikes: npt.NDArray[Any], case: Case, exact: bool) -> None:
    """Say how many spikes differ; where the integers are the same, none may."""
    wrong = int(np.count_nonzero(spikes != (case.integer if exact else case.real)))
    if exact and wrong:
        raise EngineError(f"{wrong} spikes differ from ours, which computes the same integers")
    print(f"  {name}: {wrong} spikes differ from {'our integers' if exact else 'float64'}")


def peers(
    stack: ExitStack, case: Case, folder: Path, threads: int, chosen: dict[str, tuple[str, ...]]
) -> dict[str, Callable]:
    """Everyone who can take part, by name; of the torch libraries the chosen forms."""
    found: dict[str, Callable[[], float]] = {}
    np.save(folder / "frames.npy", case.frames)
    for library, forms in chosen.items():
        for form in forms:
            name = f"{library}, {form}"
            try:
                worker = Worker("torch_snn", "torch_lif.py", folder, threads=threads)
                found[name] = enter(stack, case, name, worker, False, folder=str(folder),
                                    library=library, form=form, decay=DV / 4096,
                                    threshold=float(VTH), threads=threads)  # fmt: skip
            except DepthError as error:
                report_absent(name, error)
    if threads == 1:
        try:
            worker = Worker("nengo_loihi", "nengo_lif.py", folder)
            rule = {"du": DU, "dv": DV, "vth": VTH}
            found["nengo-loihi"] = enter(
                stack, case, "nengo-loihi", worker, True, folder=str(folder), **rule
            )
        except DepthError as error:
            report_absent("nengo-loihi", error)
    return found


def lava(case: Case, tag: str) -> Callable[[], float]:
    """A run of Lava; seconds for as many steps as the others take, starting not counted."""
    fixed = tag == "fixed_pt"
    rule = {"du": DU, "dv": DV} if fixed else {"du": 1.0, "dv": DV / 4096}

    def run() -> float:
        frames = case.frames if fixed else case.frames.astype(np.float64)
        found = run_chain(frames, [{**rule, "vth": VTH}], tag=tag)
        check(f"Lava {tag}", found.spikes, case, fixed)
        return found.step_s * len(case.frames)

    return run


def measure(neurons: int, steps: int, rounds: int, alone: bool) -> dict[str, Figure]:
    """All figures of this file that can be had."""
    case, figures = make_case(neurons, steps), dict[str, Figure]()
    chosen = FORMS
    for threads in (1, 2):
        with ExitStack() as stack, tempfile.TemporaryDirectory() as name:
            contenders = {"ours": own(case, threads)}
            if not alone:
                contenders |= peers(stack, case, Path(name), threads, chosen)
            times = interleave(contenders, rounds)
            if not alone and threads == 1:
                lavas = {f"Lava {tag}": lava(case, tag) for tag in ("fixed_pt", "floating_pt")}
                some = interleave({"ours": contenders["ours"], **lavas}, min(rounds, 3))
                show(case, threads, times | {k: v for k, v in some.items() if k != "ours"})
                figures |= against_lava(some)
            else:
                show(case, threads, times)
        figures |= against_torch(times, threads)
        chosen = fastest_forms(times)
        if threads == 1:
            figures |= limits(case, times["ours"], QUICK_FAR_BYTES if alone else FAR_BYTES)
            if "nengo-loihi" in times:
                figures["lif_vs_nengo_loihi"] = times_as(times["nengo-loihi"], times["ours"])
    return figures


def fastest_forms(times: dict[str, Times]) -> dict[str, tuple[str, ...]]:
    """The fastest form of each torch library; with more threads only that is run."""
    best: dict[str, tuple[str, ...]] = {}
    for name in sorted(times, key=lambda name: times[name].median, reverse=True):
        library, _, form = name.partition(", ")
        if library in FORMS:
            best[library] = (form,)
    return best


def times_as(slow: Times, fast: Times) -> Figure:
    value, spread = ratio(slow, fast)
    return found_now(value, spread=spread, unit="×", command=COMMAND)


def against_torch(times: dict[str, Times], threads: int) -> dict[str, Figure]:
    """Against the fastest form of any torch library, and the fastest that is not compiled."""
    torch = {k: v for k, v in times.items() if k.partition(",")[0] in FORMS}
    if not torch:
        return {}
    best = min(torch, key=lambda k: torch[k].median)
    print(f"  the fastest torch library with {threads} thread(s): {best}")
    if threads == 2:
        return {"lif_vs_best_torch_2_threads": times_as(torch[best], times["ours"])}
    found = {"lif_vs_best_torch": times_as(torch[best], times["ours"])}
    eager = {k: v for k, v in torch.items() if k.partition(", ")[2] in EAGER}
    if eager:
        best = min(eager, key=lambda k: eager[k].median)
        found["lif_vs_best_eager_torch"] = times_as(eager[best], times["ours"])
    return found


def against_lava(times: dict[str, Times]) -> dict[str, Figure]:
    names = {"Lava fixed_pt": "lif_vs_lava_fixed", "Lava floating_pt": "lif_vs_lava_float"}
    return {names[k]: times_as(v, times["ours"]) for k, v in times.items() if k in names}


def limits(case: Case, ours: Times, far_bytes: int) -> dict[str, Figure]:
    """Speed, and the share of the copy bandwidth that the bytes which must move take of it."""
    neurons = case.frames.shape[1]
    rate = case.frames.size / ours.median
    near, far = copy_bytes_per_s(neurons * BYTES // 2), copy_bytes_per_s(far_bytes)
    print(f"  copying: {near / 1e9:.1f} GB/s within {neurons * BYTES} bytes, {far / 1e9:.1f} GB/s "
          f"far beyond the cache; {BYTES} bytes per neuron and step must move")  # fmt: skip
    return {
        "lif_steps_per_s": found_now(
            rate / 1e6, spread=ours.spread_of(rate / 1e6), unit="million/s", command=COMMAND
        ),
        "bandwidth_fraction_lif": found_now(100 * rate * BYTES / near, unit="%", command=COMMAND),
        "bandwidth_fraction_lif_far": found_now(
            100 * rate * BYTES / far, unit="%", command=COMMAND
        ),
    }


def show(case: Case, threads: int, times: dict[str, Times]) -> None:
    """A line for each, the fastest first."""
    rows = [
        (name, f"{case.frames.size / t.median / 1e6:.1f}", percent(t.share),
         f"{t.median / times['ours'].median:.2f}")
        for name, t in sorted(times.items(), key=lambda item: item[1].median)
    ]  # fmt: skip
    print(f"LIF stepping, {threads} thread(s)")
    print(table(("who", "million neuron-steps/s", "±", "time ÷ ours"), rows), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="few neurons, ours alone, two rounds")
    parser.add_argument("--neurons", type=int, default=100_000, help="neurons (default 100000)")
    parser.add_argument("--steps", type=int, default=100, help="steps (default 100)")
    parser.add_argument("--rounds", type=int, default=9, help="runs of each (default 9)")
    options = parser.parse_args()
    if options.quick:
        figures = measure(2000, 50, 2, alone=True)
    else:
        figures = measure(options.neurons, options.steps, options.rounds, alone=False)
    publish(figures, options.json)


if __name__ == "__main__":
    main()
