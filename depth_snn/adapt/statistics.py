"""What a scene looks like, in a few numbers of one frame and the last; NumPy and OpenCV only.

They are what weather classifiers have long read from road pictures: level and spread of light,
colour, the sky, contrast that haze takes from far things, fine noise that rain adds.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from depth_snn.errors import InputError

Floats = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

NAMES = (
    "luma", "spread", "dark", "bright", "saturation", "warmth", "sky_luma", "sky_saturation",
    "sky_warmth", "ground_luma", "far_contrast", "near_contrast", "streaks", "flicker",
)  # fmt: skip
"""The statistics, in the order of every vector of them.

Mean and standard deviation of luma; shares of dark and of bright places; mean saturation; log ratio
of red to blue; luma, saturation and warmth of the upper quarter; luma of the lower quarter; mean
step between neighbouring places in the band around the horizon, where haze shows, and below it;
fine structure across rain's fall and change from frame to frame, both at sparse pixels.
"""
FLICKER = NAMES.index("flicker")
RESOLUTION = (
    0.5, 0.5, 0.005, 0.005, 0.005, 0.01, 0.5, 0.005, 0.01, 0.5, 0.25, 0.25, 0.25, 0.5,
)  # fmt: skip
"""A difference of each statistic that says nothing: half a grey level, half a percent …"""
CUT = 20.0
"""Grey levels of flicker from which on the picture is another one, not a noisy one."""

ROWS, COLUMNS = 32, 64
"""Size of the thumbnail."""
DARK, BRIGHT = 40.0, 215.0
"""Grey levels below and above which a place of the thumbnail is dark or bright."""
SPARSE = 4
"""Fine structure and flicker are read at every fourth pixel of every fourth row."""
_LUMA = np.array([0.299, 0.587, 0.114])
_SKY, _FAR, _GROUND = slice(0, 8), slice(11, 19), slice(24, 32)


class Statistics:
    """Statistics of a stream's frames; remembers sparse pixels of the last frame.

    Args:
        height, width: Size of the frames in pixels.

    Attributes:
        macs: Multiply-accumulates of one frame's statistics; whoever uses them is charged.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.macs = statistics_macs(height, width)
        self._last: npt.NDArray[np.int16] | None = None

    def measure(self, rgb: Image) -> Floats:
        """Statistics (F,) of the next frame (H, W, 3); flicker is NaN on the first and at a cut.

        Raises:
            InputError: The frame has another size or type.
        """
        if rgb.shape != (self.height, self.width, 3) or rgb.dtype != np.uint8:
            raise InputError(
                f"a frame of {rgb.dtype} {rgb.shape}; expected uint8 "
                f"{(self.height, self.width, 3)} to take a scene's statistics of"
            )
        sparse = rgb[::SPARSE, ::SPARSE, 1].astype(np.int16)
        flicker = float("nan")
        if self._last is not None:
            # The median: what moves is no noise, and it fills less than half of a street.
            flicker = float(np.median(np.abs(sparse - self._last)))
            flicker = flicker if flicker < CUT else float("nan")
        self._last = sparse
        small = cv2.resize(rgb, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA).astype(np.float64)
        return np.array([*_of_thumbnail(small), _streaks(rgb), flicker])


def statistics_macs(height: int, width: int) -> int:
    """Closed form of the work: one per value read and one per value of every sum and product.

    The thumbnail reads every value once; a place of it takes 3 for luma, 4 for saturation and the
    log ratio, 4 for mean, spread and shares, and 3 for the two steps; a sparse pixel takes 3 for
    fine structure and 2 for flicker.
    """
    sparse = -(-height // SPARSE) * -(-width // SPARSE)
    return 3 * height * width + ROWS * COLUMNS * 14 + sparse * 5


def _of_thumbnail(small: Floats) -> list[float]:
    luma = small @ _LUMA
    vivid = (small.max(2) - small.min(2)) / 255
    across, down = np.abs(np.diff(luma, axis=1)), np.abs(np.diff(luma, axis=0))
    return [
        float(luma.mean()), float(luma.std()),
        float((luma < DARK).mean()), float((luma > BRIGHT).mean()),
        float(vivid.mean()), _warmth(small),
        float(luma[_SKY].mean()), float(vivid[_SKY].mean()), _warmth(small[_SKY]),
        float(luma[_GROUND].mean()),
        float(across[_FAR].mean() + down[_FAR].mean()),
        float(across[_GROUND].mean() + down[_GROUND.start : -1].mean()),
    ]  # fmt: skip


def _warmth(small: Floats) -> float:
    return float(np.log((small[..., 0].mean() + 1) / (small[..., 2].mean() + 1)))


def _streaks(rgb: Image) -> float:
    """Mean size of the second difference across the picture; streaks of rain are thin uprights."""
    rows = rgb[::SPARSE, :, 1].astype(np.int16)
    middle = rows[:, 1:-1:SPARSE]
    left, right = rows[:, 0:-2:SPARSE], rows[:, 2::SPARSE]
    count = min(middle.shape[1], left.shape[1], right.shape[1])
    return float(np.abs(left[:, :count] - 2 * middle[:, :count] + right[:, :count]).mean())
