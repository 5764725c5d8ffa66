"""The conversion: what integers cost in mIoU, what thresholds save in synaptic operations, drift.

Accuracy: the quantised dense network against its float, on scenes of held-out assets and on
CamVid's val (`--data DIR`; its integer scales come from frames of train). Savings: the shipped
thresholds and multiples of them on streets that no threshold was chosen on, standing and driving
camera, with every token open and under the policy; operations of the dense network in closed form
÷ those executed after the first frame. Drift: the tiny network under random gates for 10,000
frames, then opened once and compared with a network that saw only that frame.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.gates import SCHED
from conversion.graph import Graph
from conversion.graph_file import save_graph
from conversion.passes.set_thresholds import set_thresholds, thresholds_of
from depth_snn.cli.chain.footage import (
    Footage,
    open_footage,
    pruned_footage,
    quiet_inputs,
    reduction,
    replay,
)
from depth_snn.cli.chain.loop import LOGITS
from depth_snn.cli.chain.setup import Setup, load_policy, prepare
from depth_snn.cli.chain.tuning import fresh
from depth_snn.cli.progress import Progress
from depth_snn.cli.thresholds import read_thresholds
from depth_snn.data.frames import Frame, open_frames
from depth_snn.data.metrics import confusion_matrix, miou
from depth_snn.errors import DepthError
from depth_snn.figures import Figure, found_now, publish
from depth_snn.models.weights import find_network
from depth_snn.training.dataset import LabelledFrames, paint
from depth_snn.training.evaluate import evaluate
from depth_snn.training.folders import read_camvid
from depth_snn.training.scores import UNSEEN_SEED
from depth_snn.windows import class_map
from sims.fast import FastSimulator
from sims.report.style import BLUE, GRAY, ORANGE, new_figure, save_figure

COMMAND = "python benchmarks/measure_conversion.py"
NAMES = (
    "int_miou_loss_scenes", "int_miou_loss_camvid", "synop_reduction_static", "synop_reduction_ego",
    "synop_reduction_miou_loss", "conversion_seconds", "graph_file_kib",
    "integer_drift_10000_frames",
)  # fmt: skip
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "camvid"
SCENES = {"static": "standing-day", "ego": "driving-day"}
FIRST_SEED = 400
"""First street of the measurement; thresholds were tuned on 300 and after."""
FACTORS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
"""Multiples of the shipped thresholds along the curve."""
CALIBRATION_FRAMES = 16
Image = npt.NDArray[np.uint8]


def dense_setup(network: str, calibrate: Sequence[Image] | None = None) -> Setup:
    """A network with nothing pruned, converted."""
    policy = load_policy(None, network, recovery=False, head_rate=(0.0,))
    return prepare(network, policy, calibrate)


def integer_loss(setup: Setup, frames: LabelledFrames, what: str) -> float:
    """Points of mIoU that the integer graph loses against its float network, all tokens open."""
    config = setup.config
    floats = evaluate(setup.dense, frames)
    simulator, progress = FastSimulator(setup.graph, (LOGITS,)), Progress(what, len(frames))
    matrix = np.zeros_like(floats)
    for index, (rgb, label) in enumerate(zip(frames.rgb, frames.label, strict=True)):
        logits = simulator.step(quiet_inputs(config, rgb))[LOGITS]
        matrix += confusion_matrix(class_map(logits, config), label, config.classes)
        progress.update(index + 1)
    progress.finish()
    print(f"{what}: float {100 * miou(floats):.2f} %, integers {100 * miou(matrix):.2f} %")
    return 100 * (miou(floats) - miou(matrix))


def camvid_loss(data: Path) -> float:
    """The same of the `camvid` network on CamVid's val, scales fixed on frames of train."""
    config = find_network("camvid").config
    train = read_camvid(config, data, "train").rgb
    chosen = train[np.linspace(0, len(train) - 1, CALIBRATION_FRAMES).astype(int)]
    setup = dense_setup("camvid", list(chosen))
    return integer_loss(setup, read_camvid(config, data, "val"), "CamVid val")


@dataclass(frozen=True)
class Point:
    """One setting on the clips of a scene: dense ÷ executed operations, and points of mIoU lost."""

    factor: float
    reduction: float
    loss: float


