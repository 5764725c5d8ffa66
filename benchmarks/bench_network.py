"""The whole network with its gates: tiny against Lava, small against a dense torch of it.

Lava runs the same graph, once with stock processes where they compute a node, and once with each
block as one process, whose inside is this project's numpy and not Lava's; logits must equal ours.
Torch runs the quantised graph of small densely, whole numbers in float32 and linear attention. Its
logits are compared with ours where every gate is open; it is timed against our run with the gates
as the policy sets them, and with all of them open. The camera drives.
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

from benchmarks.timing import Times, interleave, percent, ratio, report_absent, table
from benchmarks.worker import Worker
from conversion.gates import SCHED
from conversion.graph_file import save_graph
from depth_snn.cli.chain.engines import record_inputs
from depth_snn.cli.chain.loop import LOGITS, PIXELS
from depth_snn.cli.chain.setup import Setup, load_policy, prepare
from depth_snn.cli.chain.witness import Inputs, stack_inputs
from depth_snn.data.frames import open_frames
from depth_snn.errors import DepthError, EngineError
from depth_snn.figures import Figure, found_now, publish
from loihi import simulate_on_lava
from sims.fast import FastSimulator

COMMAND = "python benchmarks/bench_network.py"
NAMES = (
    "network_vs_lava_tiny", "network_vs_lava_tiny_blocks", "network_tiny_frames_per_s",
    "small_vs_dense_torch",
    "small_open_vs_dense_torch", "small_dense_torch_frames_per_s", "dense_torch_logits_wrong",
)  # fmt: skip
SCENE = "scene:driving"
LAVA_FORMS: dict[str, dict[str, Any]] = {
    "Lava, stock processes": {"stock": True},
    "Lava, a process for each block": {"blocks": "leaf"},
}
LAVA_RATIOS = dict(zip(LAVA_FORMS, NAMES, strict=False))
TORCH_FORMS = ("eager", "compiled")


def recorded(network: str, frames: int) -> tuple[Setup, Inputs]:
    """A network and what its graph gets for the first frames of the scene."""
    setup = prepare(network, load_policy(None, network))
    size = {"height": setup.config.height, "width": setup.config.width}
    images = [frame.rgb for frame in open_frames(SCENE, limit=frames, seed=0, **size)]
    return setup, stack_inputs(record_inputs(setup, images))


def own(setup: Setup, inputs: Inputs, first: int = 0) -> Callable[[], float]:
    """Our run, logits handed out; seconds of the frames from ``first`` on."""

    def run() -> float:
        simulator = FastSimulator(setup.graph, (LOGITS,))
        for f in range(len(inputs[PIXELS])):
            if f == first:
                begin = time.perf_counter()
            simulator.step({name: array[f] for name, array in inputs.items()})
        return time.perf_counter() - begin

    run()
    return run


def lava(setup: Setup, inputs: Inputs, form: dict[str, Any]) -> Callable[[], float]:
    """Lava's run; seconds for as many frames at the pace between its tenth step and its last."""
    want = run_values(setup, inputs)
    lag = setup.graph.lags[LOGITS.rpartition(".")[0]]

    def run() -> float:
        seen: list[tuple[float, int]] = []
        found = simulate_on_lava(
            setup.graph, inputs, deadline_s=900, probes=(LOGITS,), **form,
            on_progress=lambda done: seen.append((time.perf_counter(), done)),
        )  # fmt: skip
        wrong = int(np.count_nonzero(found.by_step[LOGITS][lag:][: len(want)] != want))
        if wrong:
            raise EngineError(f"{wrong} logits differ from ours")
        (begin, low), (end, high) = next(s for s in seen if s[1] >= 10), seen[-1]
        return (end - begin) / (high - low) * len(want)

    return run


def run_values(setup: Setup, inputs: Inputs) -> Any:
    """Our logits (T, N, C)."""
    simulator = FastSimulator(setup.graph, (LOGITS,))
    frames = range(len(inputs[PIXELS]))
    return np.stack([simulator.step({k: a[f] for k, a in inputs.items()})[LOGITS] for f in frames])


