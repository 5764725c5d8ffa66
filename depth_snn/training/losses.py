"""What training minimises: right classes, overlap of small ones, and likeness to a teacher."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from depth_snn.data.classes import IGNORE
from depth_snn.upsample import FACTOR


def pixel_scores(cells: Tensor) -> Tensor:
    """Scores of pixels (B, classes, H, W), as the class map has them, from those of cells."""
    return functional.interpolate(
        cells, scale_factor=FACTOR, mode="bilinear", align_corners=False
    )  # fmt: skip


def segmentation_loss(scores: Tensor, label: Tensor, weights: Tensor, dice: float) -> Tensor:
    """Weighted cross-entropy plus ``dice`` times the soft Dice loss.

    Args:
        scores: Logits of pixels (B, classes, H, W).
        label: Class per pixel (B, H, W), int64, 255 where ignored.
        weights: Weight of each class (classes,).
        dice: Weight of the Dice loss (Milletari et al. 2016), over the classes in the batch.
    """
    logs = functional.log_softmax(scores, 1)
    loss = functional.nll_loss(logs, label, weights, ignore_index=IGNORE)
    if dice:
        seen = (label != IGNORE)[:, None]
        share = logs.exp() * seen
        truth = torch.zeros_like(share)
        truth.scatter_(1, (label * seen[:, 0])[:, None], seen.to(truth.dtype))
        both = (share * truth).sum((0, 2, 3))
        sizes = (share * share).sum((0, 2, 3)) + truth.sum((0, 2, 3))
        present = truth.sum((0, 2, 3)) > 0
        loss = loss + dice * (1 - 2 * both[present] / sizes[present].clamp(min=1e-6)).mean()
    return loss


def teacher_loss(
    scores: Tensor, teacher: Tensor, weights: Tensor, counts: Tensor | None = None
) -> Tensor:
    """Kullback–Leibler divergence from the teacher's classes to the student's, per cell.

    Args:
        scores: Logits of cells (B, classes, h, w).
        teacher: The teacher's, likewise.
        weights: Weight of each class; a cell counts as much as the class the teacher sees in it.
        counts: Cells that count (B, h, w), bool; None for all.
    """
    target = functional.softmax(teacher, 1)
    each = functional.kl_div(
        functional.log_softmax(scores, 1), target, reduction="none"
    ).sum(1)  # fmt: skip
    weight = weights[teacher.argmax(1)]
    if counts is not None:
        weight = weight * counts
    return (each * weight).sum() / weight.sum()


def features_loss(student: list[Tensor], teacher: list[Tensor]) -> Tensor:
    """Mean squared difference of tokens after each block, in units of the teacher's variance."""
    terms = [
        functional.mse_loss(s, t) / t.var().clamp(min=1e-6)
        for s, t in zip(student, teacher, strict=True)
    ]
    return torch.stack(terms).mean()
