"""CARLA's optical flow: unit, signs and direction, decided by warping and written down.

Documents and users disagree: a share of the picture or of half of it, y up or down, to the frame
before or to the next. What a recording does is seen by warping: the right reading lets a frame
be rebuilt from its neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from depth_snn.data.scene.arrays import F32, U8
from depth_snn.errors import InputError

DIRECTIONS = ("previous", "next")
UNITS = ("image", "half_image", "pixel")
_SIGNS = (1, -1)
_CLEAR = 0.9  # the best reading must leave less than this share of the error of no flow at all
_APART = 1.02  # and beat the readings with one sign turned, or it has not been tested
_LONGEST = 0.5  # share of a side; a reading that moves most things further is none


@dataclass(frozen=True)
class FlowConvention:
    """How a recorded flow is to be read.

    Attributes:
        unit: Length that 1.0 stands for: "image" (the picture's width or height), "half_image"
            or "pixel".
        sign_x: 1 or -1.
        sign_y: 1 or -1.
        to: Frame that p + flow points into: "previous" or "next".
        warp_error: Mean grey difference that is left after warping, for the record.
        still_error: The same without any flow.
    """

    unit: str
    sign_x: int
    sign_y: int
    to: str
    warp_error: float
    still_error: float

    def __post_init__(self) -> None:
        named = self.unit in UNITS and self.to in DIRECTIONS
        if not named or self.sign_x not in _SIGNS or self.sign_y not in _SIGNS:
            raise InputError(
                f"flow convention {self}: unit is one of {', '.join(UNITS)}, signs 1 or -1, "
                f"and to one of {', '.join(DIRECTIONS)}"
            )

    def to_pixels(self, raw: F32) -> F32:
        """Flow in pixels: dx to the right, dy down, float32 (H, W, 2)."""
        height, width = raw.shape[:2]
        unit_x, unit_y = {
            "image": (width, height),
            "half_image": (width / 2, height / 2),
            "pixel": (1.0, 1.0),
        }[self.unit]
        return raw * np.array([self.sign_x * unit_x, self.sign_y * unit_y], np.float32)


def decide_flow(frames: Sequence[U8], flows: Sequence[F32]) -> FlowConvention:
    """Finds the reading under which warping rebuilds the frames.

    While motion is steady, "to the previous" and "to the next with all signs turned" fit about
    equally; then "previous" is taken, because the renderer's velocity is that since the last frame.

    Args:
        frames: At least two consecutive frames, uint8 (H, W, 3).
        flows: The raw flow of each, float32 (H, W, 2).

    Raises:
        InputError: If there are too few frames, or motion decides nothing.
    """
    if len(frames) < 2 or len(frames) != len(flows):
        raise InputError(
            f"{len(frames)} frames with {len(flows)} flows: deciding needs two or more of both"
        )
    grey = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY).astype(np.float32) for f in frames]
    still = _mean([float(np.abs(a - b).mean()) for a, b in zip(grey[1:], grey[:-1], strict=True)])
    tried = {
        reading: _error(FlowConvention(*reading, 0.0, still), grey, flows)
        for reading in product(UNITS, _SIGNS, _SIGNS, DIRECTIONS)
    }
    best = {to: min((e, r) for r, e in tried.items() if r[3] == to) for to in DIRECTIONS}
    behind, ahead = best["previous"], best["next"]
    error, reading = ahead if ahead[0] * _APART < behind[0] else behind
    _check_decided(error, reading, tried, still)
    return FlowConvention(*reading, round(error, 4), round(still, 4))


Reading = tuple[str, int, int, str]


def _check_decided(
    error: float, reading: Reading, tried: dict[Reading, float], still: float
) -> None:
    unit, sign_x, sign_y, to = reading
    turned = {"x": tried[unit, -sign_x, sign_y, to], "y": tried[unit, sign_x, -sign_y, to]}
    if not error < _CLEAR * still:
        raise InputError(
            f"flow: no reading explains the frames (error {error:.3g} of {still:.3g} without "
            "flow); use frames with clear motion, recorded live and not replayed"
        )
    for axis, other in turned.items():
        if other < _APART * error:
            raise InputError(
                f"flow: too little motion along {axis} to decide its sign; use frames in which "
                "the camera drives and turns"
            )


def _error(convention: FlowConvention, grey: Sequence[F32], flows: Sequence[F32]) -> float:
    step = -1 if convention.to == "previous" else 1
    first = 1 if step == -1 else 0
    errors = []
    for index in range(first, first + len(grey) - 1):
        flow = convention.to_pixels(flows[index])
        if np.median(np.abs(flow) / np.array(flow.shape[1::-1])) > _LONGEST:
            return float("inf")
        warped = warp_grey(grey[index + step], flow)
        errors.append(float(np.abs(warped - grey[index]).mean()))
    return _mean(errors)


def warp_grey(image: F32, flow: F32) -> F32:
    """The picture that shows at p what `image` shows at p + flow."""
    height, width = image.shape[:2]
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    warped = cv2.remap(
        image,
        columns + flow[..., 0],
        rows + flow[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(warped, np.float32)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
