"""What of a labelled picture stands in front of an object set into it.

On level ground the lower something's foot, the nearer it is. That orders a picture's cars, people
and poles against what is pasted, without any depth.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from depth_snn.data.collage.cutout import OBJECT_KINDS
from depth_snn.data.scene.arrays import U8

STANDING: frozenset[str] = frozenset({*OBJECT_KINDS, "pole", "pole/sign"})
"""Classes whose components stand on one place. A fence or wall runs along the street instead."""

Rows = np.ndarray[tuple[int, ...], np.dtype[np.int32]]


def foot_rows(label: U8, classes: Sequence[str]) -> Rows:
    """Lowest row of the thing each pixel belongs to.

    Args:
        label: uint8 (H, W).
        classes: Names of its values.

    Returns:
        int32 (H, W); -1 where nothing stands. A row of touching cars counts as one thing, as near
        as its nearest.
    """
    feet = np.full(label.shape, -1, np.int32)
    for number, name in enumerate(classes):
        if name not in STANDING:
            continue
        _, parts, stats, _ = cv2.connectedComponentsWithStats((label == number).astype(np.uint8))
        lowest = stats[:, cv2.CC_STAT_TOP] + stats[:, cv2.CC_STAT_HEIGHT] - 1
        own = parts > 0
        feet[own] = lowest[parts[own]]
    return feet
