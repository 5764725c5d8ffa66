"""Small networks and real scene frames that the tests of the algorithm share."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from depth_snn.config import NetworkConfig
from depth_snn.data.scene import StreetScene
from depth_snn.models.build import Network
from depth_snn.models.vit import DepthViT
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.models.weights import load_network

Image = npt.NDArray[np.uint8]
ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = sorted((ROOT / "depth_snn" / "weights").glob("*.safetensors"))
CONVERTING = [path for path in WEIGHTS if not path.stem.endswith("_vit")]
"""Weights of the kind that is pruned and converted; the others are float twins."""
TINY = NetworkConfig(
    name="tiny", height=32, width=64, stem=(4, 8), dim=16, heads=(2, 2), head_dim=8, mlp=32,
    decoder=8,
)  # fmt: skip
"""Shape of the shipped tiny network: 32 tokens, 8 regions."""
STREET = NetworkConfig(name="street")
"""512 tokens, 128 regions, four layers: the size of picture that the shipped networks take."""
UNEVEN = NetworkConfig(
    name="uneven", height=16, width=32, stem=(5,), dim=12, heads=(3, 2), head_dim=4, mlp=20,
    classes=5, decoder=6,
)  # fmt: skip
"""32 tokens of 4×4 pixels, 8 regions; one level of stem; layers with different numbers of heads."""
DEEP = NetworkConfig(
    name="deep", height=32, width=48, stem=(3, 4, 6), dim=10, heads=(2,), head_dim=4, mlp=12,
    classes=3, decoder=5, region=1,
)  # fmt: skip
"""6 tokens of 16×16 pixels; three levels of stem; every token is a region."""

TWIN = replace(UNEVEN, name="twin", kind="vit", heads=(3, 3))
"""The float twin's shape beside UNEVEN: heads fill the width."""


@cache
def shipped_network(path: Path) -> DepthViTLoihi:
    """Weights that come with the project; shared, so tests must not change them."""
    model = load_network(path)
    assert isinstance(model, DepthViTLoihi)
    return model


def tiny_network() -> DepthViTLoihi:
    """The shipped tiny network; shared, so tests must not change it."""
    return shipped_network(ROOT / "depth_snn" / "weights" / "tiny.safetensors")


def random_network(config: NetworkConfig = UNEVEN, seed: int = 0) -> DepthViTLoihi:
    """A network whose norms are far from the identity, in evaluation mode."""
    torch.manual_seed(seed)
    model = DepthViTLoihi(config)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2.0)
    return model.eval()


@cache
def random_twin(config: NetworkConfig = TWIN, seed: int = 0) -> DepthViT:
    """A float twin whose tokens attend to some tokens much more than to others; shared."""
    torch.manual_seed(seed)
    model = DepthViT(config).eval()
    enliven(model)
    nn.init.normal_(model.pos_embed)
    return model


def enliven(model: Network) -> None:
    """Weights so large that the attention weighs as much as what a token says of itself."""
    for module in model.blocks.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.5 * module.in_features**-0.5)
            nn.init.normal_(module.bias, std=0.3)


@cache
def settled_network(config: NetworkConfig = TINY, seed: int = 0) -> DepthViTLoihi:
    """An untrained network whose norms know the frames of a scene; shared like the shipped ones."""
    torch.manual_seed(seed)
    model = DepthViTLoihi(config).train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = None  # the mean of all that is seen, however little
    with torch.no_grad():
        model(pictures(*scene_frames(config, 4)))
    return model.eval()


def pictures(*frames: Image) -> Tensor:
    """Frames (H, W, 3) as the network takes them, (B, 3, H, W)."""
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float()


def noise(config: NetworkConfig, count: int, seed: int = 0) -> list[Image]:
    """Frames of independent random pixels."""
    rng = np.random.default_rng(seed)
    shape = (config.height, config.width, 3)
    return [rng.integers(0, 256, shape).astype(np.uint8) for _ in range(count)]


@torch.inference_mode()
def dense_logits(model: Network, rgb: Image) -> npt.NDArray[np.float32]:
    """What the whole network says of a frame (N, cells²·classes)."""
    return model(pictures(rgb))[0].numpy()


@cache
def scene_frames(
    config: NetworkConfig = TINY, count: int = 12, seed: int = 3, camera: str = "standing"
) -> tuple[Image, ...]:
    """Frames of a built-in street in a network's size."""
    scene = StreetScene(
        seed, height=config.height, width=config.width, camera=camera, frames=max(count, 30)
    )
    return tuple(scene.frame(i).rgb for i in range(count))
