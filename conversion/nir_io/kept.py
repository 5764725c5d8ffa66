"""The original parameters of a NIR graph as JSON, so that they can be written again bit by bit.

Numbers of 32 bits pass through Python's 64-bit floats unchanged, and Python prints a float with all
the digits it takes to read the same one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from depth_snn.errors import GraphError

KINDS = "iufb"
MAX_KEPT = 2**20
"""Numbers of one parameter that may differ from each other."""


def plain(value: Any) -> Any:
    """A parameter without its library: torch tensors and NumPy scalars become arrays."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, float | np.generic):
        value = np.asarray(value)
    return value.decode() if isinstance(value, bytes) else value


def keep(value: Any, what: str) -> Any:
    """A parameter as JSON.

    Raises:
        GraphError: naming ``what`` when the value is of a kind that no parameter has.
    """
    value = plain(value)
    if value is None or isinstance(value, str | bool | int):
        return {"as": value}
    if isinstance(value, tuple | list):
        return {"tuple": [keep(v, what) for v in value]}
    if isinstance(value, Mapping):
        return {"map": {str(k): keep(v, what) for k, v in value.items()}}
    if not isinstance(value, np.ndarray) or value.dtype.kind not in KINDS:
        raise GraphError(f"{what} is of type {type(value).__name__}, neither numbers nor text")
    head = {"dtype": value.dtype.str, "shape": list(value.shape)}
    flat = value.ravel()
    if flat.size and (flat == flat[0]).all():
        return {**head, "value": flat[0].item()}
    if flat.size > MAX_KEPT:
        raise GraphError(f"{what} has {flat.size} numbers, more than {MAX_KEPT}")
    return {**head, "values": flat.tolist()}


def unkeep(kept: Mapping[str, Any]) -> Any:
    """The parameter that :func:`keep` was given."""
    if "as" in kept:
        return kept["as"]
    if "tuple" in kept:
        return tuple(unkeep(v) for v in kept["tuple"])
    if "map" in kept:
        return {k: unkeep(v) for k, v in kept["map"].items()}
    shape = tuple(kept["shape"])
    if "value" in kept:
        return np.full(shape, kept["value"], dtype=kept["dtype"])
    if len(kept["values"]) != math.prod(shape):
        raise GraphError(f"{len(kept['values'])} numbers kept for a parameter of shape {shape}")
    return np.array(kept["values"], dtype=kept["dtype"]).reshape(shape)
