"""Class names of the datasets, and the tables between them.

A table is uint8 (256,): new = table[old]. Everything unnamed in it becomes 255 = ignore.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from depth_snn.data.classes import CLASS_NAMES, IGNORE
from depth_snn.data.scene.arrays import U8

STREET_CLASSES: tuple[str, ...] = CLASS_NAMES
"""The project's own eight."""

CAMVID_CLASSES: tuple[str, ...] = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)
"""The usual eleven of CamVid; 11 in its files is void."""

CITYSCAPES_CLASSES: tuple[str, ...] = (
    "road",
    "sidewalk",
    "building",
    "wall",
    "fence",
    "pole",
    "traffic light",
    "traffic sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "train",
    "motorcycle",
    "bicycle",
)
"""Cityscapes' nineteen evaluated classes, in the order of their trainIds."""

_STREET_OF_CAMVID = {
    "sky": "sky",
    "building": "building",
    "pole": "pole/sign",
    "road": "road",
    "pavement": "sidewalk",
    "tree": "vegetation",
    "sign": "pole/sign",
    "fence": "building",
    "car": "vehicle",
    "pedestrian": "pedestrian",
    # Rider and bicycle are one label in CamVid. The rider fills most of it, and a person on the
    # road is what must not be missed.
    "bicyclist": "pedestrian",
}
_CAMVID_OF_STREET = {
    "sky": "sky",
    "building": "building",
    "road": "road",
    "sidewalk": "pavement",
    "vegetation": "tree",
    "vehicle": "car",
    "pedestrian": "pedestrian",
    "pole/sign": "pole",
}
_STREET_OF_CITYSCAPES = {
    "road": "road",
    "sidewalk": "sidewalk",
    "building": "building",
    "wall": "building",
    "fence": "building",
    "pole": "pole/sign",
    "traffic light": "pole/sign",
    "traffic sign": "pole/sign",
    "vegetation": "vegetation",
    "terrain": "vegetation",
    "sky": "sky",
    "person": "pedestrian",
    "rider": "pedestrian",
    "car": "vehicle",
    "truck": "vehicle",
    "bus": "vehicle",
    "train": "vehicle",
    "motorcycle": "vehicle",
    "bicycle": "vehicle",
}


def table_of(numbers: Mapping[int, int]) -> U8:
    """A read-only lookup table; what `numbers` does not name becomes 255."""
    table = np.full(256, IGNORE, np.uint8)
    for old, new in numbers.items():
        table[old] = new
    table.setflags(write=False)
    return table


def _by_name(old: Sequence[str], new: Sequence[str], names: Mapping[str, str]) -> U8:
    return table_of({i: new.index(names[name]) for i, name in enumerate(old)})


CAMVID_TO_STREET: U8 = _by_name(CAMVID_CLASSES, STREET_CLASSES, _STREET_OF_CAMVID)
"""Eleven to eight: fence joins building, sign joins pole, a bicyclist is a pedestrian."""

STREET_TO_CAMVID: U8 = _by_name(STREET_CLASSES, CAMVID_CLASSES, _CAMVID_OF_STREET)
"""Eight to eleven, never sign, fence or bicyclist; back again it is the identity."""

CITYSCAPES_TO_STREET: U8 = _by_name(CITYSCAPES_CLASSES, STREET_CLASSES, _STREET_OF_CITYSCAPES)
"""Nineteen trainIds to eight."""
