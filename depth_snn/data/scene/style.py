"""The look of one sequence: its assets, its light, its air and its lens."""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import cv2
import numpy as np

from depth_snn.data.scene.arrays import F32, U8
from depth_snn.data.scene.domain import DOMAINS, LOOKS, Rgb
from depth_snn.data.scene.palette import ASSETS, HUES, KINDS
from depth_snn.errors import InputError


@dataclass(frozen=True)
class Style:
    """Colours and light of one sequence.

    Attributes:
        assets: "known" or "heldout".
        domain: Name of hour or weather.
        headlights: True when the camera's own vehicle lights what is near.
        ambient: Factor on all colours.
        haze: Colour of far things, 0 to 255.
        haze_m: Distance at which haze takes 63 % of a colour, in metres.
        sun: Ground shift (x, z) of a shadow per metre of height.
        shadow: Darkness of cast shadows, 0 to 1.
        sides: Brightness of the facades left and right of the street.
        glare: Brightness of a sun ahead of the camera, 0 for none.
        wet: Mirror strength of the ground, 0 to 1.
        rain: Density of rain streaks, 0 to 1.
        clouds: Cloud cover, 0 to 1.
    """

    assets: str
    domain: str
    headlights: bool
    ambient: Rgb
    haze: Rgb
    haze_m: float
    sun: tuple[float, float]
    shadow: float
    sides: tuple[float, float]
    glare: float
    wet: float
    rain: float
    clouds: float

    @staticmethod
    def draw(rng: np.random.Generator, assets: str, domain: str, driving: bool) -> Style:
        """Draws the light of one sequence.

        Raises:
            InputError: If the assets or the domain are not known.
        """
        if assets not in ASSETS:
            raise InputError(f"scene assets {assets!r}: use one of {', '.join(ASSETS)}")
        if domain not in DOMAINS:
            raise InputError(f"scene domain {domain!r}: use one of {', '.join(DOMAINS)}")
        look = LOOKS[domain]
        tint = _tint(rng, 0.04) * float(rng.uniform(0.9, 1.06))
        angle = float(rng.uniform(0.0, 2 * np.pi))
        glare = 0.0
        if look.ahead and rng.uniform() < 0.65:
            # The sun ahead throws shadows towards the camera.
            angle, glare = float(rng.uniform(1.3, 1.7)) * np.pi, float(rng.uniform(0.5, 1.0))
        slope = float(rng.uniform(*look.slope))
        shadow = float(rng.uniform(*look.sun))
        sun = (slope * float(np.cos(angle)), slope * float(np.sin(angle)))
        # A facade on the left faces +x: it is lit when shadows fall towards -x.
        tilt = 0.3 * shadow / 0.5 * float(np.cos(angle))
        return Style(
            assets=assets,
            domain=domain,
            headlights=driving and domain == "night",
            ambient=_rgb(np.array(look.ambient) * tint),
            haze=_rgb(np.array(look.haze) * np.minimum(tint, 1.04)),
            haze_m=float(rng.uniform(*look.haze_m)),
            sun=sun,
            shadow=shadow,
            sides=(1.0 - max(0.0, tilt), 1.0 - max(0.0, -tilt)),
            glare=glare,
            wet=float(rng.uniform(*look.wet)),
            rain=float(rng.uniform(*look.rain)),
            clouds=float(rng.uniform(*look.clouds)),
        )

    @property
    def heldout(self) -> bool:
        """Whether this sequence draws from the held-out texture families."""
        return self.assets == "heldout"

    @property
    def lit(self) -> bool:
        """Whether lamps and windows shine."""
        return LOOKS[self.domain].lit

    @property
    def dark(self) -> bool:
        """Whether lamps light up what is near them."""
        return self.domain == "night"

    @property
    def haze_rgb(self) -> F32:
        """Colour of far things, float32 (3,)."""
        return np.array(self.haze, dtype=np.float32)

    def kind(self, rng: np.random.Generator, noun: str) -> str:
        """Draws one of the shapes or textures these assets have for a noun."""
        kinds = KINDS[self.assets][noun]
        return kinds[int(rng.integers(len(kinds)))]

    def colour(
        self,
        rng: np.random.Generator,
        kind: str,
        saturation: tuple[float, float],
        value: tuple[float, float],
    ) -> F32:
        """Draws a random RGB colour of a kind (a key of `HUES`), 0 to 255."""
        bands = HUES[self.assets][kind]
        low, high = bands[int(rng.integers(len(bands)))]
        hue = float(rng.uniform(low, high)) / 360.0
        rgb = colorsys.hsv_to_rgb(hue, float(rng.uniform(*saturation)), float(rng.uniform(*value)))
        return np.array(rgb, dtype=np.float32) * 255.0

    def tone(self, pixels: F32) -> F32:
        """Applies the ambient light to RGB values of shape (..., 3)."""
        return pixels * np.array(self.ambient, dtype=np.float32)

    def gain(self, depth_m: F32 | float) -> F32:
        """Brightness factor of the camera's own headlights at a depth in metres."""
        depth = np.asarray(depth_m, dtype=np.float32)
        if not self.headlights:
            return np.ones_like(depth)
        return np.asarray(1.0 + 1.5 * np.exp(-depth / np.float32(14.0)), dtype=np.float32)

    def matrix(self, depth_m: float, light: float = 1.0) -> F32:
        """Light and haze at a depth as one matrix on premultiplied RGBA, float32 (3, 4)."""
        clear = math.exp(-depth_m / self.haze_m)
        k = light * clear * (1.0 + 1.5 * math.exp(-depth_m / 14.0) if self.headlights else 1.0)
        red, green, blue = (c * (1.0 - clear) / 255.0 for c in self.haze)
        return np.array(
            [[k, 0.0, 0.0, red], [0.0, k, 0.0, green], [0.0, 0.0, k, blue]], dtype=np.float32
        )


def _tint(
    rng: np.random.Generator, reach: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Factors on red, green and blue between cool and warm light, as lamps and lenses differ."""
    warm = float(rng.uniform(-reach, reach))
    return np.array([1.0 + warm, 1.0 + float(rng.uniform(-reach, reach)) / 4, 1.0 - warm])


def _rgb(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Rgb:
    return (float(values[0]), float(values[1]), float(values[2]))


def grain(rng: np.random.Generator, height: int, width: int, cell: int, strength: float) -> F32:
    """Smooth random brightness, float32 (height, width, 1), around 0, blobs of `cell` pixels."""
    size = (max(2, width // cell + 2), max(2, height // cell + 2))
    coarse = rng.standard_normal((size[1], size[0]), dtype=np.float32) * np.float32(strength)
    return np.asarray(
        cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32
    )[..., None]


def to_bytes(pixels: F32) -> U8:
    """Rounds and clips float pixels to uint8."""
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)
