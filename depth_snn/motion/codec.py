"""Motion vectors that a video codec has already found, checked against the pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from depth_snn.compiled import compiled
from depth_snn.config import NetworkConfig
from depth_snn.motion.base import Flow, Image, Motion, Vectors, explain
from depth_snn.motion.dis import DISFlow

F32 = npt.NDArray[np.float32]
DISTANCES = (1, 2, 3)
"""Frames that the reference may lie back; a stream does not say which, so they are tried."""
GAIN = 0.97
"""Vectors are believed when they leave at most this share of the plain difference."""


def read_vectors(picture: Any) -> Vectors | None:
    """Motion vectors that PyAV exports with a decoded picture; None where there are none."""
    from av.sidedata.sidedata import Type

    side = picture.side_data.get(Type.MOTION_VECTORS)
    if side is None:
        return None
    raw = side.to_ndarray()
    raw = raw[(raw["source"] < 0) & (raw["motion_scale"] > 0)]
    if not len(raw):
        return None
    shift = [raw[k] / raw["motion_scale"].astype(np.float32) for k in ("motion_x", "motion_y")]
    columns = [raw[k].astype(np.float32) for k in ("dst_x", "dst_y", "w", "h")]
    return Vectors(
        np.stack([*columns, *shift], 1).astype(np.float32), picture.height, picture.width
    )


class CodecVectors:
    """The codec's vectors where they explain the picture, dense inverse search where none are.

    A codec chooses vectors that are cheap to code, not true ones. So they are painted into a flow,
    tried for every distance of the reference, and each token keeps its vector only if that leaves
    less of the difference than standing still. A picture without vectors (the first of a group, a
    folder of images), or with vectors that explain nothing, is given to :class:`DISFlow`.
    """

    name = "codec"

    def __init__(self, config: NetworkConfig) -> None:
        self.config, self.fallback = config, DISFlow(config)
        x, y = np.meshgrid(np.arange(config.width), np.arange(config.height))
        self.place = np.stack([x, y], -1).astype(np.float32)

    def measure(self, before: Image, now: Image, vectors: Vectors | None = None) -> Motion:
        """See :class:`~depth_snn.motion.base.MotionSource`."""
        if vectors is None:
            return self.fallback.measure(before, now)
        painted = self._painted(vectors)
        plain = self._left(before, now, None)
        tried = [painted / np.float32(distance) for distance in DISTANCES]
        left = [self._left(before, now, flow) for flow in tried]
        best = int(np.argmin([x.sum() for x in left]))
        macs = self._macs()
        if left[best].sum() > GAIN * plain.sum() and plain.mean() > 1:
            found = self.fallback.measure(before, now)
            return replace(found, macs=found.macs + macs)
        helps = (left[best] <= plain).reshape(self.config.grid)
        keep = helps.repeat(self.config.patch, 0).repeat(self.config.patch, 1)
        found = explain(np.ascontiguousarray(tried[best] * keep[..., None]), self.config)
        return replace(found, macs=found.macs + macs)

    def _painted(self, vectors: Vectors) -> Flow:
        """Vectors as a flow (H, W, 2) of the network's size."""
        flow = np.zeros((self.config.height, self.config.width, 2), np.float32)
        scale = np.array(
            [self.config.width / vectors.width, self.config.height / vectors.height], np.float32
        )
        _paint(flow, vectors.blocks * np.tile(scale, 3))
        return flow

    def _left(self, before: Image, now: Image, flow: Flow | None) -> F32:
        """Mean |difference| of every token from the last frame moved along a flow (N,)."""
        if flow is not None:
            before = cv2.remap(
                before, self.place + flow, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
        gap = cv2.absdiff(before, now)
        h, w = self.config.grid
        means = cv2.resize(gap, (w, h), interpolation=cv2.INTER_AREA)
        out: F32 = means.mean(2, dtype=np.float32).ravel()
        return out

    def _macs(self) -> int:
        pixels = self.config.height * self.config.width
        return pixels * 3 * ((len(DISTANCES) + 1) * 2 + len(DISTANCES) * 4)


@compiled
def _paint(flow: F32, blocks: F32) -> None:
    height, width = flow.shape[:2]
    for b in range(len(blocks)):
        x, y, w, h, dx, dy = blocks[b]
        for row in range(max(round(y - h / 2), 0), min(round(y + h / 2), height)):
            for column in range(max(round(x - w / 2), 0), min(round(x + w / 2), width)):
                flow[row, column, 0] = dx
                flow[row, column, 1] = dy
