"""recording.json: what must be known about a CARLA recording beside its pictures."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from depth_snn.data.readers.carla_flow import FlowConvention
from depth_snn.data.readers.carla_tags import parse_carla_version
from depth_snn.data.readers.images import MAX_PIXELS
from depth_snn.errors import InputError

FILE_NAME = "recording.json"
FORMAT = "depth-snn carla recording"
FORMAT_VERSION = 1
_LARGEST_BYTES = 2**16


@dataclass(frozen=True)
class Recording:
    """The facts about one recording.

    Attributes:
        carla_version: Release of the server, which decides the table of tags.
        height: Rows of the pictures; None if not noted.
        width: Columns of the pictures; None if not noted.
        fov_deg: Horizontal field of view; None if not noted.
        step_s: Fixed simulation step; None if not noted.
        flow: How the recorded flow is to be read; None until it was decided.
    """

    carla_version: str
    height: int | None = None
    width: int | None = None
    fov_deg: float | None = None
    step_s: float | None = None
    flow: FlowConvention | None = None

    def __post_init__(self) -> None:
        parse_carla_version(self.carla_version)
        for name, most in (("height", MAX_PIXELS), ("width", MAX_PIXELS), ("fov_deg", 179.0)):
            _check_number(name, getattr(self, name), most)
        _check_number("step_s", self.step_s, 10.0)


def _check_number(name: str, value: object, most: float) -> None:
    if value is None:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= most:  # type: ignore[operator]
        raise InputError(f"CARLA recording: {name} is {value!r}; expected a number up to {most:g}")


def read_recording(root: Path, carla_version: str | None = None) -> Recording:
    """Reads a recording's facts.

    Args:
        root: Folder of the recording.
        carla_version: Release of the server, for recordings without the file.

    Raises:
        InputError: If the version is in neither place, differs, or the file is malformed.
    """
    path = root / FILE_NAME
    if not path.exists():
        if carla_version is None:
            raise InputError(
                f"{path}: no such file, and the tags' meaning depends on the CARLA version; write "
                f'{{"format": "{FORMAT}", "format_version": 1, "carla_version": "0.9.15"}} '
                "there, or give carla_version"
            )
        return Recording(carla_version)
    found = _parse(path)
    if carla_version is not None and carla_version != found.carla_version:
        raise InputError(
            f"{path}: says CARLA {found.carla_version}, asked for {carla_version}; correct one"
        )
    return found


def _parse(path: Path) -> Recording:
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise InputError(f"{path}: too large for a recording's facts; replace it")
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON; write it as docs/datasets.md says") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f'{path}: "format" is not "{FORMAT}"; see docs/datasets.md')
    if data.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path}: format_version {data.get('format_version')!r}; known is {FORMAT_VERSION}"
        )
    if not isinstance(data.get("carla_version"), str):
        raise InputError(f'{path}: "carla_version" is missing; write the server\'s, as "0.9.15"')
    facts = {k: v for k, v in data.items() if k not in ("format", "format_version")}
    try:
        if facts.get("flow") is not None:
            facts["flow"] = FlowConvention(**facts["flow"])
        return Recording(**facts)
    except TypeError as error:
        raise InputError(f"{path}: has a wrong or missing entry ({error})") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def write_recording(root: Path, recording: Recording) -> None:
    """Writes a recording's facts under a temporary name, then renames."""
    facts = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(recording)}
    path = root / FILE_NAME
    part = path.with_suffix(".part")
    try:
        part.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
