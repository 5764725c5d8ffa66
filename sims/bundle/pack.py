"""Makes a bundle: runs the graph once on a simulator of this project and keeps what it showed."""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.graph_file import save_graph
from conversion.nodes import Input
from conversion.placement import Placement
from conversion.placement_file import save_placement
from depth_snn import __version__
from depth_snn.errors import ConfigError, InputError
from depth_snn.machine import current_commit
from sims.bundle import manifest as names
from sims.bundle.archive import write_archive
from sims.bundle.manifest import FileRow, Manifest, PortRow, digest
from sims.bundle.readme import readme
from sims.bundle.size import check_size
from sims.inputs_file import save_arrays

IntArray = npt.NDArray[np.int64]
Engine = Literal["reference", "fast"]

CONSTRAINED = ("numpy", "h5py", "lava-nc")
"""Packages whose versions a bundle names."""


@dataclass(frozen=True, eq=False)
class Contents:
    """What is packed.

    Attributes:
        graph: A graph of the quantised dialect.
        inputs: Integers (T, *shape) by the name of the Input node.
        ports: ``"node.port"`` whose values are expected.
        engine: What computes them: the reference at every step, or the fast simulator at the steps
            of the frames.
        placement: Where the neurons lie, if that is known.
        runner: Text of ``run_bundle.py``.
    """

    graph: Graph
    inputs: Mapping[str, IntArray]
    ports: tuple[str, ...]
    engine: Engine
    placement: Placement | None
    runner: str


def ports_to_keep(graph: Graph, *, every: bool) -> tuple[str, ...]:
    """Ports of a bundle: outputs and gates, what nothing follows, or all of them.

    Args:
        graph: The graph.
        every: Whether to keep all ports of all nodes but the Inputs.
    """
    gates = {(e.source, e.source_port) for e in graph.edges if e.port == "gate"}
    followed = {e.source for e in graph.edges}
    kept = []
    for node in graph.nodes:
        if isinstance(node, Input):
            continue
        whole = every or node.kind in ("Output", "RestoreGate") or node.name not in followed
        kept += [
            f"{node.name}.{port}" for port in node.outputs if whole or (node.name, port) in gates
        ]
    return tuple(kept)


def is_zip(path: Path) -> bool:
    """Whether a bundle of that name is one zip file, and not a folder."""
    return path.suffix.lower() == ".zip"


def pack(contents: Contents, path: Path, on_step: Callable[[int], None] | None = None) -> Manifest:
    """Write a bundle.

    Args:
        contents: What to pack.
        path: A zip file to write if its name ends in ``.zip``, else a new or empty folder.
        on_step: Called with the number of steps the reference simulator has done.

    Returns:
        The manifest written.

    Raises:
        ConfigError: The folder holds files, or the values would not fit in memory.
        InputError, GraphError: Inputs and graph do not fit, as the simulator says.
    """
    as_zip = is_zip(path)
    if not as_zip and path.is_dir() and any(path.iterdir()):
        raise ConfigError(f"{path}: the folder is not empty; name a new one")
    lengths = {len(array) for array in contents.inputs.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError("inputs must have one number of frames, at least one")
    check_size(contents.graph, lengths.pop(), contents.ports)
    with tempfile.TemporaryDirectory(prefix="dsnn-bundle-") as name:
        folder = Path(name)
        made = _fill(contents, folder, on_step)
        files = {file.name: file for file in folder.iterdir()}
        if as_zip:
            write_archive(files, path)
        else:
            path.mkdir(parents=True, exist_ok=True)
            # The manifest comes last: a folder without it is no bundle.
            for file in sorted(files, key=lambda file: file == names.MANIFEST):
                shutil.copyfile(files[file], path / file)
    return made


def _fill(contents: Contents, folder: Path, on_step: Callable[[int], None] | None) -> Manifest:
    graph, inputs = contents.graph, contents.inputs
    values, first = _expected(contents, on_step)
    ports = tuple(PortRow(key, first[key], len(values[key])) for key in contents.ports)
    save_graph(graph, folder / names.GRAPH)
    save_arrays({node.name: inputs[node.name] for node in graph.of_kind("Input")},
                folder / names.INPUTS)  # fmt: skip
    by_place = {str(i): values[row.key] for i, row in enumerate(ports)}
    save_arrays(by_place, folder / names.EXPECTED)
    if contents.placement is not None:
        save_placement(contents.placement, folder / names.PLACEMENT)
    (folder / names.RUNNER).write_text(contents.runner, encoding="utf-8")
    facts: dict[str, Any] = {
        "graph": graph.name,
        "frames": len(next(iter(inputs.values()))),
        "engine": contents.engine,
        "version": __version__,
        "commit": current_commit(),
        "constraints": _constraints(),
        "ports": ports,
    }
    (folder / names.README).write_text(readme(files=(), **facts), encoding="utf-8")
    rows = [
        FileRow(file.name, file.stat().st_size, digest(file.read_bytes()))
        for file in sorted(folder.iterdir())
    ]
    made = Manifest(files=tuple(rows), **facts)
    (folder / names.MANIFEST).write_text(made.text(), encoding="utf-8")
    return made


def _expected(
    contents: Contents, on_step: Callable[[int], None] | None
) -> tuple[dict[str, IntArray], dict[str, int]]:
    """Values by port, and the step of the first row of each."""
    graph, inputs, ports = contents.graph, contents.inputs, contents.ports
    if contents.engine == "reference":
        from sims.reference import simulate

        found = simulate(graph, inputs, probes=ports, on_step=on_step).by_step
        return dict(found), dict.fromkeys(ports, 0)
    from sims.fast import simulate as simulate_fast

    values = simulate_fast(graph, inputs, probes=ports).values
    return dict(values), {key: graph.lags[key.rpartition(".")[0]] for key in ports}


def _constraints() -> dict[str, str]:
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in CONSTRAINED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
