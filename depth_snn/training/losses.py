"""What training minimises: right classes, overlap of small ones, and likeness to a teacher."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from depth_snn.data.classes import IGNORE


def cell_labels(label: Tensor, side: int, classes: int) -> Tensor:
    """Share of each class in cells of ``side`` × ``side`` pixels.

    Args:
        label: Class per pixel (B, H, W), int64, 255 where ignored.
        side: Pixels along a cell.
        classes: Number of classes.

    Returns:
        (B, classes, H/side, W/side); the shares of a cell add up to that of its labelled pixels.
    """
    hot = functional.one_hot(label.clamp(max=classes), classes + 1)[..., :classes]
    return functional.avg_pool2d(hot.permute(0, 3, 1, 2).float(), side)


def segmentation_loss(scores: Tensor, target: Tensor, weights: Tensor, dice: float) -> Tensor:
    """Weighted cross-entropy against shares of classes, plus ``dice`` times the soft Dice loss.

    Args:
        scores: Logits of cells (B, classes, h, w).
        target: Shares from :func:`cell_labels`.
        weights: Weight of each class (classes,).
        dice: Weight of the Dice loss (Milletari et al. 2016), over the classes in the batch.
    """
    logs = functional.log_softmax(scores, 1)
    mass = target * weights[None, :, None, None]
    loss = -(mass * logs).sum() / mass.sum().clamp(min=1e-6)
    if dice:
        seen = target.sum(1, keepdim=True)
        share = logs.exp() * seen
        both = (share * target).sum((0, 2, 3))
        sizes = (share * share).sum((0, 2, 3)) + (target * target).sum((0, 2, 3))
        present = target.sum((0, 2, 3)) > 0
        loss = loss + dice * (1 - 2 * both[present] / sizes[present].clamp(min=1e-6)).mean()
    return loss


def teacher_loss(scores: Tensor, teacher: Tensor, weights: Tensor) -> Tensor:
    """Kullback–Leibler divergence from the teacher's classes to the student's, per cell.

    Args:
        scores: Logits of cells (B, classes, h, w).
        teacher: The teacher's, likewise.
        weights: Weight of each class; a cell counts as much as the class the teacher sees in it.
    """
    target = functional.softmax(teacher, 1)
    each = functional.kl_div(
        functional.log_softmax(scores, 1), target, reduction="none"
    ).sum(1)  # fmt: skip
    weight = weights[teacher.argmax(1)]
    return (each * weight).sum() / weight.sum()


def features_loss(student: list[Tensor], teacher: list[Tensor]) -> Tensor:
    """Mean squared difference of tokens after each block, in units of the teacher's variance."""
    terms = [
        functional.mse_loss(s, t) / t.var().clamp(min=1e-6)
        for s, t in zip(student, teacher, strict=True)
    ]
    return torch.stack(terms).mean()


def has_labels(label: Tensor) -> bool:
    """Whether any pixel counts."""
    return bool((label != IGNORE).any())
