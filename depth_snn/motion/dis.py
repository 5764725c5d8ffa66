"""OpenCV's dense inverse search as a motion source."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2

from depth_snn.config import NetworkConfig
from depth_snn.motion.base import Image, Motion, Vectors, explain


class DISFlow:
    """OpenCV's dense inverse search (Kroeger et al. 2016), ultrafast, minus the camera's motion.

    MACs are an upper estimate: grey and pyramid; on every scale the preset uses, 8×8 patches every
    4 pixels, 12 iterations of 64 pixels of bilinear sampling (4) and two inner products (2), and
    densification by up to 4 patches a pixel; all iterations RANSAC is allowed, 6 a token.
    """

    name = "dis"

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config
        self.search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def measure(self, before: Image, now: Image, vectors: Vectors | None = None) -> Motion:
        """See :class:`~depth_snn.motion.base.MotionSource`."""
        old, new = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (before, now))
        found = explain(self.search.calc(new, old, None), self.config)
        return replace(found, macs=found.macs + self._macs())

    def _macs(self) -> int:
        height, width = self.config.height, self.config.width
        finest = self.search.getFinestScale()
        # OpenCV goes down to the scale at which the longer side holds four patches of 8 pixels.
        coarsest = max(finest, round(math.log2(max(height, width) / (4 * 8))))
        macs = height * width * (3 + 4)
        for scale in range(finest, coarsest + 1):
            h, w = height >> scale, width >> scale
            patches = -(-h // 4) * -(-w // 4)
            macs += patches * 12 * 64 * 6 + h * w * 4 * 6
        return macs
