"""A textured card: premultiplied colour with alpha, kept at several resolutions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.style import to_bytes


@dataclass(frozen=True)
class Card:
    """A flat picture with a size in metres and one class.

    Attributes:
        pixels: uint8 (h, w, 4), RGB premultiplied by alpha, then alpha.
        width_m: Width in metres.
        height_m: Height in metres.
        label: Class of its opaque pixels.
    """

    pixels: U8
    width_m: float
    height_m: float
    label: int
    _levels: dict[tuple[int, int], U8] = field(default_factory=dict, repr=False, compare=False)

    def fitted(self, width_px: float, height_px: float) -> U8:
        """Returns the pixels shrunk by powers of two towards a size on screen.

        The result stays at least as fine as the screen, so linear sampling of it does not alias.
        """
        key = (
            _halvings(self.pixels.shape[1], width_px),
            _halvings(self.pixels.shape[0], height_px),
        )
        found = self._levels.get(key)
        if found is None:
            size = (
                max(1, self.pixels.shape[1] >> key[0]),
                max(1, self.pixels.shape[0] >> key[1]),
            )
            shrunk = cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA)
            found = np.asarray(shrunk, dtype=np.uint8)
            self._levels[key] = found
        return found


def _halvings(size: int, target_px: float) -> int:
    ratio = size / max(target_px, 0.5)
    if ratio < 2.0:
        return 0
    return min(int(math.log2(ratio)), size.bit_length() - 1)


def make_card(rgb: F32, alpha: F32, width_m: float, height_m: float, label: int) -> Card:
    """Builds a card from straight colour.

    Args:
        rgb: float32 (h, w, 3), 0 to 255.
        alpha: float32 (h, w, 1), 0 to 1.
        width_m: Width in metres.
        height_m: Height in metres.
        label: Class index.

    Returns:
        The card, with read-only pixels.
    """
    pixels = to_bytes(np.concatenate([rgb * alpha, alpha * 255.0], axis=2))
    pixels.setflags(write=False)
    return Card(pixels, width_m, height_m, label)
