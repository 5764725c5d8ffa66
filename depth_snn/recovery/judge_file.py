"""Trained judges as files: safetensors with the network's name and how they were trained."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError, InputError
from depth_snn.recovery.judge import ErrorJudge, Judge, JudgeWeights, TrainedJudge, judge_inputs

FORMAT = "depth-snn judge 1"
MOST_HIDDEN = 4096
_NAMES = ("mean", "scale", "a", "a0", "b", "b0", "c", "c0")


def save_judge(weights: JudgeWeights, facts: dict[str, Any], path: Path) -> None:
    """Write a judge, replaced whole.

    Args:
        weights: What to write.
        facts: How it came about: network, minutes, accuracy; JSON-able.
        path: Where to.
    """
    # safetensors writes memory as it lies, so a transposed array would come back another.
    tensors = {name: np.asarray(getattr(weights, name), np.float32, "C") for name in _NAMES}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        save_file(tensors, temporary, metadata={"format": FORMAT, "facts": json.dumps(facts)})
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_judge(path: Path, config: NetworkConfig) -> TrainedJudge:
    """Read a judge for a network.

    Raises:
        InputError: if the file is damaged, something else, or of another network's shape.
    """
    try:
        with safe_open(path, framework="np") as file:
            if (file.metadata() or {}).get("format") != FORMAT:
                raise InputError(f"{path}: not a judge of this project ({FORMAT})")
            _check_shapes(file, path, config)
            found = {name: file.get_tensor(name) for name in _NAMES}
    except (SafetensorError, OSError, KeyError) as error:
        raise InputError(f"{path}: not a readable judge ({str(error).splitlines()[0]})") from None
    for name, values in found.items():
        if not np.isfinite(values).all():
            raise InputError(f"{path}: {name} holds values that are not finite")
    return TrainedJudge(config, JudgeWeights(**found))


def _check_shapes(file: Any, path: Path, config: NetworkConfig) -> None:
    inputs = judge_inputs(config)
    slices = {name: file.get_slice(name) for name in _NAMES}
    for name, found in slices.items():
        if found.get_dtype() != "F32":
            raise InputError(f"{path}: {name} is of type {found.get_dtype()}, not F32")
    shapes = {name: tuple(found.get_shape()) for name, found in slices.items()}
    hidden = shapes["a"][0] if len(shapes["a"]) == 2 else 0
    wanted = {
        "mean": (inputs,), "scale": (inputs,), "a": (hidden, inputs), "a0": (hidden,),
        "b": (hidden, hidden), "b0": (hidden,), "c": (hidden,), "c0": (),
    }  # fmt: skip
    if not 0 < hidden <= MOST_HIDDEN:
        raise InputError(f"{path}: a has shape {shapes['a']}: expected 1 to {MOST_HIDDEN} rows")
    for name, shape in wanted.items():
        if shapes[name] != shape:
            raise InputError(
                f"{path}: {name} has shape {shapes[name]}, not {shape}: a judge of another network"
            )


def make_judge(name: str, config: NetworkConfig) -> Judge:
    """``"error"``, the name of a shipped judge, or the path of a judge's file.

    Raises:
        ConfigError: if there is none.
    """
    path = judge_path(name)
    return ErrorJudge(config) if path is None else load_judge(path, config)


def judge_path(name: str) -> Path | None:
    """Where a judge's weights lie; None for ``"error"``, which has none.

    Raises:
        ConfigError: if there is no such judge.
    """
    if name == "error":
        return None
    path = Path(name)
    if path.suffix != ".safetensors":
        path = Path(str(resources.files("depth_snn"))) / "judges" / f"{name}.safetensors"
    if not path.is_file():
        raise ConfigError(
            f"judge {name!r}: expected 'error', a shipped one, or a .safetensors file"
        )
    return path
