"""How time and memory grow: neurons 1e3 to 1e6, synapses to 1e8, firing from 0 to half of a step.

Random recurrent networks with 100 synapses per neuron, each in a process of its own on one thread.
1e6 neurons with 1e8 synapses are about what one Loihi 2 chip holds (its maker's brief: 1 million
neurons, 120 million synapses).
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

from benchmarks.timing import table
from benchmarks.worker import Worker
from depth_snn.figures import Figure, found_now, publish

COMMAND = "python benchmarks/bench_growth.py"
NAMES = (
    "chip_scale_neurons", "chip_scale_synapses", "chip_scale_peak_gib", "chip_scale_ns_per_synop",
    "chip_scale_step_ms", "growth_ns_per_synop_small", "growth_silent_ns_per_neuron",
    "growth_half_vs_twentieth",
)  # fmt: skip
FAN_OUT = 100
SIZES = (1_000, 10_000, 100_000, 1_000_000)
DRIVES = (0, 1, 5, 10, 20, 40, 80)
"""Mean drives in percent of the threshold: about the share of neurons that spike in a step."""
RATE_SIZE = 100_000
USUAL = 5
PLOT = Path(__file__).resolve().parents[1] / "docs" / "images" / "growth.png"


@dataclass(frozen=True)
class Point:
    """One network: its size, and per step its milliseconds, spikes, and peak memory in GiB."""

    neurons: int
    fan_out: int
    step_ms: float
    spikes: float
    peak_gib: float

    @property
    def synops(self) -> float:
        """Synaptic operations per step."""
        return self.spikes * self.fan_out

    @property
    def share(self) -> float:
        """Share of the neurons that spike in a step."""
        return self.spikes / self.neurons

    @property
    def ns_per_synop(self) -> float:
        """Nanoseconds per synaptic operation, all of the step charged to them."""
        return 1e6 * self.step_ms / self.synops


def point(neurons: int, steps: int, drive: int, runs: int, fan_out: int = FAN_OUT) -> Point:
    """Measure one network."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        worker = stack.enter_context(Worker("own", "own_growth.py", folder, deadline_s=1200))
        found = worker.ask("grow", neurons=neurons, fan_out=fan_out, steps=steps,
                           mean_drive=drive, runs=runs)  # fmt: skip
    step_ms, spikes = 1e3 * found["seconds"] / steps, found["spikes"] / steps
    made = Point(neurons, fan_out, step_ms, spikes, found["peak_gib"])
    print(f"  {neurons} neurons, {made.share:.1%} spike: {step_ms:.4g} ms per step", flush=True)
    return made


def show(title: str, points: list[Point]) -> None:
    rows = [
        (f"{p.neurons:,}", f"{p.neurons * p.fan_out:,}", f"{p.share:.1%}", f"{p.step_ms:.4g}",
         f"{p.ns_per_synop:.2f}" if p.synops else "–", f"{p.peak_gib:.2f}")
        for p in points
    ]  # fmt: skip
    print(title)
    head = ("neurons", "synapses", "spike", "ms/step", "ns/synop", "peak GiB")
    print(table(head, rows), flush=True)


def draw(sizes: list[Point], rates: list[Point], file: Path) -> None:
    """Two panels: time against events over all sizes, and against the share that spikes."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.loglog([p.synops for p in sizes], [p.step_ms for p in sizes], "o-", color="#1b6ca8")
    for p in sizes:
        left.annotate(f"{p.neurons:,}", (p.synops, p.step_ms), xytext=(7, -10),
                      textcoords="offset points", fontsize=8)  # fmt: skip
    left.set(xlabel="synaptic operations per step", ylabel="ms per step",
             title="Time grows with events (labels: neurons)")  # fmt: skip
    right.plot([100 * p.share for p in rates], [p.step_ms for p in rates], "o-", color="#c0392b")
    right.set(xlabel="neurons that spike in a step, %", ylabel="ms per step", ylim=(0, None),
              title=f"{rates[0].neurons:,} neurons, {rates[0].fan_out} synapses each")  # fmt: skip
    left.margins(x=0.24, y=0.18)  # room for the labels
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    draft = file.with_name(f".{file.name}.tmp.png")
    figure.savefig(draft, dpi=120)
    plt.close(figure)
    draft.replace(file)


def measure(
    sizes: tuple[int, ...], rate_size: int, drives: tuple[int, ...], runs: int, plot: Path | None
) -> dict[str, Figure]:
    """All figures of this file."""
    grown = [point(n, max(20, min(400, 4_000_000 // n)), USUAL, runs) for n in sizes]
    rates = [point(rate_size, 100, drive, runs) for drive in drives]
    show("growth", grown)
    show("firing", rates)
    if plot is not None:
        draw(grown, rates, plot)
    most, usual = grown[-1], rates[drives.index(USUAL)]
    found = {
        "chip_scale_neurons": (most.neurons, ""),
        "chip_scale_synapses": (most.neurons * most.fan_out, ""),
        "chip_scale_peak_gib": (most.peak_gib, "GiB"),
        "chip_scale_ns_per_synop": (most.ns_per_synop, "ns"),
        "chip_scale_step_ms": (most.step_ms, "ms"),
        "growth_ns_per_synop_small": (grown[0].ns_per_synop, "ns"),
        "growth_silent_ns_per_neuron": (1e6 * rates[0].step_ms / rate_size, "ns"),
        "growth_half_vs_twentieth": (rates[-1].step_ms / usual.step_ms, "×"),
    }
    return {
        name: found_now(value, unit=unit, command=COMMAND) for name, (value, unit) in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="small networks, no plot")
    parser.add_argument("--runs", type=int, default=5, help="runs of each network (default 5)")
    options = parser.parse_args()
    if options.quick:
        figures = measure((500,), 500, (0, USUAL), 1, None)
    else:
        figures = measure(SIZES, RATE_SIZE, DRIVES, options.runs, PLOT)
    publish(figures, options.json)


if __name__ == "__main__":
    main()
