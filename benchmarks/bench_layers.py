"""Dense and LIF layers against Lava's stock processes in fixed point, spike trains equal.

One layer of several widths, and deep chains of 256 neurons; 5 % of the inputs spike in a step.
Seconds per step. Lava's start, 5 to 15 s, is not counted; neither is building ours.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.chain import Chain, make_chain
from benchmarks.lava_run import run_chain
from benchmarks.timing import Times, again_and_again, interleave, ratio, table
from depth_snn.errors import EngineError
from depth_snn.figures import Figure, found_now, publish
from sims.fast import FastSimulator

COMMAND = "python benchmarks/bench_layers.py"
WIDTHS, DEPTHS, DEEP = (64, 256, 1024, 4096), (4, 16, 48), 256
NAMES = (
    *(f"layer_vs_lava_{width}" for width in WIDTHS),
    *(f"layer_step_us_{width}" for width in WIDTHS),
    *(f"depth{depth}_vs_lava" for depth in DEPTHS),
    *(f"depth{depth}_step_us" for depth in DEPTHS),
    "layers_spikes_compared",
)


def own(chain: Chain) -> Callable[[], float]:
    """Our engine on one thread, counting alone; seconds for all frames."""
    simulator = FastSimulator(chain.graph(), (), threads=1)
    frames = chain.spikes[:, None, :]
    simulator.run({"in": frames})
    return again_and_again(lambda: simulator.run({"in": frames}))


def lava(chain: Chain, want: np.ndarray, deadline_s: float) -> Callable[[], float]:
    """Lava's run; seconds for as many steps, its spikes compared with ours every time."""
    lag = len(chain.weights)

    def run() -> float:
        found = run_chain(
            chain.spikes.astype(np.int32), chain.rules, weights=chain.weights, deadline_s=deadline_s
        )
        got = found.spikes[lag:].reshape(want.shape)
        if (wrong := np.argwhere(got != want)).size:
            raise EngineError(f"{len(wrong)} spikes differ, the first at {tuple(wrong[0])}")
        return found.step_s * len(want)

    return run


def measure_one(
    count: int, layers: int, steps: int, rounds: int, alone: bool
) -> tuple[dict[str, Times], int]:
    """Times of both, and how many values were found equal."""
    chain = make_chain(count, layers, steps)
    frames = {"in": chain.spikes[:, None, :]}
    want = FastSimulator(chain.graph(), (chain.last,)).run(frames)[chain.last]
    share = float(want.mean())
    if not 0.005 < share < 0.5:
        raise EngineError(f"{layers} layers of {count}: {share:.1%} spike; that compares nothing")
    contenders = {"ours": own(chain)}
    if not alone:
        contenders["Lava"] = lava(chain, want, 900)
    times = interleave(contenders, rounds)
    took = {name: f"{1e6 * t.median / steps:.1f}" for name, t in times.items()}
    print(f"{layers:3} × {count:5}: {share:.1%} spike in the last layer; µs per step: {took}",
          flush=True)  # fmt: skip
    return times, want.size if "Lava" in times else 0


def measure(
    cases: list[tuple[int, int]], steps: int, rounds: int, alone: bool
) -> dict[str, Figure]:
    """All figures of this file that can be had."""
    figures, rows, compared = dict[str, Figure](), [], 0
    for count, layers in cases:
        times, equal = measure_one(count, layers, steps, rounds, alone)
        compared += equal
        ours = times["ours"]
        stem = f"depth{layers}" if layers > 1 else "layer"
        end = "" if layers > 1 else f"_{count}"
        figures[f"{stem}_step_us{end}"] = found_now(
            took := 1e6 * ours.median / steps,
            spread=ours.spread_of(took),
            unit="µs",
            command=COMMAND,
        )
        value, spread = ratio(times["Lava"], ours) if "Lava" in times else (float("nan"), None)
        if "Lava" in times:
            figures[f"{stem}_vs_lava{end}"] = found_now(
                value, spread=spread, unit="×", command=COMMAND
            )
        slow = f"{1e6 * times['Lava'].median / steps:.0f}" if "Lava" in times else "–"
        rows.append((f"{layers} × {count}", f"{1e6 * ours.median / steps:.2f}", slow,
                     f"{value:.0f}", "–" if spread is None else f"{spread:.0f}"))  # fmt: skip
    print(table(("layers", "ours, µs/step", "Lava, µs/step", "ratio", "±"), rows))
    figures["layers_spikes_compared"] = found_now(compared, unit="", command=COMMAND)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="small layers, ours alone")
    parser.add_argument("--steps", type=int, default=1000, help="steps (default 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default 3)")
    options = parser.parse_args()
    if options.quick:
        figures = measure([(64, 1), (64, 4)], 100, 2, alone=True)
    else:
        cases = [(width, 1) for width in WIDTHS] + [(DEEP, depth) for depth in DEPTHS]
        figures = measure(cases, options.steps, options.rounds, alone=False)
    publish(figures, options.json)


if __name__ == "__main__":
    main()
