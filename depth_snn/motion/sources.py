"""Motion sources: each gives every token a residual motion in pixels and says what that cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError

Frame = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion of one frame.

    Attributes:
        residual_px: Motion of each token that the camera does not explain, pixels per frame (N,).
        camera: Affine map (2, 3) from the last frame to this one.
        macs: Multiply-accumulates charged for finding out.
    """

    residual_px: npt.NDArray[np.float32]
    camera: npt.NDArray[np.float64]
    macs: int


class MotionSource(Protocol):
    """Anything that turns two frames into motion per token."""

    name: str

    def measure(self, before: Frame, now: Frame) -> Motion:
        """Motion from frame ``before`` to ``now``, both (H, W, 3) of the network's size."""


class PatchDifference:
    """Normal flow: mean |difference| over mean |gradient|, after the camera's shift is undone.

    The camera is taken as one translation, found by phase correlation at half size. The lower
    quartile of the differences is taken as sensor noise and subtracted. Cheap, blind to direction;
    its pixels are an estimate.
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

    def measure(self, before: Frame, now: Frame) -> Motion:
        """See :class:`MotionSource`."""
        old, new = _smooth_grey(before), _smooth_grey(now)
        size = (self.config.width // 2, self.config.height // 2)
        halves = [cv2.resize(g, size, interpolation=cv2.INTER_AREA) for g in (old, new)]
        (dx, dy), response = cv2.phaseCorrelate(halves[0], halves[1], self.hanning)
        if response < self.MIN_RESPONSE:
            dx = dy = 0.0
        camera = np.array([[1, 0, 2 * dx], [0, 1, 2 * dy]], np.float64)
        if max(abs(dx), abs(dy)) > 0.1:
            size_full = (self.config.width, self.config.height)
            old = cv2.warpAffine(old, camera, size_full, borderMode=cv2.BORDER_REPLICATE)
        difference = _per_token(cv2.absdiff(old, new), self.config)
        across, down = cv2.Sobel(new, -1, 1, 0, scale=1 / 8), cv2.Sobel(new, -1, 0, 1, scale=1 / 8)
        gradient = _per_token(cv2.magnitude(across, down), self.config)
        clean = np.maximum(difference - np.quantile(difference, 0.25), 0)
        residual = clean / (gradient + self.FLAT_GRADIENT)
        return Motion(residual.astype(np.float32).reshape(-1), camera, self._macs())

    def _macs(self) -> int:
        pixels = self.config.height * self.config.width
        small = pixels // 4
        # grey 3, blur 6, two Sobels 12, magnitude 3, difference and means 3, warp 4, halving 2;
        # FFTs 3 of 2.5·n·log2 n
        return pixels * 33 + int(3 * 2.5 * small * np.log2(small))


class DISFlow:
    """OpenCV's dense inverse search (ultrafast), minus a robust affine camera motion.

    MACs are an upper estimate: grey and pyramid; on every scale the preset uses, 8×8 patches every
    4 pixels, 12 iterations of 64 pixels of bilinear sampling (4) and two inner products (2), and
    densification by up to 4 patches a pixel; all iterations RANSAC is allowed, 6 a token.
    """

    name = "dis"
    RANSAC_ROUNDS = 500
    """Most affine models tried, all of them charged."""
    RANSAC_PX = 0.5
    """Tokens within this distance of the affine model count as camera motion."""
    STILL_SHARE = 0.8
    """A standing camera is believed when it explains this share of what the best affine map does:
    six free numbers always explain a little more, for example a large object that passes."""

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config
        self.flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        h, w = config.grid
        rows, cols = np.mgrid[0:h, 0:w].astype(np.float32)
        centre = (config.patch - 1) / 2
        self.points = np.stack([cols, rows], -1).reshape(-1, 2) * config.patch + centre

    def measure(self, before: Frame, now: Frame) -> Motion:
        """See :class:`MotionSource`."""
        old, new = (cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (before, now))
        h, w = self.config.grid
        dense = self.flow.calc(old, new, None)
        flow = cv2.resize(dense, (w, h), interpolation=cv2.INTER_AREA).reshape(-1, 2)
        cv2.setRNGSeed(0)  # RANSAC draws from OpenCV's generator; same frames, same result
        camera, inliers = cv2.estimateAffine2D(
            self.points,
            self.points + flow,
            ransacReprojThreshold=self.RANSAC_PX,
            maxIters=self.RANSAC_ROUNDS,
        )
        still = int((np.linalg.norm(flow, axis=1) < self.RANSAC_PX).sum())
        moving = 0 if camera is None else int(inliers.sum())
        if still >= self.STILL_SHARE * moving or moving < self.config.tokens // 4:
            camera = np.eye(2, 3)
        explained = self.points @ camera[:, :2].T + camera[:, 2] - self.points
        residual = np.linalg.norm(flow - explained, axis=1)
        return Motion(residual.astype(np.float32), camera, self._macs())

    def _macs(self) -> int:
        height, width = self.config.height, self.config.width
        finest = self.flow.getFinestScale()
        # OpenCV goes down to the scale at which the longer side holds four patches of 8 pixels.
        coarsest = max(finest, round(math.log2(max(height, width) / (4 * 8))))
        macs = height * width * (3 + 4)
        for scale in range(finest, coarsest + 1):
            h, w = height >> scale, width >> scale
            patches = -(-h // 4) * -(-w // 4)
            macs += patches * 12 * 64 * 6 + h * w * 4 * 6
        return macs + self.RANSAC_ROUNDS * self.config.tokens * 6


SOURCES: dict[str, type[PatchDifference] | type[DISFlow]] = {
    "patch": PatchDifference,
    "dis": DISFlow,
}


def make_source(name: str, config: NetworkConfig) -> MotionSource:
    """The named motion source for frames of the network's size."""
    if name not in SOURCES:
        raise ConfigError(f"motion source {name!r}: expected one of {', '.join(SOURCES)}")
    return SOURCES[name](config)


def staleness(
    windows: npt.NDArray[np.uint8], sent: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Mean |difference| of each token's pixels from those it last sent, in grey levels (N,).

    Against the last *sent* value, not the last frame's: slow drift adds up and triggers in the end.
    """
    total = cv2.absdiff(windows, sent).sum(1, dtype=np.uint32)
    out: npt.NDArray[np.float32] = (total / windows.shape[1]).astype(np.float32)
    return out


def _smooth_grey(frame: Frame) -> npt.NDArray[np.float32]:
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grey, (3, 3), 0), np.float32)


def _per_token(image: npt.NDArray[Any], config: NetworkConfig) -> npt.NDArray[np.float32]:
    h, w = config.grid
    return np.asarray(cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA), np.float32)
