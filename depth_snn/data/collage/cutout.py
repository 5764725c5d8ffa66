"""Real objects, cut out of labelled frames along their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from depth_snn.data.readers.sample import Sample
from depth_snn.data.scene.arrays import F32, U8, Bool

# Least and most height over width, and the least share of the convex hull, at which a component is
# one whole object rather than a crowd or a piece behind something; found by looking at CamVid's.
# Two cars in a row leave notches in the hull; a walker's legs and a cyclist's wheels do as well.
OBJECT_KINDS: dict[str, tuple[float, float, float]] = {
    "car": (0.4, 1.3, 0.86),
    "vehicle": (0.4, 1.3, 0.86),
    "truck": (0.35, 1.6, 0.86),
    "bus": (0.35, 1.6, 0.86),
    "pedestrian": (1.5, 4.0, 0.72),
    "person": (1.5, 4.0, 0.72),
    "bicyclist": (0.8, 3.0, 0.72),
    "rider": (1.2, 4.0, 0.72),
}
"""Classes that objects are cut from, by name; a reader's other classes stay where they are."""

_SMALLEST_SHARE = 0.0015  # of the frame's area: about 260 pixels of 480×360
_LARGEST_SHARE = 0.12
_GAINS = (0.6, 1.7)  # beyond that a night frame's noise would be lit up
_EDGE_ALPHA = 0.5  # how much of the object shows in the outermost of its pixels


@dataclass(frozen=True)
class Cutout:
    """One object without its surroundings.

    Attributes:
        kind: Name of its class.
        number: Label of its class.
        rgb: uint8 (h, w, 3).
        mask: bool (h, w), true where its label stands.
        alpha: float32 (h, w), 0 outside the mask and softened inwards along its edge.
        foot: Row of the source frame on which it stands, as a share of the frame's height.
        light: Mean grey of the source frame.
    """

    kind: str
    number: int
    rgb: U8
    mask: Bool
    alpha: F32
    foot: float
    light: float

    def flipped(self) -> Cutout:
        """Its mirror image."""
        rgb = np.ascontiguousarray(self.rgb[:, ::-1])
        mask = np.ascontiguousarray(self.mask[:, ::-1])
        return replace(self, rgb=rgb, mask=mask, alpha=np.ascontiguousarray(self.alpha[:, ::-1]))

    def lit(self, light: float) -> Cutout:
        """As it would look in a frame of another mean grey, within what a camera's range allows."""
        gain = min(max(light / max(self.light, 1.0), _GAINS[0]), _GAINS[1])
        rgb = np.rint(self.rgb * np.float32(gain)).clip(0, 255).astype(np.uint8)
        return replace(self, rgb=rgb, light=light)


def find_cutouts(sample: Sample, classes: Sequence[str]) -> list[Cutout]:
    """Whole objects of one frame, from the upper left.

    Args:
        sample: A labelled frame.
        classes: Names of its label values.

    Returns:
        Connected components that look like one unhidden object; often none.
    """
    if sample.label is None:
        return []
    found = []
    for number, kind in enumerate(classes):
        if kind in OBJECT_KINDS:
            found += _of_class(sample.rgb, sample.label, number, kind)
    return found


def _of_class(rgb: U8, label: U8, number: int, kind: str) -> list[Cutout]:
    height, width = label.shape
    _, parts, stats, _ = cv2.connectedComponentsWithStats((label == number).astype(np.uint8), None)
    found = []
    for part, (x, y, w, h, area) in enumerate(stats.tolist()):
        share = area / (height * width)
        inside = x > 0 and y > 0 and x + w < width and y + h < height
        least, most, solid = OBJECT_KINDS[kind]
        if part == 0 or not inside or not _SMALLEST_SHARE <= share <= _LARGEST_SHARE:
            continue
        mask = parts[y : y + h, x : x + w] == part
        if not least <= h / w <= most or area < solid * _hull_area(mask):
            continue
        piece = rgb[y : y + h, x : x + w].copy()
        foot = (y + h) / height
        found.append(Cutout(kind, number, piece, mask, _feather(mask), foot, float(rgb.mean())))
    return found


def _hull_area(mask: Bool) -> float:
    outline, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return float(cv2.contourArea(cv2.convexHull(np.concatenate(outline))))


def _feather(mask: Bool) -> F32:
    """Soft inwards only: outside the mask stands another frame's background."""
    framed = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1]
    soft = np.clip(_EDGE_ALPHA + (1.0 - _EDGE_ALPHA) * (distance - 1.0), 0.0, 1.0)
    return np.where(mask, soft, 0.0).astype(np.float32)
