"""The eight street classes, their colours, and the label that is never scored."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CLASS_NAMES: tuple[str, ...] = (
    "sky",
    "building",
    "road",
    "sidewalk",
    "vegetation",
    "vehicle",
    "pedestrian",
    "pole/sign",
)
"""Names by class index."""

SKY, BUILDING, ROAD, SIDEWALK, VEGETATION, VEHICLE, PEDESTRIAN, POLE = range(8)

IGNORE: int = 255
"""Label of pixels that no metric counts."""


def _palette() -> npt.NDArray[np.uint8]:
    colours = np.array(
        [
            [120, 170, 220],
            [110, 100, 105],
            [128, 64, 128],
            [244, 150, 200],
            [90, 140, 50],
            [20, 40, 200],
            [230, 30, 60],
            [240, 210, 40],
        ],
        dtype=np.uint8,
    )
    colours.setflags(write=False)
    return colours


PALETTE: npt.NDArray[np.uint8] = _palette()
"""Display colour of each class, RGB, shape (8, 3), read-only."""
