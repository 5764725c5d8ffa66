"""Checkpoints: model and optimiser in one safetensors file; a resumed run is the same run."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from depth_snn.errors import InputError
from depth_snn.models.build import Network
from depth_snn.training.recipe import Recipe


@dataclass(frozen=True)
class Done:
    """How far a training is: optimiser steps, and minutes spent over all its runs."""

    step: int = 0
    minutes: float = 0.0


def save_checkpoint(
    model: Network, optimiser: torch.optim.Optimizer, recipe: Recipe, done: Done, path: Path
) -> None:
    """Write model and optimiser, replaced whole."""
    tensors = {f"model.{k}": v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v).cpu() for k, v in state.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    header = {
        "step": str(done.step), "minutes": repr(done.minutes),
        "recipe": json.dumps(recipe.to_dict()),
    }  # fmt: skip
    try:
        save_file(tensors, temporary, metadata=header)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(
    model: Network, optimiser: torch.optim.Optimizer, recipe: Recipe, path: Path
) -> Done:
    """Fill model and optimiser; returns what is already done.

    Raises:
        InputError: if the checkpoint is damaged or belongs to another recipe.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            wanted = json.loads(json.dumps(recipe.to_dict()))
            if json.loads(header.get("recipe", "{}")) != wanted:
                raise InputError(
                    f"{path}: checkpoint of another recipe; give another --out or remove it"
                )
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
            done = Done(int(header["step"]), float(header["minutes"]))
        model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimiser."):
                _, index, name = key.split(".", 2)
                state.setdefault(int(index), {})[name] = value
        optimiser.load_state_dict(
            {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
        )
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable checkpoint ({first})") from None
    return done
