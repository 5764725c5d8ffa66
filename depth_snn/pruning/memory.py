"""How many bytes of arrays a thing holds."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

OURS = "depth_snn."
"""Only objects of the project's own classes are looked into."""


def held_bytes(*things: Any, seen: set[int] | None = None) -> int:
    """Bytes of all arrays and tensors that things hold, each piece of memory counted once.

    Lists, tuples, dicts and objects of this project are looked into; networks (torch modules) are
    not, since streams share their weights, nor is what libraries keep inside themselves.

    Args:
        things: Arrays, tensors, or what holds them.
        seen: Pieces of memory counted already, by address; those counted now are added.
    """
    seen = set() if seen is None else seen
    total = 0
    for thing in things:
        if isinstance(thing, np.ndarray):
            whole = thing
            while isinstance(whole.base, np.ndarray):  # a view keeps the whole array alive
                whole = whole.base
            total += _once(whole.ctypes.data, whole.nbytes, seen)
        elif isinstance(thing, torch.Tensor):
            memory = thing.untyped_storage()
            total += _once(memory.data_ptr(), memory.nbytes(), seen)
        elif id(thing) not in seen:
            inside = _inside(thing)
            if inside:
                seen.add(id(thing))
            total += held_bytes(*inside, seen=seen)
    return total


def _once(address: int, size: int, seen: set[int]) -> int:
    if address in seen:
        return 0
    seen.add(address)
    return size


def _inside(thing: Any) -> list[Any]:
    if isinstance(thing, list | tuple):
        return list(thing)
    if isinstance(thing, dict):
        return list(thing.values())
    if isinstance(thing, nn.Module) or not type(thing).__module__.startswith(OURS):
        return []
    if is_dataclass(thing):
        return [getattr(thing, f.name) for f in fields(thing)]
    return list(getattr(thing, "__dict__", {}).values())