def scaled(graph: Graph, thresholds: Mapping[str, int], factor: float) -> Graph:
    """A graph under a multiple of thresholds, rounded."""
    return set_thresholds(graph, {n: round(factor * t) for n, t in thresholds.items()})


def clip_of(setup: Setup, scene: str, seed: int, frames: int) -> list[Frame]:
    """A built-in scene of the network's size."""
    size = {"height": setup.config.height, "width": setup.config.width}
    return list(open_frames(f"scene:{scene}", limit=frames, seed=seed, **size))


def curve(
    graph: Graph, dense: Setup, clips: Sequence[Footage], yardstick: float,
    thresholds: Mapping[str, int], factors: Sequence[float],
) -> list[Point]:  # fmt: skip
    """Play clips under multiples of thresholds.

    Args:
        graph: The graph to play.
        dense: What its operations are compared with.
        clips: The recorded clips.
        yardstick: mIoU of the quantised dense network on them, percent.
        thresholds: By encoder.
        factors: Multiples of them.
    """
    points = []
    for factor in factors:
        setting = scaled(graph, thresholds, factor)
        played = [replay(setting, clip) for clip in clips]
        score = 100 * miou(np.sum([p.matrix for p in played], axis=0))
        points.append(Point(factor, reduction(setting, dense.graph, played), yardstick - score))
    return points


def curves_of(
    network: str, thresholds: Mapping[str, int], seeds: Sequence[int], frames: int,
    factors: Sequence[float],
) -> dict[str, dict[str, list[Point]]]:  # fmt: skip
    """Curves by scene and by what opens tokens."""
    dense, setup = dense_setup(network), prepare(network, load_policy(None, network))
    found: dict[str, dict[str, list[Point]]] = {}
    progress = Progress("curves", 2 * len(SCENES))
    for name, scene in SCENES.items():
        clips = [clip_of(dense, scene, seed, frames) for seed in seeds]
        opened = [open_footage(dense.config, clip) for clip in clips]
        whole = [replay(dense.graph, footage).matrix for footage in opened]
        yardstick = 100 * miou(np.sum(whole, axis=0))
        kinds = {
            "every token open": (dense.graph, opened),
            "under the policy": (setup.graph, [pruned_footage(fresh(setup), c) for c in clips]),
        }
        for kind, (graph, footage) in kinds.items():
            points = curve(graph, dense, footage, yardstick, thresholds, factors)
            found.setdefault(name, {})[kind] = points
            for p in points:
                words = f"{p.reduction:.1f} times fewer synaptic operations, {p.loss:+.2f} points"
                print(
                    f"{name}, {kind}, thresholds × {p.factor:g}: {words} of mIoU lost", flush=True
                )
            progress.update(2 * len(found) - (len(found[name]) < len(kinds)))
    progress.finish()
    return found


def plot(found: Mapping[str, Mapping[str, Sequence[Point]]], path: Path) -> None:
    """Synaptic operations saved against mIoU lost, one panel for each camera."""
    figure = new_figure(4.4 * len(found), 3.8)
    axes = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    names = {"static": "standing camera", "ego": "driving camera"}
    for axis, (scene, kinds) in zip(axes, found.items(), strict=True):
        for colour, (kind, points) in zip((BLUE, ORANGE), kinds.items(), strict=False):
            axis.plot([p.reduction for p in points], [p.loss for p in points], "o-", ms=4, lw=1.4,
                      color=colour, label=kind)  # fmt: skip
            for p in (p for p in points if p.factor >= 1):  # below, points lie close together
                axis.annotate(f"×{p.factor:g}", (p.reduction, p.loss), xytext=(4, 4), fontsize=7,
                              textcoords="offset points", color=colour)  # fmt: skip
        axis.axhline(1, color=GRAY, lw=0.8, ls="--")
        axis.axhline(0, color=GRAY, lw=0.8)
        axis.set(title=names.get(scene, scene), xscale="log",
                 xlabel="dense ÷ executed synaptic operations")  # fmt: skip
        ticks = [1, 2, 3, 5, 10, 20, 50]
        axis.set_xticks(ticks, [str(t) for t in ticks])
        axis.minorticks_off()
        axis.grid(alpha=0.25)
    axes[0].set_ylabel("mIoU lost, points")
    axes[0].legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"wrote {save_figure(figure, path)}")


