"""A clip of a dataset by one word, such as `camvid:PATH` or `davis:PATH#val/tennis`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from depth_snn.data.readers.camvid import open_camvid
from depth_snn.data.readers.carla import open_carla
from depth_snn.data.readers.cityscapes import open_cityscapes
from depth_snn.data.readers.davis import open_davis
from depth_snn.data.readers.images import Size
from depth_snn.data.readers.reader import Reader
from depth_snn.data.readers.sample import Sample
from depth_snn.data.scene.arrays import U8
from depth_snn.data.scene.frame import BurstEvent
from depth_snn.errors import InputError

KINDS: tuple[str, ...] = ("camvid", "cityscapes", "davis", "carla", "collage")
"""What may stand before the colon."""

_COLLAGE_FRAMES = 60
_COLLAGE_FPS = 15.0


@dataclass(frozen=True)
class DatasetClip:
    """One clip: frames with labels of the project's eight classes where the dataset has them.

    Attributes:
        fps: Frames per second, or None when unknown.
        events: Sudden events known in advance (collages only).
        stream: Starts the frames over: pairs of rgb (H, W, 3) and label (H, W) or None.
    """

    fps: float | None
    events: tuple[BurstEvent, ...]
    stream: Callable[[], Iterator[tuple[U8, U8 | None]]]


def is_dataset(spec: str) -> bool:
    """Whether a source's name is that of a dataset's clip."""
    return spec.partition(":")[0] in KINDS and ":" in spec


def open_clip(spec: str, size: Size, limit: int | None, seed: int) -> DatasetClip:
    """Opens one sequence of a dataset.

    Args:
        spec: `KIND:PATH`, with `#SPLIT` or `#SPLIT/SEQUENCE` behind it if wanted. Without, it is
            the first sequence of "val" (CamVid, Cityscapes), of "all" (DAVIS, CARLA), or a
            collage of CamVid's "train".
        size: Height and width of the frames.
        limit: Most frames; None for all (a collage then has 60).
        seed: Chooses a collage's background and objects.

    Raises:
        InputError: If the kind is unknown, or the folder does not hold what it should.
    """
    kind, _, rest = spec.partition(":")
    path, _, part = rest.partition("#")
    split, _, sequence = part.partition("/")
    if not path:
        raise InputError(f"{spec}: give the dataset's folder, {kind}:PATH")
    if kind == "collage":
        return _collage(path, split or "train", size, limit, seed)
    reader: Reader[Sample] = _reader(kind, path, split, size)
    chosen = reader.sequence(sequence or reader.sequences[0])
    chosen = replace(chosen, entries=chosen.entries[:limit])

    def stream() -> Iterator[tuple[U8, U8 | None]]:
        for sample in chosen:
            yield sample.rgb, sample.label

    return DatasetClip(chosen.fps, (), stream)


def _reader(kind: str, path: str, split: str, size: Size) -> Reader[Sample]:
    root = Path(path)
    if kind == "camvid":
        return open_camvid(root, split=split or "val", size=size, to_street=True)
    if kind == "cityscapes":
        return open_cityscapes(root, split=split or "val", size=size, to_street=True)
    if kind == "davis":
        return open_davis(root, split=split or "all", size=size)  # type: ignore[return-value]
    if kind == "carla":
        return open_carla(root, size=size, to_street=True)  # type: ignore[return-value]
    raise InputError(f"{kind}:{path}: unknown dataset; use one of {', '.join(KINDS)}")


def _collage(path: str, split: str, size: Size, limit: int | None, seed: int) -> DatasetClip:
    # Imported here: the collage is made of readers, so it comes after them.
    from depth_snn.data.collage import random_collage

    reader = open_camvid(path, split=split, to_street=True)
    frames = limit or _COLLAGE_FRAMES
    clip = random_collage(reader, seed, height=size[0], width=size[1], frames=frames)

    def stream() -> Iterator[tuple[U8, U8 | None]]:
        for index in range(len(clip)):
            made = clip.labelled(index)
            yield made.rgb, made.label

    return DatasetClip(_COLLAGE_FPS, clip.events, stream)
