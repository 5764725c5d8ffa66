"""Weights as safetensors: plain arrays and one JSON header, nothing executable."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError, InputError, no_file
from depth_snn.models.build import Network, build_network
from depth_snn.models.vit_loihi import DepthViTLoihi

FORMAT_VERSION = "2"
MAX_TENSOR_VALUES = 2**28


def save_model(
    model: Network, path: Path | str, facts: dict[str, str] | None = None, *, half: bool = False
) -> None:
    """Write weights and the network's shape; an existing file is replaced only at the end.

    Args:
        model: The network.
        path: Where to.
        facts: Further text for the file's header (recipe, measured accuracy).
        half: Store in 16 bits. Round the network with :func:`round_to_half` first where what is
            stored must be what was measured.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"format_version": FORMAT_VERSION, "config": json.dumps(model.config.to_dict())}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    tensors = {
        k: v.detach().to("cpu", torch.float16 if half else v.dtype, copy=True).contiguous()
        for k, v in model.state_dict().items()
        if not k.endswith("num_batches_tracked")
    }
    try:
        save_file(tensors, temporary, metadata=header | (facts or {}))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@torch.no_grad()
def round_to_half(model: Network) -> None:
    """Round every weight, in place, to a number that 16 bits hold exactly.

    Raises:
        InputError: if a weight is too large for them.
    """
    for name, tensor in _wanted(model).items():
        rounded = tensor.half()
        if not torch.isfinite(rounded).all():
            raise InputError(f"weight {name} does not fit 16 bits; save it in full")
        tensor.copy_(rounded)


def load_network(path: Path | str) -> Network:
    """Read a network of either kind written by :func:`save_model`, in evaluation mode.

    Raises:
        InputError: in one line, if the file is missing, damaged, of another format, or does not
            hold the tensors its header promises.
    """
    with _opened(path) as (file, path):
        config = _described(file, path)
        _check_shapes(config, file, path)
        model = build_network(config)
        _fill(model, file)
    return model.eval()


def network_config(path: Path | str) -> NetworkConfig:
    """The shape that a weights file describes, read without its weights.

    Raises:
        InputError: in one line, if the file is missing, damaged or of another format.
    """
    with _opened(path) as (file, path):
        return _described(file, path)


@contextmanager
def _opened(path: Path | str) -> Iterator[tuple[safe_open, Path]]:
    """A weights file, and one line on whatever is wrong with it."""
    path = Path(path)
    if not path.is_file():
        raise InputError(no_file(path, "no such weights file; make one with `depth-snn train`"))
    try:
        with safe_open(path, framework="pt") as file:
            yield file, path
    except (
        SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError, RecursionError,
        ConfigError,
    ) as error:  # fmt: skip
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable weights file ({first})") from None


def _described(file: safe_open, path: Path) -> NetworkConfig:
    header = file.metadata() or {}
    found = header.get("format_version")
    if found != FORMAT_VERSION:
        raise InputError(
            f"{path}: weights of format {found}, this version reads {FORMAT_VERSION}; "
            "train them again with `depth-snn train`"
            if found
            else f"{path}: not weights of this project (format_version missing)"
        )
    return NetworkConfig.from_dict(json.loads(header["config"]))


def load_model(path: Path | str) -> DepthViTLoihi:
    """Read a network of the Loihi kind; :func:`load_network` says what may go wrong.

    Raises:
        InputError: also if the file holds the float twin, which does not convert.
    """
    model = load_network(path)
    if not isinstance(model, DepthViTLoihi):
        raise InputError(
            f"{path}: holds a network of kind {model.config.kind!r}; "
            "pruning and conversion take the kind 'loihi'"
        )
    return model


def is_ours(path: Path) -> bool:
    """Whether a file holds weights that this project wrote, of any format."""
    try:
        return "format_version" in facts_of(path)
    except (SafetensorError, OSError):
        return True  # so that it is read, and refused, as one of ours


def facts_of(path: Path | str) -> dict[str, str]:
    """What a weights file says of itself: recipe, measured accuracy, licence."""
    with safe_open(Path(path), framework="pt") as file:
        return dict(file.metadata() or {})


def _wanted(model: Network) -> dict[str, torch.Tensor]:
    return {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}


def _check_shapes(config: NetworkConfig, file: safe_open, path: Path) -> None:
    """Compare header and tensors before a network of the claimed size takes memory."""
    present = set(file.keys())
    if config.layers > len(present):
        raise InputError(f"{path}: {config.layers} layers, but only {len(present)} tensors")
    with torch.device("meta"):
        wanted = _wanted(build_network(config))
    if present != wanted.keys():
        odd = sorted(present ^ wanted.keys())[0]
        raise InputError(f"{path}: tensor {odd!r} does not match the network its header describes")
    for key, tensor in wanted.items():
        shape = tuple(file.get_slice(key).get_shape())
        if shape != tuple(tensor.shape) or tensor.numel() > MAX_TENSOR_VALUES:
            raise InputError(f"{path}: {key} has shape {shape}, expected {tuple(tensor.shape)}")


def _fill(model: Network, file: safe_open) -> None:
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
    """Load a network of the Loihi kind by file path or by the name of shipped weights."""
    return load_model(find_weights(spec))


def find_weights(spec: str) -> Path:
    """Path of a weights file, given as a path or as the name of shipped weights."""
    if spec.endswith(".safetensors"):
        return Path(spec)
    try:
        return shipped(spec)
    except InputError:
        if Path(spec).exists():
            advice = "exists, but weights end in .safetensors; give such a file"
            raise InputError(no_file(Path(spec), advice)) from None
        raise
