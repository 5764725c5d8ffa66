"""Small networks and real scene frames that the tests of the algorithm share."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from depth_snn.config import NETWORKS, NetworkConfig
from depth_snn.data.scene import StreetScene
from depth_snn.models.vit_loihi import DepthViTLoihi, TokenNorm
from depth_snn.models.weights import load_model

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = sorted((ROOT / "depth_snn" / "weights").glob("*.safetensors"))
UNEVEN = NetworkConfig(
    name="uneven", height=16, width=32, patch=4, window=8, dim=12, heads=(3, 2), head_dim=4,
    mlp=20, classes=5, cells=2, region=2,
)  # fmt: skip
"""32 tokens, 8 regions; the layers have different numbers of heads."""


@cache
def shipped_network(path: Path) -> DepthViTLoihi:
    """Weights that come with the project; shared, so tests must not change them."""
    return load_model(path)


def tiny_network() -> DepthViTLoihi:
    """The shipped tiny network; shared, so tests must not change it."""
    return shipped_network(ROOT / "depth_snn" / "weights" / "tiny.safetensors")


def random_network(config: NetworkConfig = UNEVEN, seed: int = 0) -> DepthViTLoihi:
    """A network whose norms are far from the identity, in evaluation mode."""
    torch.manual_seed(seed)
    model = DepthViTLoihi(config)
    for module in model.modules():
        if isinstance(module, TokenNorm):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.3)
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2.0)
    return model.eval()


@cache
def scene_frames(
    name: str = "tiny", count: int = 12, seed: int = 3, camera: str = "standing"
) -> tuple[npt.NDArray[np.uint8], ...]:
    """Frames of a built-in street in a network's size."""
    config = NETWORKS[name]
    scene = StreetScene(
        seed, height=config.height, width=config.width, camera=camera, frames=max(count, 30)
    )
    return tuple(scene.frame(i).rgb for i in range(count))
