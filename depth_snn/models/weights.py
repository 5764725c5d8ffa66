"""Weights as safetensors: plain arrays and one JSON header, nothing executable."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError, InputError
from depth_snn.models.vit_loihi import DepthViTLoihi

FORMAT_VERSION = "1"
MAX_TENSOR_VALUES = 2**28


def save_model(model: DepthViTLoihi, path: Path | str, facts: dict[str, str] | None = None) -> None:
    """Write weights and the network's shape; an existing file is replaced only at the end.

    Args:
        model: The network.
        path: Where to.
        facts: Further text for the file's header (seed, steps, measured accuracy).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"format_version": FORMAT_VERSION, "config": json.dumps(model.config.to_dict())}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    tensors = {
        k: v.detach().to("cpu", copy=True).contiguous()
        for k, v in model.state_dict().items()
        if not k.endswith("num_batches_tracked")
    }
    try:
        save_file(tensors, temporary, metadata=header | (facts or {}))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_model(path: Path | str) -> DepthViTLoihi:
    """Read a network written by :func:`save_model`, in evaluation mode.

    Raises:
        InputError: in one line, if the file is missing, damaged, of another format, or does not
            hold the tensors its header promises.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such weights file; make one with `depth-snn train`")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format_version") != FORMAT_VERSION:
                raise InputError(f"{path}: not weights of this project (format_version missing)")
            config = NetworkConfig.from_dict(json.loads(header["config"]))
            _check_shapes(config, file, path)
            model = DepthViTLoihi(config)
            _fill(model, file)
    except (
        SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError, RecursionError,
        ConfigError,
    ) as error:  # fmt: skip
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable weights file ({first})") from None
    return model.eval()


def _wanted(model: DepthViTLoihi) -> dict[str, torch.Tensor]:
    return {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def _check_shapes(config: NetworkConfig, file: safe_open, path: Path) -> None:
    """Compare header and tensors before a network of the claimed size takes memory."""
    present = set(file.keys())
    if config.layers > len(present):
        raise InputError(f"{path}: {config.layers} layers, but only {len(present)} tensors")
    with torch.device("meta"):
        wanted = _wanted(DepthViTLoihi(config))
    if present != wanted.keys():
        odd = sorted(present ^ wanted.keys())[0]
        raise InputError(f"{path}: tensor {odd!r} does not match the network its header describes")
    for key, tensor in wanted.items():
        shape = tuple(file.get_slice(key).get_shape())
        if shape != tuple(tensor.shape) or tensor.numel() > MAX_TENSOR_VALUES:
            raise InputError(f"{path}: {key} has shape {shape}, expected {tuple(tensor.shape)}")


def _fill(model: DepthViTLoihi, file: safe_open) -> None:
    with torch.no_grad():
        for key, tensor in _wanted(model).items():
            tensor.copy_(file.get_tensor(key))


def shipped(name: str) -> Path:
    """Path of the weights that come with the project.

    Raises:
        InputError: naming the weights there are.
    """
    folder = Path(str(resources.files("depth_snn"))) / "weights"
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in folder.glob("*.safetensors"))) or "none"
        raise InputError(f"network {name!r}: no such shipped weights (there are: {names})")
    return path


def find_network(spec: str) -> DepthViTLoihi:
    """Load a network by file path or by the name of shipped weights."""
    if spec.endswith(".safetensors"):
        return load_model(spec)
    return load_model(shipped(spec))
