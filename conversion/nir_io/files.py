"""NIR files, as the commands `import` and `export` use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conversion.graph import Graph
from conversion.nir_io import door
from conversion.nir_io.read import META, import_nir
from conversion.nir_io.write import export_nir


def read_file(path: Path | str, **options: Any) -> Graph:
    """Read a NIR file; the options are those of :func:`conversion.nir_io.read.import_nir`.

    Raises:
        GraphError: in one line that begins with the path or names the NIR node.
        ConfigError: if an option is missing or out of range.
        MissingDependency: if the package `nir` is not installed.
    """
    return import_nir(Path(path), **options)


def write_file(graph: Graph, path: Path | str, **options: Any) -> None:
    """Write a graph as a NIR file; an existing file is replaced only when all is written.

    Raises:
        GraphError: naming the node that NIR cannot express.
        MissingDependency: if the package `nir` is not installed.
    """
    door.save(export_nir(graph, **options), path)


def notes(graph: Graph) -> list[str]:
    """What an import says of a graph in words: what it rounded, then where registers end."""
    kept = graph.meta.get(META, {})
    return [str(text) for key in ("notes", "limits") for text in kept.get(key, ())]
