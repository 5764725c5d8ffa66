"""Weights from one network into another: from the twin, another picture size, or timm's ViT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from depth_snn.errors import InputError
from depth_snn.models.build import Network
from depth_snn.models.vit import DepthViT


@dataclass(frozen=True)
class TransferReport:
    """What became of each tensor.

    Attributes:
        loaded: Taken as they are.
        resized: Positions brought to another grid.
        missing: The network's own that nothing was given for; they keep their first values.
        misfits: Given under the right name, but of another shape.
        unused: Given, but the network has nothing of that name.
    """

    loaded: tuple[str, ...]
    resized: tuple[str, ...]
    missing: tuple[str, ...]
    misfits: tuple[str, ...]
    unused: tuple[str, ...]

    def text(self) -> str:
        """One line per kind that is not empty."""
        rows = [f"{len(self.loaded)} tensors loaded"]
        for name in ("resized", "missing", "misfits", "unused"):
            entries = getattr(self, name)
            if entries:
                rows.append(f"{name} ({len(entries)}): {', '.join(entries)}")
        return "\n".join(rows)


@torch.no_grad()
def load_by_name(model: Network, given: Mapping[str, Tensor]) -> TransferReport:
    """Copy every tensor whose name and shape fit; positions are resized to the network's grid.

    Args:
        model: Network to fill, in place.
        given: Tensors by name, for example timm's ``vit_tiny_patch16_224`` state.
    """
    found: dict[str, list[str]] = {k: [] for k in ("loaded", "resized", "misfits", "unused")}
    own = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    for name, value in given.items():
        if name.endswith("num_batches_tracked"):
            continue
        if name not in own:
            found["unused"].append(name)
        elif own[name].shape == value.shape:
            own[name].copy_(value)
            found["loaded"].append(name)
        elif name in ("pos_embed", "position") and value.shape[-1] == model.config.dim:
            own[name].copy_(resize_positions(value, model.config.grid).view_as(own[name]))
            found["resized"].append(f"{name} {tuple(value.shape)} to {tuple(own[name].shape)}")
        else:
            found["misfits"].append(f"{name} {tuple(value.shape)}, not {tuple(own[name].shape)}")
    missing = sorted(own.keys() - given.keys())
    return TransferReport(missing=tuple(missing), **{k: tuple(v) for k, v in found.items()})


def resize_positions(given: Tensor, grid: tuple[int, int]) -> Tensor:
    """Position embeddings on another grid, bicubic.

    Args:
        given: (…, N, C); a class token in front, as timm has, is dropped. N is taken as a square
            grid where it is a square number, and else as one twice as wide as high or 3 : 4.
        grid: Rows and columns wanted.

    Returns:
        (rows·columns, C).

    Raises:
        InputError: if N fits no such grid.
    """
    flat = given.reshape(-1, given.shape[-1]).float()
    for count in (len(flat), len(flat) - 1):
        for rows, columns in ((1, 1), (1, 2), (3, 4)):
            unit = round((count / (rows * columns)) ** 0.5)
            if unit > 0 and unit * unit * rows * columns == count:
                shape = (rows * unit, columns * unit)
                square = flat[-count:].T.reshape(1, -1, *shape)
                out = functional.interpolate(square, grid, mode="bicubic", align_corners=False)
                return out.reshape(flat.shape[-1], -1).T
    raise InputError(f"position embeddings of {len(flat)} tokens fit no known grid")


def twin_to_loihi(twin: DepthViT) -> dict[str, Tensor]:
    """The twin's weights under the names of the Loihi kind: a start for distillation.

    LayerNorm's scale and shift become BatchNorm's; the rest is the same matrix under another name.
    """
    out: dict[str, Tensor] = {}
    for name, value in twin.state_dict().items():
        if name == "pos_embed":
            out["position"] = value[0]
        elif ".attn.qkv." in name:
            for part, rows in zip("qkv", value.chunk(3), strict=True):
                out[name.replace(".attn.qkv.", f".{part}.")] = rows
        else:
            out[name.replace(".attn.proj.", ".proj.").replace(".mlp.fc", ".fc")] = value
    return out


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file in single precision.

    Raises:
        InputError: if it cannot be read, or is a pickle, which is never opened.
    """
    if path.suffix in (".pt", ".pth", ".bin", ".ckpt"):
        raise InputError(f"{path}: pickled weights can execute code; convert to .safetensors first")
    try:
        return {k: v.float() for k, v in load_file(path).items()}
    except (SafetensorError, OSError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable weights file ({first})") from None
