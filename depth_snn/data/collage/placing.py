"""Choosing what appears where: on the ground, in the size its distance asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from depth_snn.data.collage.course import View
from depth_snn.data.collage.cutout import Cutout, find_cutouts
from depth_snn.data.collage.nearness import Rows
from depth_snn.data.collage.paste import Paste
from depth_snn.data.readers.images import Size
from depth_snn.data.readers.reader import Reader, SampleT
from depth_snn.data.scene.arrays import U8, Bool

GROUND: frozenset[str] = frozenset({"road", "pavement", "sidewalk"})
"""Classes that objects may stand on."""

_HORIZON = 0.42  # row at which CamVid's cameras see the horizon, as a share of the height
_ZOOMS = (0.6, 1.6)
_TRIES = 60
_SMALLEST_PX = 10
_HIDDEN = 0.2  # share of its box that nearer things may cover when it appears
_TALLEST = 0.8  # share of the picture's height
_LIFE = (14, 30)  # frames until it has left, where the clip is long enough
# Source pixels per frame at 480 columns: least and most.
_PACE = {"pedestrian": (1.5, 6.0), "person": (1.5, 6.0), "bicyclist": (2.0, 8.0)}
_OTHER_PACE = (3.0, 14.0)


def donors(
    reader: Reader[SampleT], rng: np.random.Generator, taken: int, most: int
) -> Iterator[Cutout]:
    """Yields objects of other frames than the background, in a random order.

    Args:
        reader: Where frames come from.
        rng: Where chance comes from.
        taken: Index of the background.
        most: How many frames to look through.
    """
    order = [int(i) for i in rng.permutation(len(reader)) if i != taken]
    for index in order[:most]:
        found = find_cutouts(reader[index], reader.classes)
        # One of each kind: cars are many, and would push out the others.
        for kind in rng.permutation(sorted({cutout.kind for cutout in found})):
            own = [cutout for cutout in found if cutout.kind == kind]
            cutout = own[int(rng.integers(len(own)))]
            yield cutout.flipped() if rng.random() < 0.5 else cutout


def ground_of(label: U8, classes: Sequence[str]) -> Bool:
    """Where objects may stand."""
    numbers = [number for number, name in enumerate(classes) if name in GROUND]
    return np.isin(label, numbers)


def place(
    rng: np.random.Generator,
    cutout: Cutout,
    ground: Bool,
    feet: Rows,
    first: int,
    frames: int,
    views: Sequence[View],
    size: Size,
) -> Paste | None:
    """Puts an object on the ground inside the crop, mostly seen when it appears.

    Args:
        rng: Where chance comes from.
        cutout: The object.
        ground: bool of the source picture, where it may stand.
        feet: int32 of the source picture, lowest row of the thing at each pixel.
        first: Frame in which it appears.
        frames: Length of the clip.
        views: The crop of each frame.
        size: Height and width of the clip.

    Returns:
        The placed object, or None if no place was found.
    """
    view = views[first]
    height, width = ground.shape
    # Seen from one height, sizes on level ground grow evenly with the rows below the horizon.
    growth = (np.arange(height) / height - _HORIZON) / max(cutout.foot - _HORIZON, 1e-3)
    rows, columns = np.nonzero(_in_crop(ground, view, size))
    fitting = (growth[rows] >= _ZOOMS[0]) & (growth[rows] <= _ZOOMS[1])
    rows, columns = rows[fitting], columns[fitting]
    if rows.size == 0:
        return None
    for _ in range(_TRIES):
        pick = int(rng.integers(rows.size))
        foot, middle = float(rows[pick]), float(columns[pick])
        grown = float(growth[rows[pick]])
        tall, wide = (grown * side for side in cutout.mask.shape)
        left, top = middle - wide / 2, foot - tall
        if not _fits(left, top, wide, tall, view, size):
            continue
        behind = feet[int(top) : int(foot) + 1, int(left) : int(left + wide) + 1] > foot
        if behind.mean() > _HIDDEN:
            continue
        pace, last = _way(rng, cutout.kind, left, wide, first, frames, view, (size, width))
        return Paste(cutout, first, last, left, top, grown, (pace, 0.0))
    return None


def _in_crop(ground: Bool, view: View, size: Size) -> Bool:
    seen = np.zeros_like(ground)
    bottom = int(view.y + view.scale * (size[0] - 1))
    right = int(view.x + view.scale * (size[1] - 1))
    box = slice(max(int(view.y), 0), bottom + 1), slice(max(int(view.x), 0), right + 1)
    seen[box] = ground[box]
    return seen


def _fits(left: float, top: float, wide: float, tall: float, view: View, size: Size) -> bool:
    tall_px = tall / view.scale
    right = view.x + view.scale * (size[1] - 1)
    bottom = view.y + view.scale * (size[0] - 1)
    inside = left > view.x and top > view.y and left + wide < right and top + tall < bottom
    return inside and _SMALLEST_PX <= tall_px <= _TALLEST * size[0]


def _way(
    rng: np.random.Generator,
    kind: str,
    left: float,
    wide: float,
    first: int,
    frames: int,
    view: View,
    sizes: tuple[Size, int],
) -> tuple[float, int]:
    """Pace to the left or right, and the last frame at which it must be gone."""
    size, source_width = sizes
    to_right = bool(rng.random() < 0.5)
    edge = view.x + view.scale * (size[1] - 1)
    distance = edge - left if to_right else left + wide - view.x
    life = int(rng.integers(*_LIFE))
    least, most = _PACE.get(kind, _OTHER_PACE)
    unit = source_width / 480
    pace = min(max(distance / life, least * unit), most * unit)
    # Slow ones would not be out in time: they vanish as suddenly as they came.
    last = min(frames - 1, first + max(life, _LIFE[1]) - 1)
    return (pace if to_right else -pace), last
