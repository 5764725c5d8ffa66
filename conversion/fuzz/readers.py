"""Registry of the readers that are fuzzed: a new file format adds one entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conversion.bounds import verify
from conversion.fuzz.seeds import SEED_GRAPHS
from conversion.fuzz.seeds_foreign import write_netx, write_nir
from conversion.graph_file import FORMAT, load_graph, save_graph
from conversion.isolated import forking
from conversion.netx import import_netx
from conversion.nir_io import door, read_file
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
        require: Raises MissingDependency if something that the reader needs is not installed.
    """

    kind: str
    write_seeds: Callable[[Path], list[Path]]
    read: Callable[[Path], object]
    seal: Callable[[Path], None] | None = None
    hdf5: bool = True
    require: Callable[[], object] | None = None


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


HANG_S = 4.0
"""The HDF5 library hangs on some files. Its process is then ended, here sooner than elsewhere: a
copy of this process needs no time to start, and seeds are small."""


def _read_netx(path: Path) -> object:
    """Import in both ways, since what is refused in one may be read in the other."""
    refused: GraphError | None = None
    for as_netx in (True, False):
        try:
            with forking(HANG_S):
                import_netx(path, as_netx=as_netx)
        except GraphError as error:
            refused = error
    if refused is not None:
        raise refused
    return path


def _read_nir(path: Path) -> object:
    """Import as the convention that the seeds are written in."""
    with forking(HANG_S):
        return read_file(path, convention="snntorch")


READERS: dict[str, Reader] = {
    reader.kind: reader
    for reader in (
        Reader(kind="graph", write_seeds=_write_graphs, read=_read_graph, seal=_seal_graph),
        Reader(kind="netx", write_seeds=write_netx, read=_read_netx),
        Reader(kind="nir", write_seeds=write_nir, read=_read_nir, require=door.require_nir),
    )
}
"""Every reader by its kind."""