def drift(frames: int, seed: int = 0) -> int:
    """Largest difference of any logit after random gates for many frames, in integers."""
    setup = prepare("tiny", load_policy(None, "tiny", recovery=False, head_rate=(0.0,)))
    config, rng = setup.config, np.random.default_rng(seed)
    scene = clip_of(setup, "driving", 2, 48)
    simulator, progress = FastSimulator(setup.graph, (LOGITS,)), Progress("frames", frames)
    for index in range(frames):
        inputs = quiet_inputs(config, scene[index % len(scene)].rgb)
        if index:
            shares = np.sort(rng.random(config.stages))[::-1, None]
            inputs[SCHED] = (rng.random(config.tokens) < shares).astype(np.int64)
        simulator.step(inputs)
        progress.update(index + 1)
    progress.finish()
    last = quiet_inputs(config, scene[frames % len(scene)].rgb)
    new = FastSimulator(setup.graph, (LOGITS,)).step(last)[LOGITS]
    return int(np.abs(simulator.step(last)[LOGITS] - new).max())


def conversion_cost(network: str, runs: int) -> tuple[float, float, float]:
    """Median seconds of a conversion, half their range, and KiB of the graph's file."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        setup = dense_setup(network)
        seconds.append(time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.h5"
        save_graph(setup.graph, path)
        kib = path.stat().st_size / 1024
    return float(np.median(seconds)), (max(seconds) - min(seconds)) / 2, kib


def shipped_thresholds(network: str, graph: Graph, path: str | None) -> dict[str, int]:
    """Thresholds by encoder: of a file, or those that come with the network."""
    folder = Path(str(resources.files("depth_snn"))) / "thresholds"
    return thresholds_of(graph, read_thresholds(path or str(folder / f"{network}.toml")))


def measured(options: argparse.Namespace) -> dict[str, Figure]:
    """All figures."""
    found: dict[str, Figure] = {}

    def note(name: str, value: float, unit: str, spread: float | None = None) -> None:
        found[name] = found_now(value, unit=unit, spread=spread, command=COMMAND)

    seconds, spread, kib = conversion_cost(options.network, options.runs)
    note("conversion_seconds", seconds, "s", spread)
    note("graph_file_kib", kib, "KiB")
    note("integer_drift_10000_frames", drift(options.drift_frames), "")
    dense = dense_setup(options.network)
    scenes = paint(dense.config, options.clips, first_seed=UNSEEN_SEED, assets="heldout", workers=1)
    note("int_miou_loss_scenes", integer_loss(dense, scenes, "held-out scenes"), "points")
    thresholds = shipped_thresholds(options.network, dense.graph, options.thresholds)
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    factors = FACTORS if options.out else (0.0, 1.0)
    curves = curves_of(options.network, thresholds, seeds, options.frames, factors)
    if options.out:
        plot(curves, options.out)
    at = {name: next(p for p in kinds["under the policy"] if p.factor == 1)
          for name, kinds in curves.items()}  # fmt: skip
    for name, point in at.items():
        note(f"synop_reduction_{name}", point.reduction, "×")
    note("synop_reduction_miou_loss", max(p.loss for p in at.values()), "points")
    if options.data.is_dir():
        note("int_miou_loss_camvid", camvid_loss(options.data), "points")
    else:
        print(f"no CamVid at {options.data}: int_miou_loss_camvid is left out", file=sys.stderr)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--network", default="small", help="network (default small)")
    parser.add_argument("--data", type=Path, default=BESIDE, help="CamVid (default: beside)")
    parser.add_argument("--thresholds", help="file of thresholds (default: the network's own)")
    parser.add_argument("--out", type=Path, help="draw the curve over thresholds into this PNG")
    parser.add_argument("--clips", type=int, default=4, help="groups of 12 scenes (default 4)")
    parser.add_argument("--seeds", type=int, default=2, help="streets of each camera (default 2)")
    parser.add_argument("--frames", type=int, default=24, help="frames of each street (default 24)")
    parser.add_argument("--runs", type=int, default=3, help="conversions timed (default 3)")
    parser.add_argument("--drift-frames", type=int, default=10_000, help="frames of the long run")
    options = parser.parse_args()
    try:
        figures = measured(options)
    except DepthError as error:
        print(f"measure_conversion: error: {error}", file=sys.stderr)
        return 1
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
