"""A cut-out on its way over the source picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from depth_snn.data.collage.course import View
from depth_snn.data.collage.cutout import Cutout
from depth_snn.data.readers.images import Size
from depth_snn.data.scene.arrays import F32, U8, Bool

Slices = tuple[slice, slice]


@dataclass(frozen=True)
class Paste:
    """An object that is suddenly there, moves evenly, and is gone again.

    Attributes:
        cutout: What it looks like.
        first: Frame in which it appears.
        last: Last frame in which it may be seen.
        x: Source column of its left edge at `first`.
        y: Source row of its upper edge at `first`.
        zoom: Source pixels per pixel of the cut-out.
        pace: (dx, dy), source pixels per frame.
    """

    cutout: Cutout
    first: int
    last: int
    x: float
    y: float
    zoom: float
    pace: tuple[float, float]

    def corner(self, index: int) -> tuple[float, float]:
        """Source place of its upper left corner in a frame."""
        age = index - self.first
        return self.x + self.pace[0] * age, self.y + self.pace[1] * age

    def foot(self, index: int) -> float:
        """Source row on which it stands in a frame."""
        return self.corner(index)[1] + self.zoom * self.cutout.mask.shape[0]

    def there(self, index: int) -> bool:
        """Whether it exists in a frame; it may still lie outside the crop."""
        return self.first <= index <= self.last

    def shape(self, index: int, view: View, size: Size) -> tuple[Slices, Bool] | None:
        """Where its label stands in the picture.

        Args:
            index: Frame.
            view: The crop of that frame.
            size: Height and width of the picture.

        Returns:
            Rows and columns of its box, and bool (rows, columns); None if nothing shows.
        """
        left, top = self.corner(index)
        height, width = self.cutout.mask.shape
        rows, u_rows = _samples(top - view.y, height, view.scale, self.zoom, size[0])
        columns, u_columns = _samples(left - view.x, width, view.scale, self.zoom, size[1])
        if u_rows.size == 0 or u_columns.size == 0:
            return None
        mask = self.cutout.mask[np.ix_(u_rows, u_columns)]
        return ((rows, columns), mask) if mask.any() else None

    def colours(self, index: int, view: View, box: Slices) -> tuple[F32, F32]:
        """Its colours weighted by alpha, float32 (h, w, 3), and alpha (h, w), in a box."""
        left, top = self.corner(index)
        alpha = self.cutout.alpha
        weighted = self.cutout.rgb * alpha[..., None]
        layers = np.dstack([weighted, alpha]).astype(np.float32)
        # cut-out = (view.scale · picture + view − corner) / zoom, with half-pixel edges as above
        scale = view.scale / self.zoom
        shift_x = (view.x + view.scale * box[1].start - left) / self.zoom
        shift_y = (view.y + view.scale * box[0].start - top) / self.zoom
        height, width = box[0].stop - box[0].start, box[1].stop - box[1].start
        drawn = sample_area(layers, scale, (shift_x, shift_y), (height, width))
        return drawn[..., :3], drawn[..., 3]


def _samples(
    offset: float, length: int, scale: float, zoom: float, limit: int
) -> tuple[slice, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Picture positions along one side that the cut-out covers, and its nearest pixel at each.

    Pixel u of the cut-out covers u − ½ to u + ½; picture position p lies at u = (scale·p −
    offset) / zoom.
    """
    place = (scale * np.arange(limit) - offset) / zoom
    nearest = np.floor(place + 0.5).astype(np.int64)
    inside = np.flatnonzero((nearest >= 0) & (nearest < length))
    if inside.size == 0:
        return slice(0, 0), inside
    return slice(int(inside[0]), int(inside[-1]) + 1), nearest[inside]


def sample_area(image: F32 | U8, scale: float, shift: tuple[float, float], size: Size) -> F32:
    """Picture of `image` at scale · p + shift, averaging where it shrinks; edges fade to zero.

    Args:
        image: float32 or uint8 (h, w, channels).
        scale: Image pixels per picture pixel.
        shift: Image column and row of the picture's pixel 0.
        size: Height and width of the picture.
    """
    fine = 2  # twice as fine, then averaged: enough for crops that shrink by up to two
    step = scale / fine
    first = (fine - 1) / (2 * fine) * scale
    matrix = np.array([[step, 0.0, shift[0] - first], [0.0, step, shift[1] - first]])
    drawn = cv2.warpAffine(
        image,
        matrix,
        (size[1] * fine, size[0] * fine),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE if image.dtype == np.uint8 else cv2.BORDER_CONSTANT,
    )
    small = cv2.resize(drawn.astype(np.float32), (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)
