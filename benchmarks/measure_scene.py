"""How fast the built-in scenes are painted, in one process, at 128×256.

The rate of labelled frames is taken over whole clips that have been painted once before, so that
every texture exists. Where the camera moves the whole street is painted anew for every frame;
where it stands only what moves is, so the two are told apart, and the headline is the harder one.
Building a street and painting its textures are measured apart, as is the
rate with flow and occlusion, and that of frames as training asks for them: a few of each street.
Time is the processor time of this process, which has one thread, so that others on the machine do
not count; on an idle core it is what the clock on the wall shows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from depth_snn.data.scene import SCENES, SceneSpec, StreetScene, sample_frames
from depth_snn.figures import found_now, publish

COMMAND = "python benchmarks/measure_scene.py"
NAMES = (
    "scene_frames_per_s",
    "scene_frames_per_s_slowest",
    "scene_still_frames_per_s",
    "scene_flow_frames_per_s",
    "scene_build_ms",
    "scene_sampled_frames_per_s",
)
SIZE = {"height": 128, "width": 256}
SKIPPED = {"street", "driving", "static"}
"""Second names of scenes that are measured anyway."""


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def build(spec: SceneSpec, seed: int, frames: int) -> StreetScene:
    """A street, with its ground, sky and textures not yet painted."""
    return spec.build(seed, frames=frames, **SIZE)


def labelled(scene: StreetScene) -> None:
    """Paints every frame with its label."""
    for index in range(len(scene)):
        scene.labelled(index)


def rates(spec: SceneSpec, clips: int, frames: int) -> tuple[list[float], list[float], list[float]]:
    """Labelled frames per second, frames with flow per second, and milliseconds to build.

    Building is the street and the first painting of its textures: the time of the first pass less
    that of the second.
    """
    quick, full, built = [], [], []
    for seed in range(clips):
        start = time.process_time()
        scene = build(spec, seed, frames)
        labelled(scene)
        first = time.process_time() - start
        steady = seconds(lambda: labelled(scene))  # noqa: B023  called at once
        quick.append(frames / steady)
        built.append(1000 * max(0.0, first - steady))
        full.append(frames / seconds(lambda: list(scene)))  # noqa: B023
    return quick, full, built


def sampled(clips: int, repeats: int) -> list[float]:
    """Frames per second as training draws them: four of each street."""
    count = 4 * clips
    return [
        count / seconds(lambda: list(sample_frames(seed, count, per_street=4, **SIZE)))  # noqa: B023
        for seed in range(repeats)
    ]


def _moves(spec: SceneSpec) -> bool:
    return spec.camera == "driving" or spec.shake > 0


def spread(values: list[float]) -> float:
    """Half the distance between the quartiles."""
    low, high = np.percentile(values, (25, 75))
    return float(high - low) / 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--clips", type=int, default=3, help="clips of each scene (default 3)")
    parser.add_argument("--frames", type=int, default=40, help="frames of a clip (default 40)")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    quick: dict[str, list[float]] = {}
    full: list[float] = []
    built: list[float] = []
    for name, spec in SCENES.items():
        if name in SKIPPED:
            continue
        quick[name], with_flow, ms = rates(spec, options.clips, options.frames)
        full += with_flow if _moves(spec) else []
        built += ms
        print(
            f"{name:18} labelled {np.median(quick[name]):6.1f}/s, with flow "
            f"{np.median(with_flow):6.1f}/s, street and textures {np.median(ms):6.1f} ms",
            flush=True,
        )
    moving = [rate for name in quick if _moves(SCENES[name]) for rate in quick[name]]
    still = [rate for name in quick if not _moves(SCENES[name]) for rate in quick[name]]
    slowest = min(quick.values(), key=lambda values: float(np.median(values)))
    drawn = sampled(options.clips, 3)
    found = (
        (moving, "frames/s"), (slowest, "frames/s"), (still, "frames/s"), (full, "frames/s"),
        (built, "ms"), (drawn, "frames/s"),
    )  # fmt: skip
    figures = {
        name: found_now(float(np.median(values)), unit=unit, spread=spread(values), command=COMMAND)
        for name, (values, unit) in zip(NAMES, found, strict=True)
    }
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
