"""Trains RAFT-small on scenes, whose flow is exact, and measures motion sources on unseen ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from depth_snn.config import NetworkConfig
from depth_snn.data.scene.sampling import random_clip
from depth_snn.motion.base import MotionSource
from depth_snn.motion.raft import UPDATES, endpoint_error, picture, raft_network

UNSEEN = 2_000_000
"""First seed of the streets on which flow is measured; training counts up from zero."""
FAR_PX = 60.0
"""Flow beyond this teaches nothing: it is a cut, or a thing that jumps."""
FADE = 0.8
"""Earlier refinements count less, by this factor a step (Teed and Deng 2020)."""


@dataclass(frozen=True, eq=False)
class FlowPair:
    """Two frames with the flow between them.

    Attributes:
        before, now: Frames (H, W, 3).
        flow: (H, W, 2): what stands at p in ``now`` stood at p + flow in ``before``.
        seen: Where that place can be seen in ``before`` (H, W).
    """

    before: npt.NDArray[np.uint8]
    now: npt.NDArray[np.uint8]
    flow: npt.NDArray[np.float32]
    seen: npt.NDArray[np.bool_]


def flow_pairs(
    first_seed: int, *, height: int, width: int, each: int = 4, assets: str = "known"
) -> Iterator[FlowPair]:
    """Pairs of neighbouring frames without end, ``each`` of them from every street."""
    seed = first_seed
    while True:
        clip = random_clip(seed, height=height, width=width, frames=8 * each, assets=assets)
        for part in range(each):
            index = 8 * part + 4
            before, now = clip.labelled(index - 1), clip.frame(index)
            seen = ~now.occluded & (np.linalg.norm(now.flow, axis=-1) < FAR_PX)
            yield FlowPair(before.rgb, now.rgb, now.flow, seen)
        seed += 1


def flow_loss(guesses: list[Tensor], truth: Tensor, seen: Tensor) -> Tensor:
    """Mean |difference| over seen pixels, later refinements weighing more.

    Args:
        guesses: Flow after each refinement (B, 2, H, W).
        truth: The same, exact.
        seen: Where it counts (B, H, W), bool.
    """
    total = truth.new_zeros(())
    count = (2 * seen.sum()).clamp(min=1)
    for age, guess in enumerate(reversed(guesses)):
        total = total + FADE**age * ((guess - truth).abs() * seen[:, None]).sum() / count
    return total


def train_raft(
    *, steps: int, batch: int = 2, height: int = 128, width: int = 256, seed: int = 0,
    learning_rate: float = 4e-4, start: nn.Module | None = None,
    on_step: Callable[[int, float], None] | None = None,
) -> nn.Module:  # fmt: skip
    """Train RAFT-small from a seed; same seed, same machine, same weights."""
    torch.manual_seed(seed)
    model = (start or raft_network()).train()
    optimiser = torch.optim.AdamW(model.parameters(), learning_rate, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, learning_rate, total_steps=steps + 1, pct_start=0.1
    )
    pairs = flow_pairs(seed * 1_000_003, height=height, width=width)
    for step in range(steps):
        drawn = [next(pairs) for _ in range(batch)]
        now, before = (
            torch.cat([picture(p) for p in side])
            for side in ([d.now for d in drawn], [d.before for d in drawn])
        )
        truth = torch.from_numpy(np.stack([d.flow for d in drawn])).permute(0, 3, 1, 2)
        seen = torch.from_numpy(np.stack([d.seen for d in drawn]))
        loss = flow_loss(model(now, before, num_flow_updates=UPDATES), truth, seen)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if on_step:
            on_step(step + 1, float(loss.detach()))
    return model.eval()


def flow_errors(
    sources: dict[str, MotionSource], config: NetworkConfig, *, pairs: int, assets: str = "known"
) -> dict[str, float]:
    """Mean endpoint error in pixels of each source on unseen streets, and of no motion at all."""
    stream = flow_pairs(UNSEEN, height=config.height, width=config.width, assets=assets)
    found: dict[str, list[float]] = {name: [] for name in ("none", *sources)}
    for _ in range(pairs):
        pair = next(stream)
        found["none"].append(endpoint_error(np.zeros_like(pair.flow), pair.flow, pair.seen))
        for name, source in sources.items():
            flow = source.measure(pair.before, pair.now).flow
            found[name].append(endpoint_error(flow, pair.flow, pair.seen))
    return {name: float(np.mean(values)) for name, values in found.items()}
