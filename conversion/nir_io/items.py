"""What stands in a NIR graph, as plain data in an order to read it, nested graphs unfolded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from conversion.nir_io.kept import plain
from conversion.nir_io.loops import reading_of
from depth_snn.errors import GraphError, one_line

KNOWN = (
    "Input", "Output", "Affine", "Linear", "Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d",
    "Flatten", "Delay", "Threshold", "IF", "I", "LI", "LIF", "CubaLI", "CubaLIF",
)  # fmt: skip
"""Node types of NIR that have an integer form here."""
MAX_NESTING = 8
UNSAID = ("input_type", "output_type", "metadata")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Item:
    """One node of a NIR graph.

    Attributes:
        name: Its name; within nested graphs ``"outer.inner"``.
        kind: Its type in NIR.
        fields: Its parameters: NumPy arrays, numbers, text, tuples.
        metadata: What NIR lets a node carry along.
        sources: Names of the nodes whose values it adds up.
        back: Those of them that close a loop: what they sent in the step before arrives.
    """

    name: str
    kind: str
    fields: Mapping[str, Any]
    metadata: Mapping[str, Any]
    sources: tuple[str, ...]
    back: frozenset[str] = frozenset()

    def fail(self, message: str) -> GraphError:
        """An error that names the node."""
        return GraphError(f"NIR node {self.name!r} ({self.kind}): {message}")

    def number(self, key: str) -> float:
        """A parameter that is the same for all neurons.

        Raises:
            GraphError: if it differs between neurons, or is not a number.
        """
        values = np.asarray(self.fields[key], dtype=np.float64).ravel()
        if not values.size or np.isnan(values).any():
            raise self.fail(f"{key} is not a number")
        if (values != values[0]).any():
            raise self.fail(
                f"{key} differs between neurons; a population here has one: split it into one "
                "population per value"
            )
        return float(values[0])

    def array(self, key: str) -> Any:
        """A parameter as float64.

        Raises:
            GraphError: if it is not all finite numbers.
        """
        values = np.asarray(self.fields[key])
        if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
            raise self.fail(f"{key} is not all finite numbers")
        return values.astype(np.float64)


@contextmanager
def making_sense(where: str) -> Iterator[None]:
    """Turn what strange values of a foreign graph do to arithmetic into one line.

    The package `nir` keeps whatever a file holds under a parameter's name: text, groups, infinity.

    Raises:
        GraphError: beginning with ``where``.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except (
        ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError,
    ) as error:  # fmt: skip
        said = one_line(" ".join(str(error).split()) or type(error).__name__)
        raise GraphError(f"{where}: holds a value that makes no sense there ({said})") from error


def items_of(graph: Any) -> list[Item]:
    """The nodes of a `nir.NIRGraph`, every source before what reads it, loops aside.

    Raises:
        GraphError: naming a node of a type that has no integer form, an edge that leads nowhere,
            or the nodes of a loop without one clear beginning (:mod:`conversion.nir_io.loops`).
    """
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    _unfold(graph, "", nodes, edges, 0)
    for name, node in nodes.items():
        kind = type(node).__name__
        if kind not in KNOWN:
            raise GraphError(
                f"NIR node {name!r}: type {kind} has no integer form here; express it by "
                f"{', '.join(KNOWN[2:])}"
            )
    for edge in edges:
        for end in edge:
            if end not in nodes:
                raise GraphError(f"NIR edge {edge[0]} -> {edge[1]}: there is no node {end!r}")
    sources: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in edges:
        if source in sources[target]:
            raise GraphError(f"NIR edge {source} -> {target} is given twice")
        sources[target].append(source)
    reading = reading_of(sources, {name: type(node).__name__ for name, node in nodes.items()})
    back = {
        name: frozenset(s for s in sources[name] if (s, name) in reading.back) for name in nodes
    }
    return [_item(name, nodes[name], sources[name], back[name]) for name in reading.order]


def _unfold(
    graph: Any, prefix: str, nodes: dict[str, Any], edges: list[tuple[str, str]], depth: int
) -> None:
    """Nested graphs as part of the outer one; their Input and Output become ends of edges."""
    if depth > MAX_NESTING:
        raise GraphError(f"NIR node {prefix!r}: graphs within graphs deeper than {MAX_NESTING}")
    inner: dict[str, dict[str, list[str]]] = {}
    for name, node in graph.nodes.items():
        full = f"{prefix}{name}"
        if type(node).__name__ == "NIRGraph":
            within: dict[str, Any] = {}
            links: list[tuple[str, str]] = []
            _unfold(node, f"{full}.", within, links, depth + 1)
            inner[full] = _open_ends(within, links)
            if not (inner[full]["in"] and inner[full]["out"]):
                raise GraphError(f"NIR node {full!r}: a nested graph needs an Input and an Output")
            nodes.update({k: v for k, v in within.items() if not _is_end(v)})
            edges += [(a, b) for a, b in links if not _is_end(within.get(a))
                      and not _is_end(within.get(b))]  # fmt: skip
        else:
            nodes[full] = node
    for source, target in graph.edges:
        a, b = f"{prefix}{source}", f"{prefix}{target}"
        starts = inner[a]["out"] if a in inner else [a]
        stops = inner[b]["in"] if b in inner else [b]
        edges += [(x, y) for x in starts for y in stops]


def _is_end(node: Any) -> bool:
    return type(node).__name__ in ("Input", "Output")


def _open_ends(nodes: Mapping[str, Any], edges: list[tuple[str, str]]) -> dict[str, list[str]]:
    """What the Input of a nested graph feeds, and what feeds its Output."""
    ends: dict[str, list[str]] = {"in": [], "out": []}
    for a, b in edges:
        if type(nodes.get(a)).__name__ == "Input":
            ends["in"].append(b)
        if type(nodes.get(b)).__name__ == "Output":
            ends["out"].append(a)
    return ends


def _item(name: str, node: Any, sources: list[str], back: frozenset[str]) -> Item:
    found = {f.name: plain(getattr(node, f.name)) for f in fields(node) if f.name not in UNSAID}
    kind = type(node).__name__
    ends = {"Input": ("input_type", "input"), "Output": ("output_type", "output")}
    if kind in ends:
        said, key = ends[kind]
        found["shape"] = plain((getattr(node, said) or {}).get(key))
    if kind == "Flatten":
        found["input_type"] = plain((node.input_type or {}).get("input"))
    metadata = node.metadata if isinstance(node.metadata, Mapping) else {}
    return Item(name, kind, found, metadata, tuple(sources), back)
