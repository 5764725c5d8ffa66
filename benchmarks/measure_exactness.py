"""How far the pruned stream is from the dense network, with nothing pruned and after sparse frames.

With every threshold at zero each frame is compared. After frames in which random tokens were left
out, the last frame is held still and opened part by part, until every stage has seen every token
after the stage before it; what is then left of the difference is the stream's drift.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from copy import deepcopy
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from depth_snn.cli.progress import Progress
from depth_snn.config import NetworkConfig, PolicyConfig
from depth_snn.data.frames import open_frames
from depth_snn.figures import Figure, found_now, publish
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.models.weights import find_network
from depth_snn.pruning.pipeline import Pipeline
from depth_snn.pruning.prices import prices_of
from depth_snn.pruning.stream import PrunedStream, StreamState, new_state
from depth_snn.recovery.judge import ErrorJudge

COMMAND = "python benchmarks/measure_exactness.py"
NAMES = ("dense_equals_pruned_max_abs", "sparse_stream_max_abs", "drift_10000_frames_max_abs")
SCENE = "scene:driving"
ZERO = PolicyConfig(tau_px=0, tau_stale=0, token_rate=(0.0,), recovery=False)
LOOP, DRIFT_FRAMES = 48, 10_000
PARTS = 3
"""Masks that together open every token once."""

Image = npt.NDArray[np.uint8]


def difference(pruned: torch.Tensor, model: DepthViTLoihi, rgb: Image) -> float:
    """Largest absolute difference of the logits from the dense network's."""
    picture = torch.from_numpy(rgb)[None].permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        dense = model(picture, "linear")[0]
    return float((pruned - dense).abs().max())


def with_nothing_pruned(model: DepthViTLoihi, frames: int) -> float:
    """Largest difference over a scene when every threshold is zero."""
    config = model.config
    pipeline = Pipeline(model, ZERO, prices_of(config, scored=False), ErrorJudge(config))
    found = []
    for frame in open_frames(SCENE, height=config.height, width=config.width, limit=frames):
        step = pipeline.step(frame.rgb)
        assert step.decision.restored.open.all(), "zero thresholds compute every token"
        found.append(difference(torch.from_numpy(step.logits), model, frame.rgb))
    return float(np.max(found))  # unlike max(), it does not lose a NaN


def partial_mask(rng: np.random.Generator, config: NetworkConfig) -> npt.NDArray[np.bool_]:
    """Random tokens in each stage (S, N), at most nine in ten, each stage within the one before."""
    shares = np.sort(rng.uniform(0.05, 0.9, config.stages))[::-1]
    opened = rng.permutation(config.tokens)[None] < (shares * config.tokens)[:, None]
    assert not opened.all(1).any(), "no stage is rebuilt from scratch"
    return opened


def settled_difference(
    model: DepthViTLoihi, stream: PrunedStream, rgb: Image, state: StreamState, seed: int = 0
) -> float:
    """Difference from the dense network once a still frame was opened in parts, never whole.

    A stage is right once the keys and values before it are, so every stage gets its sweep, and two
    more. The attention state is corrected term by term and never rebuilt. The state is left as it
    was.
    """
    config, state, rng = stream.config, deepcopy(state), np.random.default_rng(seed)
    for _ in range(config.layers + 2):
        part = rng.permutation(config.tokens) % PARTS
        for index in range(PARTS):
            opened = np.repeat((part == index)[None], config.stages, 0)
            logits = stream.step(rgb, opened, state)
    return difference(logits, model, rgb)


def after_sparse_frames(model: DepthViTLoihi, pictures: Iterable[Image], seed: int = 0) -> float:
    """Difference on the last picture, held still, after all but the first computed random parts."""
    config, rng = model.config, np.random.default_rng(seed)
    stream, state = PrunedStream(model, scored=False), new_state(config)
    mask = np.ones((config.stages, config.tokens), bool)
    for rgb in pictures:
        stream.step(rgb, mask, state)
        mask = partial_mask(rng, config)
    return settled_difference(model, stream, rgb, state, seed)


def scene_pictures(config: NetworkConfig, frames: int) -> list[Image]:
    """The first frames of the scene in a network's size."""
    source = open_frames(SCENE, height=config.height, width=config.width, limit=frames)
    return [frame.rgb for frame in source]


def after_many_frames(model: DepthViTLoihi, frames: int) -> float:
    """The same after very many frames: a short scene again and again, jumping back at its end."""
    scene, progress = cycle(scene_pictures(model.config, LOOP)), Progress("sparse frames", frames)

    def pictures() -> Iterator[Image]:
        for index, rgb in enumerate(islice(scene, frames)):
            yield rgb
            progress.update(index + 1)

    found = after_sparse_frames(model, pictures())
    progress.finish()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--network", default="small", help="network (default small)")
    parser.add_argument("--frames", type=int, default=20, help="frames (default 20)")
    parser.add_argument(
        "--drift-frames", type=int, default=DRIFT_FRAMES, help="sparse frames of the long stream"
    )
    options = parser.parse_args()
    model = find_network(options.network)
    found = (
        with_nothing_pruned(model, options.frames),
        after_sparse_frames(model, scene_pictures(model.config, options.frames)),
        after_many_frames(model, options.drift_frames),
    )
    figures: dict[str, Figure] = {
        name: found_now(value, unit="", command=COMMAND)
        for name, value in zip(NAMES, found, strict=True)
    }
    print(f"over {options.frames} frames, and {options.drift_frames} for drift:")
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
