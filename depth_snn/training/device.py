"""Where training runs and in which precision."""

from __future__ import annotations

import ctypes
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from depth_snn.errors import ConfigError

_CPU_FLAGS = Path("/proc/cpuinfo")


def choose_device(name: str) -> torch.device:
    """``"cpu"``, ``"cuda"`` (or ``"cuda:1"``), or ``"auto"``: a GPU when there is one.

    Raises:
        ConfigError: if a GPU is asked for and torch finds none, or the name means nothing.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device {name!r}: expected auto, cpu, cuda or cuda:NUMBER") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device {name!r}: torch finds no GPU here; use --device cpu")
    return device


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether matrices are multiplied faster in bfloat16 than in float32 there."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # Without AMX bfloat16 is several times slower than float32 on a CPU.
    try:
        return "amx_bf16" in _CPU_FLAGS.read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """The type in which matrices are multiplied; ``"auto"`` asks the hardware."""
    if name == "auto":
        name = "bfloat16" if multiplies_bfloat16(device) else "float32"
    return torch.bfloat16 if name == "bfloat16" else torch.float32


def keep_memory() -> bool:
    """Ask glibc to keep freed memory instead of handing it back after every tensor.

    Getting pages anew cost more than a third of a training step where it was measured. The
    process stays at its peak size.

    Returns:
        Whether the C library took the wish.
    """
    top_pad, trim_threshold, mmap_max = -2, -1, -4  # malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    wishes = ((mmap_max, 0), (trim_threshold, 2**31 - 1), (top_pad, 64 * 2**20))
    return all(mallopt(name, value) == 1 for name, value in wishes)


def casting(device: torch.device, precision: torch.dtype) -> AbstractContextManager[object]:
    """The context that multiplies in ``precision``; weights and sums stay in float32."""
    if precision is torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=precision)
