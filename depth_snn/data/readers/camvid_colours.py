"""The original CamVid release's label colours: 32 classes, and the usual eleven of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_snn.data.classes import IGNORE
from depth_snn.data.readers.classmaps import CAMVID_CLASSES
from depth_snn.data.scene.arrays import U8
from depth_snn.errors import InputError

Colour = tuple[int, int, int]

CAMVID_COLOURS: dict[str, Colour] = {
    "Animal": (64, 128, 64),
    "Archway": (192, 0, 128),
    "Bicyclist": (0, 128, 192),
    "Bridge": (0, 128, 64),
    "Building": (128, 0, 0),
    "Car": (64, 0, 128),
    "CartLuggagePram": (64, 0, 192),
    "Child": (192, 128, 64),
    "Column_Pole": (192, 192, 128),
    "Fence": (64, 64, 128),
    "LaneMkgsDriv": (128, 0, 192),
    "LaneMkgsNonDriv": (192, 0, 64),
    "Misc_Text": (128, 128, 64),
    "MotorcycleScooter": (192, 0, 192),
    "OtherMoving": (128, 64, 64),
    "ParkingBlock": (64, 192, 128),
    "Pedestrian": (64, 64, 0),
    "Road": (128, 64, 128),
    "RoadShoulder": (128, 128, 192),
    "Sidewalk": (0, 0, 192),
    "SignSymbol": (192, 128, 128),
    "Sky": (128, 128, 128),
    "SUVPickupTruck": (64, 128, 192),
    "TrafficCone": (0, 0, 64),
    "TrafficLight": (0, 64, 64),
    "Train": (192, 64, 128),
    "Tree": (128, 128, 0),
    "Truck_Bus": (192, 128, 192),
    "Tunnel": (64, 0, 64),
    "VegetationMisc": (192, 192, 0),
    "Void": (0, 0, 0),
    "Wall": (64, 192, 0),
}
"""RGB of each of the 32 classes, as in the release's label_colors.txt."""

CAMVID_GROUPS: dict[str, tuple[str, ...]] = {
    "sky": ("Sky",),
    "building": ("Archway", "Bridge", "Building", "Tunnel", "Wall"),
    "pole": ("Column_Pole", "TrafficCone"),
    "road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "tree": ("Tree", "VegetationMisc"),
    "sign": ("SignSymbol", "Misc_Text", "TrafficLight"),
    "fence": ("Fence",),
    "car": ("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"),
    "pedestrian": ("Pedestrian", "Child", "CartLuggagePram", "Animal"),
    "bicyclist": ("Bicyclist", "MotorcycleScooter"),
}
"""The usual eleven, by their parts; Void belongs to none and is ignored."""


def _packed(colour: Colour) -> int:
    return (colour[0] << 16) | (colour[1] << 8) | colour[2]


_NUMBER = {
    _packed(CAMVID_COLOURS[part]): CAMVID_CLASSES.index(group)
    for group, parts in CAMVID_GROUPS.items()
    for part in parts
} | {_packed(CAMVID_COLOURS["Void"]): IGNORE}


def numbers_of_colours(colours: U8, path: Path) -> U8:
    """Turns a colour label picture into class numbers.

    Args:
        colours: uint8 (H, W, 3), red first.
        path: Where it comes from, for the message.

    Returns:
        uint8 (H, W), 0 to 10 or 255.

    Raises:
        InputError: If a colour is none of the 32.
    """
    wide = colours.astype(np.int64)
    packed = (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]
    seen, where = np.unique(packed, return_inverse=True)
    unknown = [int(code) for code in seen if int(code) not in _NUMBER]
    if unknown:
        code = unknown[0]
        colour = (code >> 16, (code >> 8) & 255, code & 255)
        raise InputError(
            f"{path}: colour {colour} is none of CamVid's 32 label colours "
            f"({len(unknown)} unknown in all); use the release's own _L.png, not a JPEG or resized"
        )
    numbers = np.array([_NUMBER[int(code)] for code in seen], np.uint8)
    return np.asarray(numbers[where.reshape(packed.shape)], np.uint8)
