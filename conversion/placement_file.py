"""A placement as a JSON file.

``{"format": 1, "cores": [[chip, x, y], …], "parts": {node: [[core, first, last], …]}}``
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from conversion.placement import Core, Part, Placement
from depth_snn.errors import ConfigError, GraphError

FORMAT = 1
MAX_BYTES = 2**26


def save_placement(placement: Placement, path: Path | str) -> Path:
    """Write a placement, to a temporary name first.

    Args:
        placement: What to keep.
        path: Target file, replaced if it exists.

    Returns:
        The path written.

    Raises:
        ConfigError: The file cannot be written.
    """
    target = Path(path)
    document = {
        "format": FORMAT,
        "cores": [[core.chip, core.x, core.y] for core in placement.cores],
        "parts": {
            name: [[part.core, part.first, part.last] for part in parts]
            for name, parts in placement.parts.items()
        },
    }
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(json.dumps(document) + "\n", encoding="utf-8")
        draft.replace(target)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ConfigError(f"{target}: cannot be written ({error.strerror})") from error
    return target


def load_placement(path: Path | str) -> Placement:
    """Read what :func:`save_placement` wrote.

    Args:
        path: The JSON file.

    Returns:
        The placement, validated.

    Raises:
        ConfigError: The file is missing, damaged, of another format, or the placement is wrong.
    """
    source = Path(path)
    try:
        if source.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{source}: above {MAX_BYTES} bytes, not a placement")
        document = json.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{source}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{source}: not valid JSON ({error})") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ConfigError(f"{source}: not a placement of format {FORMAT}")
    parts = document.get("parts")
    if not isinstance(parts, dict):
        raise ConfigError(f"{source}: 'parts' must map each node to its parts")
    cores = tuple(Core(*row) for row in _rows(source, "cores", document.get("cores")))
    try:
        by_node = {
            name: tuple(Part(*row) for row in _rows(source, f"parts of '{name}'", rows))
            for name, rows in parts.items()
        }
        return Placement(cores, by_node)
    except GraphError as error:
        raise ConfigError(f"{source}: {error}") from error


def _rows(source: Path, what: str, rows: Any) -> list[list[int]]:
    """A list of three whole numbers each."""
    good = isinstance(rows, list) and all(
        isinstance(row, list)
        and len(row) == 3
        and all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**31 for n in row)
        for row in rows
    )
    if not good:
        raise ConfigError(f"{source}: {what} must be a list of three whole numbers each, from 0 up")
    return list(rows)
