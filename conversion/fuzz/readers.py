"""Registry of the readers that are fuzzed: a new file format adds one entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conversion.bounds import verify
from conversion.fuzz.seeds import SEED_GRAPHS
from conversion.graph_file import FORMAT, load_graph, save_graph
from depth_snn.errors import GraphError
from depth_snn.sealed import write_seal


@dataclass(frozen=True)
class Reader:
    """A kind of file and what reads it.

    Args:
        kind: What the command line calls it.
        write_seeds: Writes small valid files into a folder and returns their paths; the same ones
            each time. Small ones, since each is read thousands of times.
        read: Reads one file. It may raise a DepthError of one line and nothing else.
        seal: Makes a changed file's checksum right again; None where the format has none.
        hdf5: Whether files are HDF5 and can be changed as such, not only as bytes.
    """

    kind: str
    write_seeds: Callable[[Path], list[Path]]
    read: Callable[[Path], object]
    seal: Callable[[Path], None] | None = None
    hdf5: bool = True


def _write_graphs(folder: Path) -> list[Path]:
    paths = []
    for name, build in SEED_GRAPHS.items():
        paths.append(folder / f"{name}.h5")
        save_graph(build(), paths[-1])
    return paths


def _read_graph(path: Path) -> object:
    """Load a graph, and judge its bounds as each engine does before it runs."""
    graph = load_graph(path)
    try:
        verify(graph)
    except GraphError:
        return graph  # readable, and refused before it runs
    return graph


def _seal_graph(path: Path) -> None:
    write_seal(path, FORMAT)


READERS: dict[str, Reader] = {
    reader.kind: reader
    for reader in (
        Reader(kind="graph", write_seeds=_write_graphs, read=_read_graph, seal=_seal_graph),
    )
}
"""Every reader by its kind."""
