"""RAFT-small as a motion source: exact and dear, weights from a local file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError, InputError, MissingDependency, no_file
from depth_snn.motion.base import Flow, Image, Motion, Vectors, explain

UPDATES = 4
"""Refinements of the flow; the published network makes 12 and costs more than it gains here."""


def raft_network() -> nn.Module:
    """Torchvision's RAFT-small (Teed and Deng 2020) with random weights.

    Raises:
        MissingDependency: if torchvision is absent.
    """
    try:
        from torchvision.models.optical_flow import raft_small
    except ImportError:
        raise MissingDependency(
            "RAFT needs torchvision: pip install torchvision, or use motion dis, codec or patch"
        ) from None
    made: nn.Module = raft_small(weights=None, progress=False)
    return made


def load_raft(path: Path) -> nn.Module:
    """RAFT-small with the weights of a safetensors file, in evaluation mode.

    Names and shapes are compared before any tensor is read, so a wrong file takes no memory.

    Raises:
        InputError: if the file is missing, damaged or holds another network.
    """
    if not path.is_file():
        raise InputError(no_file(path, "no such weights file; train with `depth-snn flow --train`"))
    model = raft_network()
    state = model.state_dict()
    try:
        with safe_open(path, framework="pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            wanted = {name: tuple(tensor.shape) for name, tensor in state.items()}
            odd = sorted(name for name, _ in found.items() ^ wanted.items())
            if odd:
                raise InputError(f"{path}: not the weights of RAFT-small (tensor {odd[0]!r})")
            for name, tensor in state.items():
                tensor.copy_(file.get_tensor(name))
    except (SafetensorError, OSError, RuntimeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not the weights of RAFT-small ({first})") from None
    if not all(torch.isfinite(tensor).all() for tensor in state.values()):
        raise InputError(f"{path}: holds weights that are not finite; train RAFT again")
    return model.eval()


def picture(rgb: Image) -> Tensor:
    """A frame (H, W, 3) as RAFT takes it: (1, 3, H, W), −1 to 1."""
    return torch.from_numpy(rgb)[None].permute(0, 3, 1, 2).float() / 127.5 - 1


class RaftFlow:
    """RAFT-small, minus the camera's motion.

    Args:
        config: Shape of the segmentation network; RAFT needs at least 128 pixels each way.
        path: Its weights, as `depth-snn flow` writes them.

    Raises:
        ConfigError: if frames are too small for it.
    """

    name = "raft"

    def __init__(self, config: NetworkConfig, path: Path) -> None:
        if min(config.height, config.width) < 128 or config.height % 8 or config.width % 8:
            raise ConfigError(
                f"motion raft: frames of {config.width}×{config.height}; RAFT needs at least "
                "128 pixels each way, in multiples of 8"
            )
        self.config, self.model = config, load_raft(path)
        self.macs = raft_macs(self.model, config)

    @torch.inference_mode()
    def measure(self, before: Image, now: Image, vectors: Vectors | None = None) -> Motion:
        """See :class:`~depth_snn.motion.base.MotionSource`."""
        flow = self.model(picture(now), picture(before), num_flow_updates=UPDATES)[-1]
        back: Flow = np.ascontiguousarray(flow[0].permute(1, 2, 0).numpy(), np.float32)
        found = explain(back, self.config)
        return replace(found, macs=found.macs + self.macs)


def raft_macs(model: nn.Module, config: NetworkConfig) -> int:
    """MACs of one pair of frames, as torch counts them: convolutions and the correlation.

    Looking up the correlation, norms and the last upsampling, under one percent, stay out.
    """
    from torch.utils.flop_counter import FlopCounterMode

    blank = torch.zeros(1, 3, config.height, config.width)
    # In inference mode operations do not pass by the counter, and it would say 0.
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(blank, blank, num_flow_updates=UPDATES)
    return int(counter.get_total_flops()) // 2


def endpoint_error(
    flow: Flow, truth: npt.NDArray[np.float32], seen: npt.NDArray[np.bool_]
) -> float:
    """Mean distance in pixels between a flow and the true one (H, W, 2), where it can be seen."""
    return float(np.linalg.norm(flow - truth, axis=-1)[seen].mean())
