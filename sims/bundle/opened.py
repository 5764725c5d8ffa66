"""Opens a bundle that somebody sent: every byte is checked before any of it is used."""

from __future__ import annotations

import hashlib
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.bounds import verify
from conversion.graph import Graph
from conversion.graph_file import load_graph
from conversion.placement import Placement, homes
from conversion.placement_file import load_placement
from depth_snn.errors import InputError, one_line
from sims.bundle import manifest as names
from sims.bundle.archive import BLOCK, unpack_archive
from sims.bundle.manifest import FileRow, Manifest, PortRow, digest, parse
from sims.bundle.size import check_size
from sims.inputs_file import load_arrays

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Opened:
    """A bundle whose files are whole and fit each other.

    Attributes:
        manifest: What it says of itself.
        digest: SHA-256 of the manifest, which names the bundle as a whole.
        graph, inputs, placement: As packed.
        expected: Values by port, (rows, *shape), as the manifest's table says.
    """

    manifest: Manifest
    digest: str
    graph: Graph
    inputs: dict[str, IntArray]
    placement: Placement | None
    expected: dict[str, IntArray]


@contextmanager
def private_copy(path: Path) -> Iterator[Path]:
    """A folder of one's own with the files of a bundle, a folder or a zip, as they came.

    What is checked afterwards is what is read afterwards: nobody else can change it in between.

    Raises:
        InputError: There is nothing, or a file in it is a link, or none of a bundle.
    """
    with tempfile.TemporaryDirectory(prefix="dsnn-bundle-") as name:
        folder = Path(name)
        if path.is_dir():
            _copy_folder(path, folder)
        elif path.is_file():
            unpack_archive(path, folder)
        else:
            raise InputError(f"{path}: no such bundle; `depth-snn bundle` writes one")
        yield folder


def open_bundle(path: Path) -> Opened:
    """Check and read a bundle.

    Args:
        path: A folder or zip that ``depth-snn bundle`` wrote.

    Raises:
        InputError: naming the first file that is missing, foreign, changed or does not fit.
        GraphError, ConfigError: if the graph or the placement is wrong.
    """
    with private_copy(path) as folder:
        text = (folder / names.MANIFEST).read_bytes() if _has(folder, names.MANIFEST) else None
        if text is None:
            raise InputError(f"{path}: no {names.MANIFEST} in it, so it is no bundle")
        manifest = parse(text, path)
        for row in manifest.files:
            _check_file(path, folder, row)
        return _read(path, folder, manifest, digest(text))


def _read(path: Path, folder: Path, manifest: Manifest, whole: str) -> Opened:
    graph = load_graph(folder / names.GRAPH)
    verify(graph)
    placement = None
    if names.PLACEMENT in manifest.by_name:
        placement = load_placement(folder / names.PLACEMENT)
        homes(graph, placement)
    arrays = load_arrays(folder / names.EXPECTED)
    if set(arrays) != {str(i) for i in range(len(manifest.ports))}:
        raise InputError(f"{path}: {names.EXPECTED} does not hold the ports of the manifest")
    expected = {}
    for i, row in enumerate(manifest.ports):
        _check_port(path, graph, manifest, row, arrays[str(i)])
        expected[row.key] = arrays[str(i)]
    check_size(graph, manifest.frames, expected)
    inputs = load_arrays(folder / names.INPUTS)
    if any(len(array) != manifest.frames for array in inputs.values()):
        raise InputError(f"{path}: {names.INPUTS} does not hold {manifest.frames} frames")
    return Opened(manifest, whole, graph, inputs, placement, expected)


def _check_port(
    path: Path, graph: Graph, manifest: Manifest, row: PortRow, values: IntArray
) -> None:
    name, _, port = row.key.rpartition(".")
    node = graph.by_name.get(name)
    if node is None or port not in node.outputs:
        raise InputError(f"{path}: expects values of {row.key!r}, which the graph does not have")
    want = (row.rows, *node.output_shape(port))
    steps = manifest.frames + max(graph.lags.values())
    if values.shape != want or row.rows == 0 or row.first_step + row.rows > steps:
        raise InputError(
            f"{path}: expected values of {row.key!r} have shape {values.shape} from step "
            f"{row.first_step} on, where the run has {steps} steps and rows {want}"
        )


def _check_file(path: Path, folder: Path, row: FileRow) -> None:
    if not _has(folder, row.name):
        raise InputError(f"{path}: {row.name} is missing; ask its sender for the whole bundle")
    sha = hashlib.sha256()
    with (folder / row.name).open("rb") as file:
        while block := file.read(BLOCK):
            sha.update(block)
    if (folder / row.name).stat().st_size != row.size or sha.hexdigest() != row.sha256:
        raise InputError(
            f"{path}: {row.name} is not the file that was packed: its SHA-256 is "
            f"{sha.hexdigest()[:16]}…, the manifest says {row.sha256[:16]}…; get the bundle again"
        )


def _has(folder: Path, name: str) -> bool:
    return (folder / name).is_file()


def _copy_folder(path: Path, folder: Path) -> None:
    """Copy the files of a bundle, none of which may be a link; answers of a run are let lie.

    Raises:
        InputError: Something else lies there, or a file is a link, or there are too many bytes.
    """
    for other in sorted(entry.name for entry in path.iterdir()):
        if other not in names.ALLOWED | {names.MANIFEST} and not other.endswith(names.RESULTS):
            raise InputError(
                f"{path}: holds {one_line(other)[:80]!r}, which no bundle does; move it elsewhere "
                "if it is yours, or ask its sender"
            )
    room = names.MAX_BYTES + names.MAX_MANIFEST_BYTES
    for name in sorted(names.ALLOWED | {names.MANIFEST}):
        source = path / name
        try:
            mode = source.lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(mode.st_mode):
            raise InputError(f"{path}: {name} is a link, folder or device, not a file")
        room -= mode.st_size
        if room < 0:
            raise InputError(f"{path}: more than {names.MAX_BYTES} bytes of files")
        with source.open("rb") as data, (folder / name).open("xb") as out:
            left = mode.st_size
            while left > 0 and (block := data.read(min(BLOCK, left))):
                out.write(block)
                left -= len(block)
