"""CamVid: eleven classes and void, in the SegNet layout or with the original colour labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from depth_snn.data.classes import IGNORE
from depth_snn.data.readers.camvid_colours import numbers_of_colours
from depth_snn.data.readers.classmaps import (
    CAMVID_CLASSES,
    CAMVID_TO_STREET,
    STREET_CLASSES,
)
from depth_snn.data.readers.folders import (
    IMAGE_SUFFIXES,
    dataset_root,
    images_in,
    read_lines,
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
from depth_snn.data.readers.sample import Entry, Sample
from depth_snn.data.scene.arrays import U8
from depth_snn.errors import InputError

FILM_FPS = 30.0
"""Frame numbers count frames of a 30 Hz film."""
_ORIGINAL = ("701_StillsRaw_full", "LabeledApproved_full")
_NAME = re.compile(r"^(?P<drive>.+?)_f?(?P<frame>\d+)$")
_VOID = len(CAMVID_CLASSES)


def open_camvid(
    root: str | Path,
    *,
    split: str = "train",
    size: Size | None = None,
    to_street: bool = False,
) -> Reader[Sample]:
    """Opens one split of CamVid.

    Args:
        root: Folder that holds `train/` and `trainannot/` (SegNet layout, lists optional), or
            `train/` and `train_labels/` or `701_StillsRaw_full/` and `LabeledApproved_full/`
            (original colours, `_L.png`).
        split: "train", "val" or "test"; "all" for the whole original release.
        size: Height and width to bring frames to; None keeps theirs.
        to_street: Whether labels become the project's eight classes instead of CamVid's eleven.

    Returns:
        The reader. Frames of one drive at a steady pace are a sequence; "val" is one sequence of
        101 frames at 15 Hz.

    Raises:
        InputError: If the folder is missing or holds something else.
    """
    check_resize(size)
    base = dataset_root(root, "CamVid: train/ and trainannot/, or images and _L.png labels")
    images, labels, colours = _folders(base, split)
    pairs = _pairs(images, labels, colours, _listed(base, split, images))
    entries, fps = _sequences(pairs)
    table = CAMVID_TO_STREET if to_street else None
    load = partial(_load, colours=colours, table=table, size=size)
    classes = STREET_CLASSES if to_street else CAMVID_CLASSES
    return Reader(f"CamVid in {base}", split, classes, fps, entries, load)


def _folders(base: Path, split: str) -> tuple[Path, Path, bool]:
    """Folders of pictures and of labels, and whether the labels are colours."""
    tried = (
        (base / split, base / f"{split}annot", False),
        (base / split, base / f"{split}_labels", True),
        (base / _ORIGINAL[0], base / _ORIGINAL[1], True),
    )
    for images, labels, colours in tried:
        if images.is_dir() and labels.is_dir():
            return images, labels, colours
    looked_for = " or ".join(f"{a.name}/ and {b.name}/" for a, b, _ in tried)
    raise wrong_layout(base, looked_for, "give the folder that holds them, or another split")


def _listed(base: Path, split: str, images: Path) -> list[str] | None:
    """Names that the split's list names, or None for every picture of the folder."""
    path = base / f"{split}.txt"
    whole_release = images.name == _ORIGINAL[0]
    if path.is_file():
        # Lists say "/SegNet/CamVid/train/NAME.png /SegNet/CamVid/trainannot/NAME.png": only the
        # names hold on another machine.
        return [PurePosixPath(line.split()[0]).stem for line in read_lines(path)]
    if whole_release and split != "all":
        raise InputError(
            f"{path}: no such list, and the original release is not split; "
            f'add a list of the frame names, or use split "all"'
        )
    return None


def _pairs(
    images: Path, labels: Path, colours: bool, listed: list[str] | None
) -> list[tuple[Path, Path]]:
    pictures = {path.stem: path for path in images_in(images)}
    if not pictures:
        raise wrong_layout(images, f"{' or '.join(IMAGE_SUFFIXES)} files", "unpack them there")
    names: Iterable[str] = pictures if listed is None else listed
    pairs = []
    for name in names:
        label = labels / f"{name}{'_L' if colours else ''}.png"
        if name not in pictures:
            raise InputError(f"{images}: holds no picture {name}, which the list names")
        if not label.is_file():
            raise InputError(
                f"{label}: no such label for {pictures[name].name}; add it or remove the picture"
            )
        pairs.append((pictures[name], label))
    return pairs


def _sequences(pairs: list[tuple[Path, Path]]) -> tuple[tuple[Entry, ...], float | None]:
    """Entries cut into runs of one drive, and the frame rate within a run."""
    places = [_place(picture) for picture, _ in pairs]
    gaps = [b[1] - a[1] for a, b in pairwise(places) if a[0] == b[0] and b[1] > a[1]]
    pace = Counter(gaps).most_common(1)[0][0] if gaps else 0
    entries: list[Entry] = []
    index, sequence, before = 0, "", ("", 0)
    for (picture, label), place in zip(pairs, places, strict=True):
        # A few frames lie one off the even pace; a cut is far longer.
        goes_on = place[0] == before[0] and 0 < place[1] - before[1] <= 2 * pace
        index = index + 1 if goes_on and entries else 0
        sequence = sequence if index else picture.stem
        entries.append(Entry(picture.stem, sequence, index, picture, label))
        before = place
    return tuple(entries), FILM_FPS / pace if pace else None


def _place(picture: Path) -> tuple[str, int]:
    match = _NAME.match(picture.stem)
    return (match["drive"], int(match["frame"])) if match else (picture.stem, 0)


def _load(entry: Entry, *, colours: bool, table: U8 | None, size: Size | None) -> Sample:
    assert entry.label is not None  # _pairs lets no other through
    check_same_size(entry.rgb, entry.label)
    if colours:
        numbers = numbers_of_colours(read_rgb(entry.label), entry.label)
    else:
        numbers = _segnet_numbers(entry.label)
    if table is not None:
        numbers = table[numbers]
    rgb = read_rgb(entry.rgb, size)
    return Sample(entry.name, rgb, fit_label(numbers, size), entry.sequence, entry.index)


def _segnet_numbers(path: Path) -> U8:
    numbers, _ = read_numbers(path)
    unknown = numbers[(numbers > _VOID) & (numbers != IGNORE)]
    if unknown.size:
        raise InputError(
            f"{path}: label {int(unknown[0])} is unknown; SegNet's CamVid has 0 to {_VOID}"
        )
    return np.where(numbers == _VOID, np.uint8(IGNORE), numbers)
