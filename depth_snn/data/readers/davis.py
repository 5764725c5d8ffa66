"""DAVIS 2017: clips with numbered objects. They have no classes, so samples have no `label`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from depth_snn.data.readers.folders import (
    dataset_root,
    images_in,
    read_lines,
    subfolders,
    wrong_layout,
)
from depth_snn.data.readers.images import (
    Size,
    check_resize,
    check_same_size,
    fit_label,
    read_numbers,
    read_rgb,
)
from depth_snn.data.readers.reader import Reader
from depth_snn.data.readers.sample import Entry, ObjectSample
from depth_snn.data.scene.arrays import U8
from depth_snn.errors import InputError

FPS = 24.0


def open_davis(
    root: str | Path,
    *,
    split: str = "all",
    size: Size | None = None,
    resolution: str = "480p",
) -> Reader[ObjectSample]:
    """Opens DAVIS 2017.

    Args:
        root: Folder that holds `JPEGImages`, `Annotations` and `ImageSets`.
        split: A list in `ImageSets/2017` ("train", "val", "test-dev"), or "all" for every clip.
        size: Height and width to bring frames to; None keeps theirs.
        resolution: Folder under `JPEGImages` and `Annotations`: "480p" or "Full-Resolution".

    Returns:
        The reader, one sequence for each clip. The truth is `objects`, not `label`.

    Raises:
        InputError: If the folder is missing or holds something else.
    """
    check_resize(size)
    base = dataset_root(root, "DAVIS 2017: JPEGImages/, Annotations/ and ImageSets/")
    images = base / "JPEGImages" / resolution
    if not images.is_dir():
        raise wrong_layout(
            base, f"JPEGImages/{resolution}/", "give the folder that holds JPEGImages"
        )
    entries: list[Entry] = []
    for clip in _clips(base, images, split):
        found = _clip_entries(images / clip, base / "Annotations" / resolution / clip)
        if not found:
            raise wrong_layout(images, f"{clip}/%05d.jpg", "unpack that clip, or shorten the list")
        entries += found
    load = partial(_load, size=size)
    return Reader(f"DAVIS in {base}", split, (), FPS, tuple(entries), load)


def _clips(base: Path, images: Path, split: str) -> list[str]:
    if split != "all":
        return read_lines(_list_file(base, split))
    clips = [folder.name for folder in subfolders(images)]
    if not clips:
        raise wrong_layout(images, "a folder for each clip", "unpack the images there")
    return clips


def _list_file(base: Path, split: str) -> Path:
    path = base / "ImageSets" / "2017" / f"{split}.txt"
    if not path.is_file():
        raise InputError(f'{path}: no such list; add it, or use split "all" for every clip')
    return path


def _clip_entries(images: Path, masks: Path) -> list[Entry]:
    entries = []
    for index, path in enumerate(images_in(images)):
        mask = masks / f"{path.stem}.png"
        name = f"{images.name}/{path.stem}"
        entries.append(Entry(name, images.name, index, path, mask if mask.is_file() else None))
    return entries


def _load(entry: Entry, *, size: Size | None) -> ObjectSample:
    objects = None
    if entry.label is not None:
        check_same_size(entry.rgb, entry.label)
        objects = fit_label(_objects(entry.label), size)
    rgb = read_rgb(entry.rgb, size)
    return ObjectSample(entry.name, rgb, None, entry.sequence, entry.index, objects)


def _objects(path: Path) -> U8:
    numbers, palette = read_numbers(path)
    # DAVIS 2016 had one object, written as white on black without a palette.
    if not palette and set(np.unique(numbers)) <= {0, 255}:
        return (numbers > 0).astype(np.uint8)
    return numbers
