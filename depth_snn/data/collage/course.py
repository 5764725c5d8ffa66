"""The camera over a still picture: standing, panning or zooming.

A crop that shifts and scales is a pinhole camera that never moves or turns: only its principal
point and focal length change. So the truth is told in the same terms as a scene's, with the
source picture's focal length set to its longer side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_snn.data.readers.images import Size
from depth_snn.data.scene.frame import Pose

CAMERAS: tuple[str, ...] = ("standing", "pan", "zoom")

_WIDEST = 0.95  # share of the source that the widest crop takes
_NARROWEST = 0.5
_PAN_SHARES = (0.55, 0.7)
_FASTEST = 3.0  # source pixels per frame, at 480 columns


@dataclass(frozen=True)
class View:
    """A crop as a scale and a shift: source = scale · picture + shift, in pixels.

    Attributes:
        scale: Source pixels per picture pixel.
        x: Source column of the picture's column 0.
        y: Source row of the picture's row 0.
    """

    scale: float
    x: float
    y: float


def view_of(pose: Pose, source: Size) -> View:
    """The crop that a pose shows of a source picture."""
    focal, (middle_x, middle_y) = _lens(source)
    scale = focal / pose.focal
    return View(scale, middle_x - scale * pose.cx, middle_y - scale * pose.cy)


def _lens(source: Size) -> tuple[float, tuple[float, float]]:
    return float(max(source)), ((source[1] - 1) / 2, (source[0] - 1) / 2)


def _pose_of(view: View, source: Size) -> Pose:
    focal, (middle_x, middle_y) = _lens(source)
    return Pose(
        0.0,
        0.0,
        0.0,
        (middle_x - view.x) / view.scale,
        (middle_y - view.y) / view.scale,
        focal / view.scale,
    )


def make_course(
    rng: np.random.Generator, camera: str, source: Size, size: Size, frames: int
) -> tuple[Pose, ...]:
    """The camera of each frame; every crop lies inside the source.

    Args:
        rng: Where chance comes from.
        camera: One of `CAMERAS`.
        source: Height and width of the source picture.
        size: Height and width of the clip.
        frames: Length of the clip.
    """
    # The last sampled centre may lie at most on the last source pixel's centre.
    largest = min((source[0] - 1) / size[0], (source[1] - 1) / size[1])
    if camera == "zoom":
        views = _zoom(rng, largest, source, size, frames)
    elif camera == "pan":
        views = _pan(rng, largest, source, size, frames)
    else:
        scale = largest * float(rng.uniform(0.6, _WIDEST))
        room = _room(scale, source, size)
        still = View(scale, float(rng.uniform(0, room[0])), float(rng.uniform(0.2, 0.8)) * room[1])
        views = [still] * frames
    return tuple(_pose_of(view, source) for view in views)


def _room(scale: float, source: Size, size: Size) -> tuple[float, float]:
    """How far the crop's corner can go to the right and down."""
    return (
        max(0.0, source[1] - 1 - scale * (size[1] - 1)),
        max(0.0, source[0] - 1 - scale * (size[0] - 1)),
    )


def _pan(
    rng: np.random.Generator, largest: float, source: Size, size: Size, frames: int
) -> list[View]:
    scale = largest * float(rng.uniform(*_PAN_SHARES))
    room = _room(scale, source, size)
    travel = min(0.95 * room[0], _FASTEST * source[1] / 480 * max(frames - 1, 1))
    start = float(rng.uniform(0, room[0] - travel))
    y = float(rng.uniform(0.35, 0.65)) * room[1]
    sag = float(rng.uniform(-0.2, 0.2)) * room[1]
    steps = np.linspace(0.0, 1.0, frames) if rng.random() < 0.5 else np.linspace(1.0, 0.0, frames)
    return [View(scale, start + travel * float(s), y + sag * float(s)) for s in steps]


def _zoom(
    rng: np.random.Generator, largest: float, source: Size, size: Size, frames: int
) -> list[View]:
    """Towards a point of the picture, or away from it, at an even rate."""
    scales = np.geomspace(_WIDEST * largest, _NARROWEST * largest, frames)
    if rng.random() < 0.3:
        scales = scales[::-1]
    aim = (float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.4, 0.6)))
    views = []
    for scale in scales:
        room = _room(float(scale), source, size)
        views.append(View(float(scale), aim[0] * room[0], aim[1] * room[1]))
    return views
