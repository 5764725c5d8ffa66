"""Cityscapes: 30-frame snippets of which one frame is labelled."""

from __future__ import annotations

import re
from functools import partial
from itertools import groupby
from pathlib import Path

from depth_snn.data.readers.cityscapes_table import train_id_table
from depth_snn.data.readers.classmaps import (
    CITYSCAPES_CLASSES,
    CITYSCAPES_TO_STREET,
    STREET_CLASSES,
)
from depth_snn.data.readers.folders import dataset_root, images_in, subfolders, wrong_layout
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

SNIPPET_FRAMES = 30
LABELLED_FRAME = 19
"""Place of the labelled frame in its snippet, from 0: the twentieth."""
FPS = 17.0

_IMAGES = ("leftImg8bit_sequence", "leftImg8bit")
_NAME = re.compile(r"^(?P<city>.+)_(?P<seq>\d{6})_(?P<frame>\d{6})_leftImg8bit$")
_WHAT = "Cityscapes: leftImg8bit_sequence/ (or leftImg8bit/) and gtFine/"


def open_cityscapes(
    root: str | Path,
    *,
    split: str = "val",
    size: Size | None = None,
    to_street: bool = False,
    table: str = "auto",
) -> Reader[Sample]:
    """Opens one split of Cityscapes.

    Args:
        root: Folder that holds `leftImg8bit_sequence` (or only `leftImg8bit`) and `gtFine`.
        split: "train", "val" or "test".
        size: Height and width to bring frames to; None keeps theirs.
        to_street: Whether labels become the project's eight classes instead of trainIds.
        table: Where trainIds come from, see `train_id_table`.

    Returns:
        The reader. A snippet is a sequence; frames without a `labelIds` file have label None, and
        `labelled()` narrows to the others.

    Raises:
        InputError: If the folder is missing or holds something else.
    """
    check_resize(size)
    base = dataset_root(root, _WHAT)
    images = next((base / name for name in _IMAGES if (base / name / split).is_dir()), None)
    if images is None:
        raise wrong_layout(
            base,
            f"{_IMAGES[0]}/{split}/ or {_IMAGES[1]}/{split}/",
            "give the folder that holds them, or another split",
        )
    entries = _entries(images / split, base / "gtFine" / split)
    numbers = train_id_table(table)
    if to_street:
        numbers = CITYSCAPES_TO_STREET[numbers]
    classes = STREET_CLASSES if to_street else CITYSCAPES_CLASSES
    fps = FPS if images.name == _IMAGES[0] else None
    load = partial(_load, numbers=numbers, size=size)
    return Reader(f"Cityscapes in {base}", split, classes, fps, entries, load)


def _entries(images: Path, labels: Path) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for city in subfolders(images):
        for snippet in _snippets(images_in(city)):
            sequence = snippet[0].stem.removesuffix("_leftImg8bit")
            for index, path in enumerate(snippet):
                name = path.stem.removesuffix("_leftImg8bit")
                label = labels / city.name / f"{name}_gtFine_labelIds.png"
                told = label if label.is_file() else None
                entries.append(Entry(name, sequence, index, path, told))
    if not entries:
        raise wrong_layout(
            images, "<city>/<city>_<seq:06>_<frame:06>_leftImg8bit.png", "unpack the images there"
        )
    return tuple(entries)


def _snippets(paths: list[Path]) -> list[list[Path]]:
    """Runs of consecutive frames of one drive, at most 30 long.

    The drive's number alone does not name a snippet: in some cities all snippets share one.
    """
    found: list[list[Path]] = []
    for _, drive in groupby(paths, key=lambda p: _place(p)[0]):
        last = -2
        for path in drive:
            frame = _place(path)[1]
            if frame != last + 1 or len(found[-1]) == SNIPPET_FRAMES:
                found.append([])
            found[-1].append(path)
            last = frame
    return found


def _place(path: Path) -> tuple[str, int]:
    match = _NAME.match(path.stem)
    if match is None:
        raise InputError(
            f"{path}: unknown name; expected <city>_<seq:06>_<frame:06>_leftImg8bit.png"
        )
    return f"{match['city']}_{match['seq']}", int(match["frame"])


def _load(entry: Entry, *, numbers: U8, size: Size | None) -> Sample:
    label = None
    if entry.label is not None:
        check_same_size(entry.rgb, entry.label)
        label = fit_label(numbers[read_numbers(entry.label)[0]], size)
    return Sample(entry.name, read_rgb(entry.rgb, size), label, entry.sequence, entry.index)
