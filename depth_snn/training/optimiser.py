"""Optimisers of a training run, and the schedule of their learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from depth_snn.errors import ConfigError
from depth_snn.models.build import Network
from depth_snn.training.recipe import TrainRecipe


def learning_rate(step: int, recipe: TrainRecipe) -> float:
    """Linear warm-up, then cosine to zero."""
    if step < recipe.warmup:
        return recipe.learning_rate * (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def make_optimiser(model: Network, recipe: TrainRecipe) -> torch.optim.Optimizer:
    """AdamW, or Muon for the matrices inside the network and AdamW for the rest.

    Only matrices and kernels decay. Muon (Jordan et al. 2024) makes every step of a matrix
    orthogonal; with the scale of Liu et al. 2025 (arXiv 2502.16982) its steps are as large as
    AdamW's, so one learning rate serves both.

    Raises:
        ConfigError: if Muon is asked for and timm, which holds it, is absent.
    """
    named = list(model.named_parameters())
    if recipe.optimiser == "muon":
        inside = {n for n, p in named if _is_inside(n, p)}
        groups = [
            {"params": [p for n, p in named if n in inside], "weight_decay": recipe.weight_decay},
            {
                "params": [p for n, p in named if n not in inside],
                "weight_decay": 0.0,
                "use_fallback": True,
            },
        ]
        return _muon()(
            groups, lr=recipe.learning_rate, nesterov=True, adjust_lr_fn="match_rms_adamw"
        )
    matrices = [p for n, p in named if p.ndim > 1 and not n.startswith("pos")]
    others = [p for n, p in named if p.ndim <= 1 or n.startswith("pos")]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate)


def _is_inside(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is a matrix between features: not positions, pixels or classes."""
    outer = name.startswith(("pos", "stem.convs.0.", "decoder.classes."))
    return parameter.ndim > 1 and not outer


def _muon() -> Callable[..., torch.optim.Optimizer]:
    try:
        from timm.optim import Muon
    except ImportError:
        raise ConfigError(
            "optimiser 'muon' needs timm (pip install '.[train]'); or set optimiser = 'adamw'"
        ) from None
    found: Callable[..., torch.optim.Optimizer] = Muon
    return found
