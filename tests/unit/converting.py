"""Networks and pictures that the tests of the conversion share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.models.vit_loihi import DepthViTLoihi
from tests.unit.small import (
    DEEP,
    TINY,
    UNEVEN,
    noise,
    random_network,
    scene_frames,
    settled_network,
)

IntArray = npt.NDArray[np.int64]
KINDS = ("scene", "uneven", "deep")


def network_of(which: str) -> DepthViTLoihi:
    """One that fits a street scene, and random ones with one and three levels of stem."""
    if which == "scene":
        return settled_network(TINY)
    return random_network(UNEVEN if which == "uneven" else DEEP)


def pixels_of(which: str, count: int) -> IntArray:
    """Frames (T, H·W, 3)."""
    config = network_of(which).config
    frames = scene_frames(config, count) if which == "scene" else noise(config, count, seed=5)
    return np.stack(frames).reshape(count, -1, 3).astype(np.int64)
