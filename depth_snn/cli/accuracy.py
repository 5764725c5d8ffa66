"""`depth-snn eval --protocol accuracy`: networks on frames they have not seen, dense."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from depth_snn.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from depth_snn.models.build import Network
    from depth_snn.training.dataset import LabelledFrames

Matrix = npt.NDArray[np.int64]


def run_accuracy(args: argparse.Namespace) -> int:
    """Print one row for each network and kind of frames."""
    from depth_snn.data.metrics import miou, per_class_iou
    from depth_snn.models.weights import find_weights, load_network
    from depth_snn.training.scores import class_names

    names = [name.strip() for name in args.network.split(",") if name.strip()]
    models = {name: load_network(find_weights(name)) for name in names}  # all, before any minutes
    for name, model in models.items():
        if args.int8 and model.config.kind != "loihi":
            raise ConfigError(f"--int8: {name} is of kind {model.config.kind}; only loihi converts")
    for name, model in models.items():
        print(f"{name}: {model.config.kind}, {model.config.layers} layers of {model.config.dim}")
        header = " ".join(f"{c[:10]:>10}" for c in class_names(model.config))
        print(f"  {'frames':24} {'mIoU %':>7} {header}")
        for what, matrix in score_network(name, model, args):
            row = " ".join(f"{100 * v:10.2f}" for v in per_class_iou(matrix))
            print(f"  {what:24} {100 * miou(matrix):7.2f} {row}", flush=True)
    return ExitCode.OK


def score_network(
    name: str, model: Network, args: argparse.Namespace
) -> Iterator[tuple[str, Matrix]]:
    """What was measured and its confusion matrix, in floats and, if asked for, in integers."""
    from depth_snn.training.evaluate import evaluate
    from depth_snn.training.scores import unseen_frames

    for what, frames in unseen_frames(
        model.config, clips=args.clips, folder=args.data, cache=args.cache
    ):
        yield f"{what}, float", evaluate(model, frames)
        if args.int8:
            few = frames if args.int8_frames is None else frames[: args.int8_frames]
            if len(few) < len(frames):
                yield f"{what}, float, {len(few)} frames", evaluate(model, few)
            yield f"{what}, int8, {len(few)} frames", evaluate_integers(name, few)


def evaluate_integers(name: str, frames: LabelledFrames) -> Matrix:
    """Confusion matrix of the converted network, every token open, on the fast simulator."""
    from conversion.gates import DRIVE, FIXED, SCHED
    from depth_snn.cli.chain.loop import LOGITS, PIXELS
    from depth_snn.cli.chain.setup import load_policy, prepare
    from depth_snn.cli.progress import Progress
    from depth_snn.data.metrics import confusion_matrix
    from depth_snn.windows import class_map
    from sims.fast import FastSimulator

    setup = prepare(name, load_policy(None, name, recovery=False, head_rate=(0.0,)))
    config = setup.config
    simulator = FastSimulator(setup.graph, (LOGITS,))
    quiet = {
        SCHED: np.ones((config.stages, config.tokens), np.int64),
        DRIVE: np.zeros(config.regions, np.int64),
        FIXED: np.ones(1, np.int64),
    }
    matrix = np.zeros((config.classes, config.classes), np.int64)
    progress = Progress("frames in integers", len(frames))
    for index, (rgb, label) in enumerate(zip(frames.rgb, frames.label, strict=True)):
        values = simulator.step({PIXELS: rgb.reshape(-1, 3).astype(np.int64), **quiet})
        matrix += confusion_matrix(class_map(values[LOGITS], config), label, config.classes)
        progress.update(index + 1)
    progress.finish()
    return matrix
