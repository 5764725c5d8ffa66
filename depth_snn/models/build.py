"""A network from its shape."""

from __future__ import annotations

from depth_snn.config import NetworkConfig
from depth_snn.models.vit import DepthViT
from depth_snn.models.vit_loihi import DepthViTLoihi

Network = DepthViT | DepthViTLoihi


def build_network(config: NetworkConfig) -> Network:
    """An untrained network of the kind its shape names.

    Raises:
        ConfigError: if the shape does not suit the kind.
    """
    return DepthViT(config) if config.kind == "vit" else DepthViTLoihi(config)