def measure_tiny(frames: int, rounds: int, alone: bool) -> dict[str, Figure]:
    """Against Lava."""
    setup, inputs = recorded("tiny", frames)
    contenders = {"ours": own(setup, inputs)}
    if not alone:
        contenders |= {name: lava(setup, inputs, form) for name, form in LAVA_FORMS.items()}
    times = interleave(contenders, rounds)
    show(f"tiny, {frames} frames", times, frames)
    figures = {"network_tiny_frames_per_s": per_s(times["ours"], frames)}
    for name, figure in LAVA_RATIOS.items():
        if name in times:
            figures[figure] = times_as(times[name], times["ours"])
    return figures


def measure_small(frames: int, rounds: int) -> dict[str, Figure]:
    """Against dense torch, one thread each; the first frame, dense by construction, not timed."""
    setup, inputs = recorded("small", frames)
    opened = {**inputs, SCHED: np.ones_like(inputs[SCHED])}
    contenders = {"ours": own(setup, inputs, 1), "ours, all gates open": own(setup, opened, 1)}
    wrong = dict[str, int]()
    with ExitStack() as stack, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_graph(setup.graph, folder / "graph.h5")
        np.save(folder / "pictures.npy", inputs[PIXELS][1:])
        want = run_values(setup, opened)[1:]
        for form in TORCH_FORMS:
            try:
                worker = stack.enter_context(Worker("own", "torch_dense.py", folder))
                worker.ask("load", folder=name, form=form, threads=1)
                worker.ask("logits", file=str(folder / "logits.npy"))
                got = np.load(folder / "logits.npy")
                wrong[form] = int(np.count_nonzero(got != want))
                print(f"  torch, {form}: {wrong[form]} of {want.size} logits differ", flush=True)
                contenders[f"torch, {form}"] = lambda w=worker: float(w.ask("run")["seconds"])
            except DepthError as error:
                report_absent(f"torch, {form}", error)
        times = interleave(contenders, rounds)
    show(f"small, {frames - 1} frames", times, frames - 1)
    rest = [name for name in times if name.startswith("torch")]
    if not rest:
        return {}
    best = min(rest, key=lambda name: times[name].median)
    return {
        "small_vs_dense_torch": times_as(times[best], times["ours"]),
        "small_open_vs_dense_torch": times_as(times[best], times["ours, all gates open"]),
        "small_dense_torch_frames_per_s": per_s(times[best], frames - 1),
        "dense_torch_logits_wrong": found_now(max(wrong.values()), unit="", command=COMMAND),
    }


def per_s(times: Times, frames: int) -> Figure:
    value = frames / times.median
    return found_now(value, spread=times.spread_of(value), unit="frames/s", command=COMMAND)


def times_as(slow: Times, fast: Times) -> Figure:
    value, spread = ratio(slow, fast)
    return found_now(value, spread=spread, unit="×", command=COMMAND)


def show(title: str, times: dict[str, Times], frames: int) -> None:
    rows = [
        (who, f"{1e3 * t.median / frames:.2f}", percent(t.share),
         f"{t.median / times['ours'].median:.2f}")
        for who, t in sorted(times.items(), key=lambda item: item[1].median)
    ]  # fmt: skip
    print(title)
    print(table(("who", "ms per frame", "±", "time ÷ ours"), rows), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="tiny alone, ours alone")
    parser.add_argument("--frames", type=int, default=40, help="frames of tiny (default 40)")
    parser.add_argument("--small-frames", type=int, default=12, help="of small (default 12)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (default 5)")
    options = parser.parse_args()
    if options.quick:
        figures = measure_tiny(4, 2, alone=True)
    else:
        figures = measure_tiny(options.frames, min(options.rounds, 3), alone=False)
        figures |= measure_small(options.small_frames, options.rounds)
    publish(figures, options.json)


if __name__ == "__main__":
    main()
