"""The look of one sequence: palettes, texture families and light."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np

from depth_snn.data.scene.arrays import F32, U8
from depth_snn.errors import InputError

# Hues in degrees. The two lists of each kind share no interval, so a network trained on "known"
# has never met the colours of "heldout"; texture families are split the same way.
_HUES: dict[str, dict[str, tuple[tuple[float, float], ...]]] = {
    "known": {
        "wall": ((8, 24), (36, 48), (200, 220)),
        "car": ((0, 8), (210, 235), (45, 55)),
        "cloth": ((215, 240), (0, 10), (90, 120), (35, 50)),
        "leaf": ((85, 115),),
    },
    "heldout": {
        "wall": ((52, 64), (340, 355), (150, 175)),
        "car": ((20, 35), (150, 190), (280, 310)),
        "cloth": ((270, 320), (160, 190), (15, 30), (60, 75)),
        "leaf": ((55, 75), (125, 145)),
    },
}
_AMBIENT: dict[str, tuple[float, float, float]] = {
    "day": (1.0, 1.0, 0.98),
    "dusk": (0.66, 0.54, 0.56),
    "night": (0.27, 0.29, 0.38),
}
_HAZE: dict[str, tuple[float, float, float]] = {
    "day": (205.0, 214.0, 224.0),
    "dusk": (190.0, 138.0, 116.0),
    "night": (24.0, 26.0, 40.0),
}
DOMAINS: tuple[str, ...] = tuple(_AMBIENT)
ASSETS: tuple[str, ...] = tuple(_HUES)


@dataclass(frozen=True)
class Style:
    """Colours and light of one sequence.

    Attributes:
        assets: "known" or "heldout".
        domain: "day", "dusk" or "night".
        haze_m: Distance at which haze takes 63 % of a colour, in metres.
        headlights: True when the camera's own vehicle lights what is near.
    """

    assets: str
    domain: str
    haze_m: float
    headlights: bool

    def __post_init__(self) -> None:
        if self.assets not in ASSETS:
            raise InputError(f"scene assets {self.assets!r}: use one of {', '.join(ASSETS)}")
        if self.domain not in DOMAINS:
            raise InputError(f"scene domain {self.domain!r}: use one of {', '.join(DOMAINS)}")

    @property
    def heldout(self) -> bool:
        """Whether this sequence draws from the held-out texture families."""
        return self.assets == "heldout"

    @property
    def lit(self) -> bool:
        """Whether lamps and windows shine."""
        return self.domain != "day"

    @property
    def haze_rgb(self) -> F32:
        """Colour of far things, float32 (3,)."""
        return np.array(_HAZE[self.domain], dtype=np.float32)

    def colour(
        self,
        rng: np.random.Generator,
        kind: str,
        saturation: tuple[float, float],
        value: tuple[float, float],
    ) -> F32:
        """Draws a random RGB colour of a kind ("wall", "car", "cloth", "leaf"), 0 to 255."""
        bands = _HUES[self.assets][kind]
        low, high = bands[int(rng.integers(len(bands)))]
        hue = float(rng.uniform(low, high)) / 360.0
        rgb = colorsys.hsv_to_rgb(hue, float(rng.uniform(*saturation)), float(rng.uniform(*value)))
        return np.array(rgb, dtype=np.float32) * 255.0

    def tone(self, pixels: F32) -> F32:
        """Applies the ambient light to RGB values of shape (..., 3)."""
        return pixels * np.array(_AMBIENT[self.domain], dtype=np.float32)

    def gain(self, depth_m: F32 | float) -> F32:
        """Brightness factor of the camera's own headlights at a depth in metres."""
        depth = np.asarray(depth_m, dtype=np.float32)
        if not self.headlights:
            return np.ones_like(depth)
        return np.asarray(1.0 + 1.3 * np.exp(-depth / np.float32(14.0)), dtype=np.float32)


def grain(rng: np.random.Generator, height: int, width: int, cell: int, strength: float) -> F32:
    """Smooth random brightness, float32 (height, width, 1), around 0, blobs of `cell` pixels."""
    size = (max(2, width // cell + 2), max(2, height // cell + 2))
    coarse = rng.standard_normal((size[1], size[0])).astype(np.float32) * strength
    return np.asarray(
        cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32
    )[..., None]


def to_bytes(pixels: F32) -> U8:
    """Rounds and clips float pixels to uint8."""
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)
