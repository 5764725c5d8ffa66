"""The table of contents of a bundle: which files, which digests, which ports at which steps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from depth_snn.errors import InputError, one_line

FORMAT = "depth-snn-bundle"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
GRAPH, INPUTS, EXPECTED, PLACEMENT = "graph.h5", "inputs.h5", "expected.h5", "placement.json"
RUNNER, README = "run_bundle.py", "README.txt"
REQUIRED = frozenset({GRAPH, INPUTS, EXPECTED, RUNNER, README})
ALLOWED = REQUIRED | {PLACEMENT}
"""Names a bundle may hold beside its manifest; there are no folders in it."""
RESULTS = "results.json"
"""How the name of an answer ends, which a run may leave in the folder."""

MAX_MANIFEST_BYTES = 2**24
MAX_BYTES = 2**32
"""All files of a bundle together."""
MAX_STEPS = 2**31


@dataclass(frozen=True)
class FileRow:
    """A file of the bundle.

    Attributes:
        name: One of :data:`ALLOWED`.
        size: In bytes.
        sha256: Of its bytes, in hexadecimal digits.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class PortRow:
    """Expected values of a port; the array named by its place in the table.

    Attributes:
        key: ``"node.port"``.
        first_step: Step to which the first row belongs (docs/fixed_point.md §1).
        rows: Number of steps.
    """

    key: str
    first_step: int
    rows: int


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        graph: Name of the graph.
        frames: Number of frames fed.
        engine: Simulator that made the expected values.
        version, commit: Of the project that packed it.
        constraints: Versions of Python and packages that packed it, by name.
        files: Its files, in the order of their names.
        ports: Expected ports.
    """

    graph: str
    frames: int
    engine: str
    version: str
    commit: str
    constraints: Mapping[str, str]
    files: tuple[FileRow, ...]
    ports: tuple[PortRow, ...]

    @property
    def by_name(self) -> dict[str, FileRow]:
        """Files by name."""
        return {row.name: row for row in self.files}

    def text(self) -> str:
        """The manifest as it is kept: JSON with sorted keys."""
        body = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}
        return json.dumps(body, indent=1, sort_keys=True) + "\n"


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def parse(data: bytes, source: Path) -> Manifest:
    """Read a manifest, trusting nothing in it.

    Args:
        data: The bytes of the file.
        source: The bundle, for messages.

    Raises:
        InputError: It is no manifest of this version, or names what a bundle cannot hold.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise InputError(f"{source}: {MANIFEST} has {len(data)} bytes, no manifest is that large")
    try:
        body = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: {MANIFEST} is not JSON ({one_line(str(error))})") from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise InputError(f"{source}: {MANIFEST} is not that of a bundle of depth-snn")
    if body.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{source}: bundle of version {one_line(str(body.get('format_version')))}, this "
            f"program reads version {FORMAT_VERSION}; use the depth-snn that its README.txt names"
        )
    try:
        found = _manifest(body)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{source}: {MANIFEST} is malformed: {one_line(str(error))}") from None
    return found


def _manifest(body: Mapping[str, Any]) -> Manifest:
    files = tuple(_file(row) for row in _rows(body["files"], len(ALLOWED)))
    names = [row.name for row in files]
    if len(set(names)) != len(names) or not set(names) >= REQUIRED:
        raise ValueError(f"files must be {', '.join(sorted(REQUIRED))}, each once")
    if sum(row.size for row in files) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes of files")
    ports = tuple(
        PortRow(_text(row["key"]), _count(row["first_step"]), _count(row["rows"]))
        for row in _rows(body["ports"], 10**6)
    )
    if not ports or len({row.key for row in ports}) != len(ports):
        raise ValueError("ports must be a list of different ports, at least one")
    constraints = {_text(k): _text(v) for k, v in dict(body["constraints"]).items()}
    facts = {key: _text(body[key]) for key in ("graph", "engine", "version", "commit")}
    return Manifest(
        frames=_count(body["frames"]), constraints=constraints, files=files, ports=ports, **facts
    )


def _file(row: Mapping[str, Any]) -> FileRow:
    name, sha256 = _text(row["name"]), _text(row["sha256"])
    if name not in ALLOWED:
        raise ValueError(f"file {name!r}: a bundle holds {', '.join(sorted(ALLOWED))}, no other")
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise ValueError(f"sha256 of {name}: expected 64 hexadecimal digits")
    return FileRow(name, _count(row["size"], MAX_BYTES), sha256)


def _rows(value: Any, most: int) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"expected a list of at most {most} rows")
    if not all(isinstance(row, dict) for row in value):
        raise ValueError("expected a list of objects")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        raise ValueError("expected a text of at most 1000 characters")
    return value


def _count(value: Any, most: int = MAX_STEPS) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"expected a whole number from 0 to {most}")
    return value
