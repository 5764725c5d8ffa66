"""Heads cut physically: their rows and columns leave the matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from depth_snn.models.vit_loihi import Block, DepthViTLoihi


def head_importance(block: Block) -> Tensor:
    """Importance of each head (heads,): norm of the block's value-to-output path through it.

    ‖W_proj·diag(norm)‖ restricted to the head's columns, times ‖W_v‖ restricted to its rows.
    """
    scale, _ = block.norm_y.scale_shift()
    out = (block.proj.weight * scale).view(-1, block.heads, block.head_dim)
    value = block.v.weight.view(block.heads, block.head_dim, -1)
    importance: Tensor = out.norm(dim=(0, 2)) * value.norm(dim=(1, 2))
    return importance


def plan_heads(model: DepthViTLoihi, rates: Sequence[float]) -> list[list[int]]:
    """Heads to keep in each layer: its least important share goes, at least one head stays.

    Args:
        model: Network in evaluation mode.
        rates: Share to cut in each layer.
    """
    plan = []
    for block, rate in zip(model.blocks, rates, strict=True):
        cut = min(int(rate * block.heads + 1e-9), block.heads - 1)
        order = torch.argsort(head_importance(block), stable=True)
        plan.append(sorted(int(i) for i in order[cut:]))
    return plan


@torch.no_grad()
def cut_heads(model: DepthViTLoihi, keep: list[list[int]]) -> DepthViTLoihi:
    """A smaller network with only the heads in ``keep``.

    What the cut heads added on average is kept: at its running mean y leaves the norm as the norm's
    bias, which goes through the projection into its bias.

    Args:
        model: Network in evaluation mode; it is not changed.
        keep: Head numbers to keep, one list per layer.
    """
    config = replace(model.config, heads=tuple(len(k) for k in keep))
    small = DepthViTLoihi(config).eval()
    state = model.state_dict()
    for index, (block, heads) in enumerate(zip(model.blocks, keep, strict=True)):
        lanes = torch.cat(
            [torch.arange(h * block.head_dim, (h + 1) * block.head_dim) for h in heads]
        )
        gone = torch.ones(block.heads * block.head_dim, dtype=torch.bool)
        gone[lanes] = False
        name, norm = f"blocks.{index}", block.norm_y
        state[f"{name}.proj.bias"] = block.proj.bias + block.proj.weight[:, gone] @ norm.bias[gone]
        state[f"{name}.proj.weight"] = block.proj.weight[:, lanes]
        for part in ("q", "k", "v"):
            linear: nn.Linear = getattr(block, part)
            state[f"{name}.{part}.weight"] = linear.weight[lanes]
            state[f"{name}.{part}.bias"] = linear.bias[lanes]
        for key in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.norm_y.{key}"] = getattr(norm, key)[lanes]
    small.load_state_dict(state)
    return small
