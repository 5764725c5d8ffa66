"""CARLA's two tables of semantic tags, brought to Cityscapes trainIds and the project's classes.

Source: CARLA's documentation of the semantic segmentation camera, for 0.9.13 and for 0.9.14 on.
"""

from __future__ import annotations

import re

from depth_snn.data.readers.classmaps import CITYSCAPES_CLASSES, CITYSCAPES_TO_STREET, table_of
from depth_snn.data.scene.arrays import U8
from depth_snn.errors import InputError

FIRST_WITH_NEW_TAGS = (0, 9, 14)

OLD_TAGS: tuple[str, ...] = (
    "Unlabeled",
    "Building",
    "Fence",
    "Other",
    "Pedestrian",
    "Pole",
    "RoadLine",
    "Road",
    "SideWalk",
    "Vegetation",
    "Vehicles",
    "Wall",
    "TrafficSign",
    "Sky",
    "Ground",
    "Bridge",
    "RailTrack",
    "GuardRail",
    "TrafficLight",
    "Static",
    "Dynamic",
    "Water",
    "Terrain",
)
"""Tag names up to 0.9.13; releases before 0.9.10 know the first thirteen only."""

NEW_TAGS: tuple[str, ...] = (
    "Unlabeled",
    "Roads",
    "SideWalks",
    "Building",
    "Wall",
    "Fence",
    "Pole",
    "TrafficLight",
    "TrafficSign",
    "Vegetation",
    "Terrain",
    "Sky",
    "Pedestrian",
    "Rider",
    "Car",
    "Truck",
    "Bus",
    "Train",
    "Motorcycle",
    "Bicycle",
    "Static",
    "Dynamic",
    "Other",
    "Water",
    "RoadLine",
    "Ground",
    "Bridge",
    "RailTrack",
    "GuardRail",
)
"""Tag names from 0.9.14; 1 to 19 are Cityscapes' trainIds plus one."""

# Tags without a class of Cityscapes' nineteen are ignored, as its own table does with ground,
# bridge, rail track, guard rail, static and dynamic.
_CLASS_OF_TAG = {
    "Building": "building",
    "Fence": "fence",
    "Pedestrian": "person",
    "Pole": "pole",
    "RoadLine": "road",
    "Road": "road",
    "Roads": "road",
    "SideWalk": "sidewalk",
    "SideWalks": "sidewalk",
    "Vegetation": "vegetation",
    # The old table has one tag for everything that drives, two-wheelers among it.
    "Vehicles": "car",
    "Wall": "wall",
    "TrafficSign": "traffic sign",
    "Sky": "sky",
    "TrafficLight": "traffic light",
    "Terrain": "terrain",
    "Rider": "rider",
    "Car": "car",
    "Truck": "truck",
    "Bus": "bus",
    "Train": "train",
    "Motorcycle": "motorcycle",
    "Bicycle": "bicycle",
}


def _table(tags: tuple[str, ...]) -> U8:
    known = [
        (number, _CLASS_OF_TAG[tag]) for number, tag in enumerate(tags) if tag in _CLASS_OF_TAG
    ]
    return table_of({number: CITYSCAPES_CLASSES.index(name) for number, name in known})


OLD_TO_TRAIN: U8 = _table(OLD_TAGS)
NEW_TO_TRAIN: U8 = _table(NEW_TAGS)


def parse_carla_version(version: str) -> tuple[int, int, int]:
    """The numbers of a CARLA release, such as "0.9.15".

    Raises:
        InputError: If it is not three numbers.
    """
    match = re.match(r"^(\d+)\.(\d+)\.(\d+)(?:\D.*)?$", version)
    if match is None:
        raise InputError(f'CARLA version {version!r}: expected three numbers such as "0.9.15"')
    return int(match[1]), int(match[2]), int(match[3])


def tags_of_version(version: str) -> tuple[str, ...]:
    """Tag names by number in a CARLA release."""
    return NEW_TAGS if parse_carla_version(version) >= FIRST_WITH_NEW_TAGS else OLD_TAGS


def tag_table(version: str, *, to_street: bool = False) -> U8:
    """Lookup table from tags to classes, uint8 (256,), 255 = ignore.

    Args:
        version: The CARLA release that wrote the tags.
        to_street: Whether to the project's eight classes instead of Cityscapes' trainIds.

    Raises:
        InputError: If the version is not three numbers.
    """
    new = parse_carla_version(version) >= FIRST_WITH_NEW_TAGS
    table = NEW_TO_TRAIN if new else OLD_TO_TRAIN
    return CITYSCAPES_TO_STREET[table] if to_street else table
