"""Steadiness in time: does the answer stay with the point it was given for, and is it right?

Two families. *Temporal consistency* compares a stream with itself along the flow; truth only says
which pixels are ignored, so a frozen output can score high in it. *Correctness-conditioned
consistency* asks for the right answer at both ends of the flow, so that being steadily wrong earns
nothing.

Sources. Consistency as mIoU between the warped previous map and the current one: Liu et al.,
"Efficient Semantic Video Segmentation with Per-frame Inference" (ECCV 2020), there with estimated
flow and without regard to occlusion. Consistency given the truth: after VC of Miao et al., "VSPW:
A Large-scale Dataset for Video Scene Parsing in the Wild" (CVPR 2021), which counts pixels at rest
in the picture; here a point is followed along exact flow instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_snn.data.classes import IGNORE
from depth_snn.data.metrics import Bool, Counts, Labels, confusion_matrix, miou, pixel_accuracy
from depth_snn.data.warp import Flow, visible_before, warp_labels
from depth_snn.errors import InputError


@dataclass(frozen=True, eq=False)
class Pair:
    """One frame and the frame before it, with the exact motion between them.

    Attributes:
        before: Predicted classes of the frame before (H, W).
        now: Predicted classes of this frame (H, W).
        truth_before: True classes of the frame before (H, W); IGNORE is left out.
        truth_now: True classes of this frame (H, W); IGNORE is left out.
        flow: (H, W, 2) in pixels: p shows what stood at p + flow in the frame before.
        occluded: bool (H, W), true where that point was hidden in the frame before.
    """

    before: Labels
    now: Labels
    truth_before: Labels
    truth_now: Labels
    flow: Flow
    occluded: Bool

    def __post_init__(self) -> None:
        shapes = {m.shape for m in (self.before, self.now, self.truth_before, self.truth_now)}
        if len(shapes) != 1 or self.occluded.shape not in shapes:
            raise InputError(
                f"maps of shapes {sorted(shapes)}, occlusion of shape {self.occluded.shape}: "
                "a pair needs one shape (H, W)"
            )

    def counted(self) -> Bool:
        """Pixels (H, W) seen in both frames and labelled in both."""
        seen = visible_before(self.flow, self.occluded) & (self.truth_now != IGNORE)
        return np.asarray(seen & (warp_labels(self.truth_before, self.flow) != IGNORE), bool)


@dataclass(frozen=True, eq=False)
class TemporalCounts:
    """What is counted over pairs of frames; counts of frames and clips may be added.

    Attributes:
        pairs: int64 (C, C), row = class predicted before, carried along the flow, column = class
            predicted now.
        right: int64 (C, 2, 2), [true class, right before, right now] where truth gives the point
            the same class in both frames.
    """

    pairs: Counts
    right: Counts

    def __add__(self, other: TemporalCounts) -> TemporalCounts:
        if self.pairs.shape != other.pairs.shape:
            raise InputError(
                f"counts of {len(self.pairs)} and {len(other.pairs)} classes cannot be added"
            )
        return TemporalCounts(self.pairs + other.pairs, self.right + other.right)


def count_pair(pair: Pair, classes: int, where: Bool | None = None) -> TemporalCounts:
    """Counts one pair of frames.

    Args:
        pair: The two frames.
        classes: Number of classes C.
        where: Pixels of this frame to count, bool (H, W), such as those that move; all when None.

    Raises:
        InputError: If shapes do not fit or a counted value is not a class.
    """
    counted = pair.counted()
    if where is not None:
        if where.shape != counted.shape:
            raise InputError(f"pixels to count of shape {where.shape}: expected {counted.shape}")
        counted &= where
    before, old = (warp_labels(m, pair.flow)[counted] for m in (pair.before, pair.truth_before))
    now, new = pair.now[counted], pair.truth_now[counted]
    for name, values in (("prediction", before), ("prediction", now), ("truth", new)):
        _require_classes(name, values, classes)
    pairs = confusion_matrix(now, before, classes, ignore=-1)
    # At an edge the nearest old pixel may belong to the neighbour: truth itself disagrees there.
    same = old == new
    truth = new[same].astype(np.int64)
    was, is_now = before[same] == truth, now[same] == truth
    flat = np.bincount(truth * 4 + was * 2 + is_now, minlength=classes * 4)
    return TemporalCounts(pairs, flat.reshape(classes, 2, 2).astype(np.int64))


def count_clip(
    pred: Labels,
    truth: Labels,
    flow: Flow | Iterable[Flow],
    occluded: Bool | Iterable[Bool],
    classes: int,
    where: Bool | None = None,
) -> TemporalCounts:
    """Counts all pairs of neighbouring frames of a clip.

    Args:
        pred: Predicted classes (T, H, W), T ≥ 2.
        truth: True classes (T, H, W); IGNORE is left out.
        flow: (T, H, W, 2) in pixels, one per frame; that of frame 0 is not used.
        occluded: bool (T, H, W), one per frame; that of frame 0 is not used.
        classes: Number of classes.
        where: Pixels to count, bool (T, H, W), such as those that move; all when None.

    Raises:
        InputError: If there is no pair, shapes do not fit, or a value is not a class.
    """
    if pred.shape != truth.shape or pred.ndim != 3 or len(pred) < 2:
        raise InputError(
            f"prediction of shape {pred.shape}, truth of shape {truth.shape}: consistency needs "
            "both as (T, H, W) with at least two frames"
        )
    flows, hidden = list(flow), list(occluded)
    if where is not None and where.shape != pred.shape:
        raise InputError(f"pixels to count of shape {where.shape}: expected {pred.shape}")
    if not len(pred) == len(flows) == len(hidden):
        raise InputError(
            f"{len(pred)} frames, {len(flows)} flows, {len(hidden)} occlusions: give one per frame"
        )
    total = _none(classes)
    for t in range(1, len(pred)):
        pair = Pair(pred[t - 1], pred[t], truth[t - 1], truth[t], flows[t], hidden[t])
        total = total + count_pair(pair, classes, None if where is None else where[t])
    return total


def _require_classes(name: str, values: Labels, classes: int) -> None:
    if not np.issubdtype(values.dtype, np.integer):
        raise InputError(f"{name} of type {values.dtype}: expected whole class numbers")
    if values.size and (values.min() < 0 or values.max() >= classes):
        wrong = values[(values < 0) | (values >= classes)][0]
        raise InputError(f"{name} holds class {wrong}: expected 0 to {classes - 1}")


def _none(classes: int) -> TemporalCounts:
    return TemporalCounts(
        np.zeros((classes, classes), np.int64), np.zeros((classes, 2, 2), np.int64)
    )


def temporal_agreement(counts: TemporalCounts) -> float:
    """Share of points that keep their predicted class along the flow (0 to 1), right or wrong.

    Raises:
        InputError: If no point was seen in two frames.
    """
    return pixel_accuracy(counts.pairs)


def temporal_miou(counts: TemporalCounts) -> float:
    """Mean IoU between the warped previous map and the current one (0 to 1), right or wrong.

    Liu et al. 2020, over the classes that either map holds. It is symmetric in the two maps.

    Raises:
        InputError: If no point was seen in two frames.
    """
    return miou(counts.pairs)


def per_class_correct_consistency(counts: TemporalCounts) -> npt.NDArray[np.float64]:
    """Of each true class's points, the share predicted right both before and now.

    Returns:
        float64 (C,), 0 to 1; NaN for a class without such points.
    """
    points = counts.right.sum(axis=(1, 2)).astype(np.float64)
    out = np.full(points.shape, np.nan)
    np.divide(counts.right[:, 1, 1], points, out=out, where=points > 0)
    return out


def correct_consistency(counts: TemporalCounts) -> float:
    """Share of followed points that are right both before and now (0 to 1).

    Over points seen in both frames to which truth gives one class c:

        Σ [pred₋ = c and pred = c] ÷ number of points

    A point that is wrong at either end scores 0, so: a frozen wrong output scores 0; an output
    that is right and at rest in a scene at rest scores 1; a frozen output in a moving scene loses
    every point whose place it did not follow; a flickering output loses every point that changes.
    The score never exceeds the accuracy over these points in either frame. It is the product
    `ever_right` · `steadiness`; that second factor alone would let a frozen output off, because
    points wrong in both frames leave its denominator.

    Raises:
        InputError: If no point was seen in two frames.
    """
    return float(counts.right[:, 1, 1].sum() / _points(counts))


def class_correct_consistency(counts: TemporalCounts) -> float:
    """`correct_consistency` as a mean over the true classes, so that small ones count (0 to 1).

    Raises:
        InputError: If no point was seen in two frames.
    """
    _points(counts)
    return float(np.nanmean(per_class_correct_consistency(counts)))


def ever_right(counts: TemporalCounts) -> float:
    """Share of followed points that are right before or now (0 to 1).

    Raises:
        InputError: If no point was seen in two frames.
    """
    return 1.0 - float(counts.right[:, 0, 0].sum() / _points(counts))


def steadiness(counts: TemporalCounts) -> float:
    """Of the points right before or now, the share right both times (0 to 1).

    It tells flicker apart from error, and must not stand alone: points wrong both times do not
    count. Where nothing was ever right it is 0, since nothing right was kept.

    Raises:
        InputError: If no point was seen in two frames.
    """
    _points(counts)
    kept = counts.right[:, 1, 1].sum()
    either = counts.right.sum() - counts.right[:, 0, 0].sum()
    return float(kept / either) if either else 0.0


def _points(counts: TemporalCounts) -> int:
    points = int(counts.right.sum())
    if points == 0:
        raise InputError(
            "no labelled point is seen in two neighbouring frames: consistency is unknown, give at "
            "least two labelled frames with flow"
        )
    return points
