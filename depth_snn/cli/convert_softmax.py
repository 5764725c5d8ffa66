"""Networks with softmax attention for `depth-snn convert`: timm's ViTs and the float twin.

They have no recovery gates: every token is open, and what the pruned network would spare is not
spared. `timm:NAME?key=value&…` names a model of timm's; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt

from depth_snn.cli.common import policy_changes
from depth_snn.errors import ConfigError, InputError, MissingDependency, no_file

if TYPE_CHECKING:
    from torch import nn

    from conversion.graph import Graph
    from conversion.quant_config import QuantConfig

    Watch = Callable[[str, Graph], None]

PREFIX = "timm:"
SEED = 0
KEYS = {
    "img_size": (16, 1024), "seed": (0, 2**32 - 1), "embed_dim": (1, 2048), "depth": (1, 64),
    "num_heads": (1, 64), "patch_size": (2, 64), "num_classes": (1, 2**16),
}  # fmt: skip
"""Whole numbers that may follow the name, each with its range; ``weights`` names a file."""
MAX_VALUES = 2**28


def has_softmax(spec: str) -> bool:
    """Whether a network given by name or path has softmax attention."""
    if spec.startswith(PREFIX):
        return True
    from depth_snn.models.weights import facts_of, find_weights, is_ours

    path = find_weights(spec)
    if not path.is_file() or not is_ours(path):
        return False  # what reads it says what is wrong
    try:
        return bool(json.loads(facts_of(path)["config"])["kind"] == "vit")
    except Exception:
        return False


def refuse_policy(args: argparse.Namespace) -> None:
    """Refuse options of pruning and recovery, which such a graph has neither of.

    Raises:
        ConfigError: naming the first of them.
    """
    given = {
        "policy": args.policy, **policy_changes(args),
        "errors": args.errors or None, "tune": args.tune,
    }  # fmt: skip
    for name, value in given.items():
        if value is not None:
            option = "no-recovery" if name == "recovery" else name.replace("_", "-")
            raise ConfigError(
                f"--{option}: network {args.network!r} has softmax attention, so its graph has no "
                "gates to prune with; leave it out"
            )


def softmax_graph(
    spec: str, calibrate: str | None, quant: QuantConfig | None = None,
    watch: Watch = lambda name, graph: None,
) -> Graph:  # fmt: skip
    """The integer graph of a network with softmax attention, without gates.

    Args:
        spec: ``timm:NAME?…``, or the name or path of weights of the project's own.
        calibrate: Clip that fixes the scales; None for built-in scenes.
        quant: Bit widths and thresholds.
        watch: Told of each pass.

    Raises:
        ConfigError, InputError, GraphError: in one line, saying what is wrong.
    """
    from conversion.convert import convert

    model, size = softmax_network(spec)
    frames = list(calibration_frames(size, calibrate))  # a bad clip is told before any pass runs
    return convert(model, None, None, frames, quant, watch)


def softmax_network(spec: str) -> tuple[nn.Module, tuple[int, int]]:
    """Model in evaluation mode, and height and width of its pictures."""
    if spec.startswith(PREFIX):
        model = timm_model(spec)
        height, width = model.patch_embed.img_size
        return model, (int(height), int(width))
    from depth_snn.models.weights import find_weights, load_network

    twin = load_network(find_weights(spec))
    return twin, (twin.config.height, twin.config.width)


def calibration_frames(
    size: tuple[int, int], calibrate: str | None
) -> Iterator[npt.NDArray[np.uint8]]:
    """Frames (H, W, 3) of a clip, or of built-in scenes, that fix the scales."""
    from depth_snn.cli.chain.setup import CALIBRATION_FRAMES, CALIBRATION_SEED
    from depth_snn.data.frames import open_frames
    from depth_snn.data.scene import sample_frames

    height, width = size
    if calibrate is not None:
        for frame in open_frames(calibrate, height=height, width=width, limit=CALIBRATION_FRAMES):
            yield frame.rgb
        return
    for sample in sample_frames(
        CALIBRATION_SEED, CALIBRATION_FRAMES, height=height, width=width, per_street=1
    ):
        yield sample.rgb


def timm_model(spec: str) -> nn.Module:
    """A model of timm's, from a seed or from a safetensors file; nothing is downloaded.

    Args:
        spec: ``timm:vit_tiny_patch16_224?img_size=64&weights=FILE.safetensors``, for example.

    Raises:
        ConfigError: if timm knows no such ViT, or an option is unknown or out of range.
        InputError: if the weights do not fit it.
        MissingDependency: if timm is not installed.
    """
    name, options, weights = parse(spec)
    try:
        import timm
    except ImportError:
        raise MissingDependency(
            f"network {spec!r}: timm is not installed; `pip install 'timm>=1.0'`"
        ) from None
    import torch

    if name not in timm.list_models("*vit*"):
        raise ConfigError(f"network {spec!r}: timm has no ViT named {name!r}")
    torch.manual_seed(options.pop("seed", SEED))
    try:
        model: nn.Module = timm.create_model(name, pretrained=False, **options)
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"network {spec!r}: timm cannot make it ({first})") from None
    if weights is not None:
        _fill(model, weights)
    return model.eval()


def parse(spec: str) -> tuple[str, dict[str, int], Path | None]:
    """Name, whole numbers and weights file of a ``timm:`` network.

    Raises:
        ConfigError: naming the option that is unknown or out of range.
    """
    name, _, query = spec.removeprefix(PREFIX).partition("?")
    options: dict[str, int] = {}
    weights: Path | None = None
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key == "weights":
            weights = Path(value)
            continue
        if key not in KEYS:
            known = ", ".join(sorted([*KEYS, "weights"]))
            raise ConfigError(f"network {spec!r}: unknown option {key!r}; known are {known}")
        low, high = KEYS[key]
        if not value.isdecimal() or not low <= int(value) <= high:
            raise ConfigError(
                f"network {spec!r}: {key} {value!r}, expected a whole number from {low} to {high}"
            )
        options[key] = int(value)
    if not name:
        raise ConfigError(f"network {spec!r}: no name; for example timm:vit_tiny_patch16_224")
    return name, options, weights


def _fill(model: nn.Module, path: Path) -> None:
    """Copy weights of a safetensors file into a model; every tensor must be there and fit."""
    import torch
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        advice = "no such weights file; expected safetensors of the timm model"
        raise InputError(no_file(path, advice))
    try:
        with safe_open(path, framework="pt") as file, torch.no_grad():
            present = set(file.keys())
            for key, tensor in model.state_dict().items():
                if key not in present:
                    raise InputError(f"{path}: tensor {key!r} of the timm model is missing")
                shape = tuple(file.get_slice(key).get_shape())
                if shape != tuple(tensor.shape) or tensor.numel() > MAX_VALUES:
                    raise InputError(
                        f"{path}: {key} has shape {shape}, expected {tuple(tensor.shape)}"
                    )
                tensor.copy_(file.get_tensor(key))
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable weights file ({first})") from None
