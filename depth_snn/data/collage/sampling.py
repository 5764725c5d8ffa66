"""Choosing a background, a camera and objects by a seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from depth_snn.data.collage.clip import CollageClip
from depth_snn.data.collage.course import CAMERAS, View, make_course, view_of
from depth_snn.data.collage.cutout import Cutout
from depth_snn.data.collage.nearness import Rows, foot_rows
from depth_snn.data.collage.paste import Paste
from depth_snn.data.collage.placing import donors, ground_of, place
from depth_snn.data.readers.images import MAX_PIXELS, Size
from depth_snn.data.readers.reader import Reader, SampleT
from depth_snn.data.scene.arrays import Bool
from depth_snn.errors import InputError

_DONOR_FRAMES = 60  # frames looked through for whole objects
_BACKGROUNDS = 8  # pictures tried until one has room for an object
_QUIET_FRAMES = 6  # before the first object appears
_SMALLEST_SIDE = 16


def random_collage(
    reader: Reader[SampleT],
    seed: int,
    *,
    height: int = 128,
    width: int = 256,
    frames: int = 60,
    camera: str | None = None,
    objects: int = 2,
    noise: float = 2.0,
) -> CollageClip:
    """Makes a clip from a reader's labelled frames; the seed and the arguments decide all of it.

    Args:
        reader: Labelled frames at their own size; CamVid's train split is meant.
        seed: Chooses background, camera, objects, places and noise.
        height: Rows.
        width: Columns.
        frames: Length.
        camera: "standing", "pan", "zoom", or None for any.
        objects: How many objects appear at most, one after the other; a short or crowded clip has
            fewer, but one at least if it is longer than six frames.
        noise: Standard deviation of the sensor noise, in grey levels.

    Raises:
        InputError: If an argument is out of range, or the frames hold no whole object.
    """
    _check_arguments(seed, height, width, frames, camera, objects, noise)
    if len(reader) < 2:
        raise InputError(f"{reader.name}: a collage needs two labelled frames or more")
    room = min(objects, max(frames - _QUIET_FRAMES, 0))
    for attempt in range(_BACKGROUNDS):
        rng = np.random.default_rng([seed, 19, attempt])
        clip = _one_clip(reader, rng, (height, width), frames, camera, room, seed, noise)
        # Some pictures have no ground in the crop, or only where no object would be whole.
        if clip.events or not room:
            return clip
    raise InputError(
        f"{reader.name}: no whole object to cut out fits; use more frames, a larger size or "
        "objects=0"
    )


def _one_clip(
    reader: Reader[SampleT],
    rng: np.random.Generator,
    size: Size,
    frames: int,
    camera: str | None,
    objects: int,
    seed: int,
    noise: float,
) -> CollageClip:
    taken = int(rng.integers(len(reader)))
    background = reader[taken]
    if background.label is None:
        raise InputError(
            f"{reader.name}: {background.name} has no label; narrow the reader with labelled()"
        )
    chosen = camera or CAMERAS[int(rng.integers(len(CAMERAS)))]
    source = (background.rgb.shape[0], background.rgb.shape[1])
    poses = make_course(rng, chosen, source, size, frames)
    views = tuple(view_of(pose, source) for pose in poses)
    ground = ground_of(background.label, reader.classes)
    feet = foot_rows(background.label, reader.classes)
    light = float(background.rgb.mean())
    supply = (cutout.lit(light) for cutout in donors(reader, rng, taken, _DONOR_FRAMES))
    pastes = _appearing(rng, supply, ground, feet, views, size, objects)
    pastes.sort(key=lambda paste: paste.foot(paste.first))
    return CollageClip(background, feet, tuple(pastes), poses, size, seed=seed, noise=noise)


def _appearing(
    rng: np.random.Generator,
    supply: Iterator[Cutout],
    ground: Bool,
    feet: Rows,
    views: tuple[View, ...],
    size: Size,
    objects: int,
) -> list[Paste]:
    frames = len(views)
    gap = (frames - _QUIET_FRAMES) / max(objects, 1)
    pastes: list[Paste] = []
    while len(pastes) < objects:
        cutout = next(supply, None)
        if cutout is None:
            break
        jitter = float(rng.uniform(0.0, 0.4))
        first = min(_QUIET_FRAMES + int((len(pastes) + jitter) * gap), frames - 1)
        placed = place(rng, cutout, ground, feet, first, frames, views, size)
        if placed is not None:
            pastes.append(placed)
    return pastes


def _check_arguments(
    seed: int,
    height: int,
    width: int,
    frames: int,
    camera: str | None,
    objects: int,
    noise: float,
) -> None:
    if seed < 0:
        raise InputError(f"collage seed {seed}: use 0 or more")
    if min(height, width) < _SMALLEST_SIDE or height * width > MAX_PIXELS:
        raise InputError(f"collage of {height}x{width}: use {_SMALLEST_SIDE} pixels a side or more")
    if camera is not None and camera not in CAMERAS:
        raise InputError(f"collage camera {camera!r}: use one of {', '.join(CAMERAS)}")
    if frames < 1 or objects < 0:
        raise InputError(
            f"collage of {frames} frames with {objects} objects: use 1 frame or more, no objects "
            "or more"
        )
    if not 0 <= noise <= 64:
        raise InputError(f"collage noise {noise}: use 0 to 64 grey levels")
