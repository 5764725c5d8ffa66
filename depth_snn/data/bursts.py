"""Quality in the frames after something sudden, lag by lag, beside a reference stream's.

Frame matrices of all bursts are added per lag before any ratio is taken, so the score of a lag is
a global mIoU like the clip's own. A window is a sum too: those of several clips may be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_snn.data.metrics import Counts, Labels, miou, per_class_iou
from depth_snn.errors import InputError

LAST_LAG = 10
"""Frames after the first one of a burst that its window holds."""


@dataclass(frozen=True, eq=False)
class BurstWindow:
    """Counts at lags 0 to L after bursts, of a stream and of what it is measured against.

    Attributes:
        stream: int64 (L + 1, C, C), confusion matrices added over bursts, lag 0 the first frame.
        reference: The same of the reference stream, such as the dense network.
        bursts: Number of bursts counted.
        merged: Events that began inside another one's window and are counted as part of it.
        cut: Bursts left out because the clip ends before their window does.
    """

    stream: Counts
    reference: Counts
    bursts: int
    merged: int
    cut: int

    def __add__(self, other: BurstWindow) -> BurstWindow:
        if self.stream.shape != other.stream.shape:
            raise InputError(
                f"burst windows of shapes {self.stream.shape} and {other.stream.shape} cannot be "
                "added: use the same lags and classes"
            )
        return BurstWindow(
            self.stream + other.stream,
            self.reference + other.reference,
            self.bursts + other.bursts,
            self.merged + other.merged,
            self.cut + other.cut,
        )

    @property
    def last_lag(self) -> int:
        """The last lag L the window holds, in frames."""
        return len(self.stream) - 1


def burst_starts(first_frames: Iterable[int], last_lag: int = LAST_LAG) -> tuple[int, ...]:
    """Frames at which bursts begin, when events inside a running window belong to its burst.

    Otherwise a frame would count twice, once as the calm end of one burst and once as the start
    of the next.

    Args:
        first_frames: First frame of every event, in any order.
        last_lag: Last lag of a window, in frames.

    Raises:
        InputError: If a frame number or the lag is negative.
    """
    starts: list[int] = []
    if last_lag < 0:
        raise InputError(f"last lag {last_lag}: use 0 or a positive number of frames")
    for first in sorted(first_frames):
        if first < 0:
            raise InputError(f"burst event at frame {first}: frames count from 0")
        if not starts or first > starts[-1] + last_lag:
            starts.append(first)
    return tuple(starts)


def burst_masks(
    first_frames: Sequence[int], frames: int, last_lag: int = LAST_LAG
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which frames of a clip are scored as burst, and which lie outside all bursts.

    Neither holds frames of a window that the clip's end cuts, nor those that follow an event inside
    another one's window once that window is over: calm they are not.

    Args:
        first_frames: First frame of every event, in any order.
        frames: Frames T of the clip.
        last_lag: Last lag L, in frames.

    Returns:
        In a whole burst window, and more than L frames after every event or before the first, each
        bool (T,).

    Raises:
        InputError: If a frame number or the lag is negative.
    """
    burst, near = np.zeros(frames, bool), np.zeros(frames, bool)
    for start in burst_starts(first_frames, last_lag):
        if start + last_lag < frames:
            burst[start : start + last_lag + 1] = True
    for first in first_frames:
        near[first : first + last_lag + 1] = True
    return burst, ~near


def burst_window(
    stream: Counts,
    reference: Counts,
    first_frames: Sequence[int],
    last_lag: int = LAST_LAG,
) -> BurstWindow:
    """Adds up the frames after the events of one clip, by lag.

    Only whole windows count: one cut off by the clip's end would mix the lags of different bursts.
    Without any whole window the result holds no burst, so that clips can be added, and every
    score of it is an error.

    Args:
        stream: Confusion matrix of every frame, int64 (T, C, C), from `frame_matrices`; of the
            whole picture, or of the neighbourhood of the events only.
        reference: The same pixels under the reference stream.
        first_frames: First frame of every event, in any order.
        last_lag: Last lag L, in frames.

    Raises:
        InputError: If shapes do not fit, the two count other pixels, or a number is negative.
    """
    if stream.ndim != 3 or stream.shape != reference.shape:
        raise InputError(
            f"stream matrices of shape {stream.shape}, reference {reference.shape}: both must be "
            "(T, C, C)"
        )
    if not np.array_equal(stream.sum(axis=2), reference.sum(axis=2)):
        raise InputError(
            "stream and reference count other pixels: score both against the same truth and region"
        )
    starts = burst_starts(first_frames, last_lag)
    whole = [start for start in starts if start + last_lag < len(stream)]
    return BurstWindow(
        stream=_by_lag(stream, whole, last_lag),
        reference=_by_lag(reference, whole, last_lag),
        bursts=len(whole),
        merged=len(first_frames) - len(starts),
        cut=len(starts) - len(whole),
    )


def _by_lag(matrices: Counts, starts: Sequence[int], last_lag: int) -> Counts:
    out = np.zeros((last_lag + 1, *matrices.shape[1:]), np.int64)
    for start in starts:
        out += matrices[start : start + last_lag + 1]
    return out


@dataclass(frozen=True, eq=False)
class LagScores:
    """Scores by lag, each float64 (L + 1,), 0 to 1.

    Attributes:
        stream: Of the stream; NaN where it is not defined.
        reference: Of the reference; NaN where it is not defined.
    """

    stream: npt.NDArray[np.float64]
    reference: npt.NDArray[np.float64]

    @property
    def loss(self) -> npt.NDArray[np.float64]:
        """What the stream falls short of the reference, by lag; negative where it is better."""
        return self.reference - self.stream


def scores_by_lag(window: BurstWindow, classes: Sequence[int] | None = None) -> LagScores:
    """Mean IoU at every lag.

    Args:
        window: Counts by lag.
        classes: Classes of interest, such as pedestrian and vehicle: the mean runs over those that
            truth holds at the lag, NaN where it holds none. None: the mIoU of `metrics.miou`, over
            all classes that truth or prediction holds.

    Raises:
        InputError: If no burst was counted, a lag counts no pixel, or a class does not exist.
    """
    if window.bursts == 0:
        raise InputError(
            "no burst event has its whole window inside the clip: nothing to score; give a longer "
            "clip, more clips, or fewer lags"
        )
    known = window.stream.shape[1]
    if classes is not None and not (classes and all(0 <= c < known for c in classes)):
        raise InputError(f"classes of interest {list(classes)}: expected some of 0 to {known - 1}")
    ours, theirs = (
        np.array([_score(m, classes) for m in matrices])
        for matrices in (window.stream, window.reference)
    )
    return LagScores(ours, theirs)


def _score(matrix: Labels, classes: Sequence[int] | None) -> float:
    if classes is None:
        return miou(matrix)
    # By truth alone, so that stream and reference are means over the same classes.
    held = [c for c in classes if matrix[c].sum() > 0]
    return float(per_class_iou(matrix)[held].mean()) if held else float("nan")
