"""Formats of other people's networks: who reads and who writes them, loaded when asked for."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

from depth_snn.errors import DepthError

READERS: dict[str, tuple[str, str]] = {
    "netx": ("conversion.netx", "import_netx"),
    "nir": ("conversion.nir_io", "read_file"),
}
"""Module and function that reads a file of a format: ``(path, **options) -> Graph``."""
WRITERS: dict[str, tuple[str, str]] = {
    "netx": ("conversion.netx", "export_netx"),
    "nir": ("conversion.nir_io", "write_file"),
}
"""Module and function that writes a graph: ``(graph, path) -> lines on what is lost, or None``."""


def function_of(table: dict[str, tuple[str, str]], name: str) -> Callable[..., Any]:
    """The reader or writer of a format.

    Args:
        table: READERS or WRITERS.
        name: The format.

    Raises:
        DepthError: if its module is not part of this installation.
    """
    module, function = table[name]
    if importlib.util.find_spec(module) is None:
        raise DepthError(f"the format {name!r} is not part of this installation; reinstall it")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found
