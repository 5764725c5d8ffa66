"""What a motion source gives, and the camera's share of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig

Image = npt.NDArray[np.uint8]
Flow = npt.NDArray[np.float32]
RANSAC_ROUNDS = 500
"""Most affine models tried, all of them charged."""
RANSAC_PX = 0.5
"""Tokens within this distance of the affine model count as camera motion."""
STILL_SHARE = 0.8
"""A standing camera is believed when it explains this share of what the best affine map does:
six free numbers always explain a little more, for example a large object that passes."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """Blocks of a decoded picture with the place they were predicted from.

    Attributes:
        blocks: (B, 6), float32: x, y of the block's middle, its width and height, and (dx, dy) to
            where it was predicted from, in pixels of the coded picture; past references only.
        height, width: Size of the coded picture.
    """

    blocks: npt.NDArray[np.float32]
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion of one frame.

    Attributes:
        flow: (H, W, 2), pixels (dx, dy): what stands at p now stood at p + flow in the last frame.
        residual_px: Motion of each token that the camera does not explain, pixels per frame (N,).
        camera: Affine map (2, 3) from the last frame to this one.
        macs: Multiply-accumulates charged for finding out.
    """

    flow: Flow
    residual_px: npt.NDArray[np.float32]
    camera: npt.NDArray[np.float64]
    macs: int

    @property
    def ego(self) -> bool:
        """Whether the camera moves."""
        return not np.array_equal(self.camera, np.eye(2, 3))


class MotionSource(Protocol):
    """Anything that turns two frames into motion."""

    name: str

    def measure(self, before: Image, now: Image, vectors: Vectors | None = None) -> Motion:
        """Motion from frame ``before`` to ``now``, both (H, W, 3) of the network's size.

        Args:
            before: The last frame.
            now: This frame.
            vectors: What the video's codec knows of this frame, where it came with it.
        """


def token_centres(config: NetworkConfig) -> npt.NDArray[np.float32]:
    """Pixel (x, y) at the middle of every token (N, 2)."""
    h, w = config.grid
    rows, cols = np.mgrid[0:h, 0:w].astype(np.float32)
    centre = (config.patch - 1) / 2
    points = np.stack([cols, rows], -1).reshape(-1, 2) * config.patch + centre
    out: npt.NDArray[np.float32] = points.astype(np.float32)
    return out


def explain(flow: Flow, config: NetworkConfig) -> Motion:
    """The camera's affine motion by RANSAC over the tokens' mean flow, and what it leaves.

    Args:
        flow: As in :class:`Motion`.
        config: Shape of the network.

    Returns:
        Motion whose MACs are those of this step alone: all rounds that RANSAC is allowed, or none
        where so many tokens stand still that the camera does.
    """
    h, w = config.grid
    points = token_centres(config)
    forth = -cv2.resize(flow, (w, h), interpolation=cv2.INTER_AREA).reshape(-1, 2)
    still = int((np.linalg.norm(forth, axis=1) < RANSAC_PX).sum())
    pooled = config.height * config.width * 2
    if still >= STILL_SHARE * config.tokens:  # no map explains enough more to be believed
        residual = np.linalg.norm(forth, axis=1).astype(np.float32)
        return Motion(flow, residual, np.eye(2, 3), pooled)
    cv2.setRNGSeed(0)  # RANSAC draws from OpenCV's generator; same frames, same result
    camera, inliers = cv2.estimateAffine2D(
        points, points + forth, ransacReprojThreshold=RANSAC_PX, maxIters=RANSAC_ROUNDS
    )
    moving = 0 if camera is None else int(inliers.sum())
    if still >= STILL_SHARE * moving or moving < config.tokens // 4:
        camera = np.eye(2, 3)
    explained = points @ camera[:, :2].T + camera[:, 2] - points
    residual = np.linalg.norm(forth - explained, axis=1).astype(np.float32)
    return Motion(flow, residual, camera, pooled + RANSAC_ROUNDS * config.tokens * 6)


def camera_flow(camera: npt.NDArray[np.float64], config: NetworkConfig) -> Flow:
    """The flow (H, W, 2) of an affine camera motion alone, back to the last frame."""
    back = cv2.invertAffineTransform(camera)
    x, y = np.meshgrid(np.arange(config.width), np.arange(config.height))
    flow = np.stack(
        [
            (back[0, 0] - 1) * x + back[0, 1] * y + back[0, 2],
            back[1, 0] * x + (back[1, 1] - 1) * y + back[1, 2],
        ],
        -1,
    )
    out: Flow = flow.astype(np.float32)
    return out
