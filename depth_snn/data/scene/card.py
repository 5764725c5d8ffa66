"""A textured card: premultiplied colour with alpha, painted when first seen, at several sizes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.style import to_bytes


@dataclass(frozen=True)
class Card:
    """A flat picture with a size in metres and one class.

    Attributes:
        paint: Gives uint8 (h, w, 4), RGB premultiplied by alpha, then alpha. Called once, when
            the card is first on screen: most of a street is never looked at.
        width_m: Width in metres.
        height_m: Height in metres.
        label: Class of its opaque pixels.
    """

    paint: Callable[[], U8]
    width_m: float
    height_m: float
    label: int
    _levels: dict[tuple[int, int], U8] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def pixels(self) -> U8:
        """The picture at full size, read-only."""
        pixels = self.paint()
        pixels.setflags(write=False)
        return pixels

    def mirrored(self) -> Card:
        """The same card, left and right exchanged."""
        return Card(
            lambda: np.ascontiguousarray(self.pixels[:, ::-1]),
            self.width_m,
            self.height_m,
            self.label,
        )

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


def merged(rgb: F32, alpha: F32) -> U8:
    """Turns straight colour into a card's pixels.

    Args:
        rgb: float32 (h, w, 3), 0 to 255.
        alpha: float32 (h, w), 0 to 1.

    Returns:
        uint8 (h, w, 4), colour premultiplied by alpha.
    """
    pixels = np.empty((*alpha.shape, 4), np.float32)
    np.multiply(rgb, alpha[..., None], out=pixels[..., :3])
    np.multiply(alpha, 255.0, out=pixels[..., 3])
    return to_bytes(pixels)


def lazily(
    rng: np.random.Generator, paint: Callable[[np.random.Generator], U8]
) -> Callable[[], U8]:
    """Gives a painter its own random source, so that the order of painting does not matter."""
    seed = int(rng.integers(1 << 62))
    return lambda: paint(np.random.default_rng(seed))
