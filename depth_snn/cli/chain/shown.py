"""What a viewer of the integer graph's output sees: carried along like the float network's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig
from depth_snn.data.readers.classmaps import CAMVID_CLASSES, CAMVID_TO_STREET
from depth_snn.motion.base import Flow
from depth_snn.pruning.view import View

Image = npt.NDArray[np.uint8]


def street_classes(found: Image, config: NetworkConfig) -> Image:
    """Classes of a network (H, W) as the eight of the street; CamVid's eleven become theirs."""
    if config.classes == len(CAMVID_CLASSES):
        return np.asarray(CAMVID_TO_STREET[found], np.uint8)
    return found


class IntegerView:
    """Turns one stream's integer logits into class maps, frame by frame.

    Args:
        config: Shape of the network.
        scale: What an integer of the logits stands for.
    """

    def __init__(self, config: NetworkConfig, scale: float) -> None:
        self.config, self.scale, self.view = config, scale, View(config)
        self._blank = np.zeros((config.height, config.width, 3), np.uint8)

    def show(
        self, logits: npt.NDArray[np.int64], flow: Flow | None, computed: npt.NDArray[np.bool_]
    ) -> Image:
        """Street classes of every pixel (H, W).

        Args:
            logits: Of all tokens (N, cells²·classes).
            flow: Motion (H, W, 2) that the view is carried along; None where it is not.
            computed: Tokens that ran to the end (N,).
        """
        if flow is not None:
            self.view.move(flow)
        scores = (logits * self.scale).astype(np.float32)
        self.view.refresh(self._blank, self.view.features, scores, computed)
        return street_classes(self.view.classes(), self.config)
