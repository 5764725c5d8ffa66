"""Patch difference as a motion source: cheap, blind to direction beyond the camera's."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig
from depth_snn.motion.base import Image, Motion, Vectors, camera_flow


class PatchDifference:
    """Normal flow: mean |difference| over mean |gradient|, after the camera's shift is undone.

    The camera is taken as one translation, found by phase correlation at half size. The lower
    quartile of the differences is taken as sensor noise and subtracted. Its pixels are an
    estimate, and its flow is the camera's alone.
    """

    name = "patch"
    FLAT_GRADIENT = 4.0
    """Grey levels per pixel added to the gradient, so that noise on a flat wall is no motion."""
    MIN_RESPONSE = 0.15
    """Below this phase-correlation response, no camera motion is assumed."""

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config
        h, w = config.height // 2, config.width // 2
        self.hanning = cv2.createHanningWindow((w, h), cv2.CV_32F)

    def measure(self, before: Image, now: Image, vectors: Vectors | None = None) -> Motion:
        """See :class:`~depth_snn.motion.base.MotionSource`."""
        old, new = _smooth_grey(before), _smooth_grey(now)
        size = (self.config.width // 2, self.config.height // 2)
        halves = [cv2.resize(g, size, interpolation=cv2.INTER_AREA) for g in (old, new)]
        (dx, dy), response = cv2.phaseCorrelate(halves[0], halves[1], self.hanning)
        if response < self.MIN_RESPONSE or max(abs(dx), abs(dy)) <= 0.05:
            dx = dy = 0.0
        camera = np.array([[1, 0, 2 * dx], [0, 1, 2 * dy]], np.float64)
        if dx or dy:
            size_full = (self.config.width, self.config.height)
            old = cv2.warpAffine(old, camera, size_full, borderMode=cv2.BORDER_REPLICATE)
        difference = _per_token(cv2.absdiff(old, new), self.config)
        across, down = cv2.Sobel(new, -1, 1, 0, scale=1 / 8), cv2.Sobel(new, -1, 0, 1, scale=1 / 8)
        gradient = _per_token(cv2.magnitude(across, down), self.config)
        clean = np.maximum(difference - np.quantile(difference, 0.25), 0)
        residual = (clean / (gradient + self.FLAT_GRADIENT)).astype(np.float32).reshape(-1)
        return Motion(camera_flow(camera, self.config), residual, camera, self._macs())

    def _macs(self) -> int:
        pixels = self.config.height * self.config.width
        small = pixels // 4
        # grey 3, blur 6, two Sobels 12, magnitude 3, difference and means 3, warp 4, halving 2;
        # FFTs 3 of 2.5·n·log2 n
        return pixels * 33 + int(3 * 2.5 * small * np.log2(small))


def _smooth_grey(frame: Image) -> npt.NDArray[np.float32]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.float32)


def _per_token(image: npt.NDArray[Any], config: NetworkConfig) -> npt.NDArray[np.float32]:
    h, w = config.grid
    return np.asarray(cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA), np.float32)
