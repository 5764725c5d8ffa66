"""From an integer graph to a NIR graph.

A graph that came from NIR carries its original along. It is written back with the original's
parameters, and read again to see that it still means this graph; if it was changed since, its
integers are written as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from conversion.graph import Graph
from conversion.nir_io import door, weights
from conversion.nir_io.draft import positions_first
from conversion.nir_io.kept import unkeep
from conversion.nir_io.read import META, OWN, import_nir
from conversion.nir_io.read_layers import own_kernel
from conversion.nir_io.write_native import native_nir
from conversion.nodes import Conv, Dense
from depth_snn.errors import GraphError


def export_nir(graph: Graph, *, dt: float | None = None) -> Any:
    """Write a graph as NIR (docs/nir.md).

    Args:
        graph: A graph of the quantised dialect.
        dt: Step in seconds for a graph that did not come from NIR; 1e-4 if None.

    Returns:
        A `nir.NIRGraph`. Its metadata say under ``depth_snn`` how to read it here.

    Raises:
        GraphError: naming the node that NIR cannot express, and what would help.
        MissingDependency: if the package `nir` is not installed.
    """
    door.require_nir()
    if META in graph.meta:
        written = _as_it_came(graph)
        if written is not None:
            return written
    return native_nir(graph, dt)


def _as_it_came(graph: Graph) -> Any | None:
    """The original with this graph's weights; None if that would mean another graph."""
    try:
        written = _rebuilt(graph, graph.meta[META])
        back = import_nir(written)
    except (GraphError, KeyError, TypeError, ValueError, AttributeError):
        return None  # Nodes were taken out or replaced: the record no longer fits.
    return written if difference(graph, back) is None else None


def _rebuilt(graph: Graph, kept: Mapping[str, Any]) -> Any:
    nodes: dict[str, Any] = {}
    edges: list[tuple[str, str]] = []
    for record in kept["nodes"]:
        fields = {key: unkeep(value) for key, value in record["fields"].items()}
        if "shape" in fields and record["kind"] in ("Input", "Output"):
            key = "input" if record["kind"] == "Input" else "output"
            # An Output may leave its shape open in memory, but not in a file.
            said = fields["shape"] if fields["shape"] is not None else np.array(record["shape"])
            fields = {f"{key}_type": {key: said}}
        elif record["kind"] == "Flatten":
            fields["input_type"] = {"input": fields.get("input_type")}
        for key in ("weight", "scale"):
            if key in record:
                fields[key] = _weight(graph, record, record[key])
        metadata = {key: unkeep(value) for key, value in record["metadata"].items()}
        nodes[record["name"]] = door.make_node(record["kind"], fields, metadata)
        edges += [(source, record["name"]) for source in record["sources"]]
    metadata = {key: unkeep(value) for key, value in kept["metadata"].items()}
    metadata[OWN] = {
        "convention": kept["convention"]["name"], "dt": kept["convention"]["dt"],
        "reset": kept["convention"]["reset"], "name": graph.name,
        "input_unit": kept["input_unit"], "input_range": np.array(kept["input_range"]),
    }  # fmt: skip
    # The order of the original, as far as nested graphs left its names.
    first = [n for n in kept["names"] if n in nodes]
    ordered = {n: nodes[n] for n in [*first, *(n for n in nodes if n not in first)]}
    given = [(a, b) for a, b in kept["edges"]]
    return door.make_graph(ordered, given if set(given) == set(edges) else edges, metadata)


def _weight(graph: Graph, record: Mapping[str, Any], form: Mapping[str, Any]) -> Any:
    """Real weights of a record's node, in NIR's order and type."""
    node, unit, shape = graph.by_name[record["node"]], record["unit"], tuple(form["shape"])
    if isinstance(node, Conv):
        fields = {k: unkeep(v) for k, v in record["fields"].items()}
        groups = int(np.asarray(fields["groups"]))
        flat = record["kind"] == "Conv1d"
        dilation = np.asarray(fields["dilation"]).ravel().tolist()
        down, across = (1, dilation[0]) if flat else (dilation[0], dilation[-1])
        own = (shape[0], shape[1], 1, shape[2]) if flat else shape
        down_skip, across_skip = record["skipped"]
        integers = own_kernel(
            node.weight, own, groups, (down, across), (down_skip, across_skip)
        ).reshape(shape)
        return weights.original(integers, unit, form["dtype"])
    if not isinstance(node, Dense):
        raise GraphError(f"node {node.name!r} is a {node.kind}, no longer what NIR's was read as")
    integers = node.weight
    layout = tuple(record["layout"]) if record.get("layout") else None
    order = positions_first(layout) if layout else np.arange(integers.shape[1])
    if record["kind"] == "Scale":
        factors = np.zeros(integers.shape[0], np.int64)
        factors[order if layout else slice(None)] = np.diag(integers)
        wide = factors.reshape(-1, *[1] * (len(shape) - 1)) if len(shape) > 1 else factors
        return weights.original(np.broadcast_to(wide, shape), unit, form["dtype"])
    original = np.zeros_like(integers)
    original[:, order] = integers
    return weights.original(original, unit, form["dtype"])


def difference(one: Graph, other: Graph) -> str | None:
    """The first node or edge in which two graphs differ; None if they are equal."""
    names = [n.name for n in one.nodes]
    if names != [n.name for n in other.nodes]:
        return "the nodes have other names"
    for a, b in zip(one.nodes, other.nodes, strict=True):
        left, right = a.attributes(), b.attributes()
        if type(a) is not type(b) or left.keys() != right.keys():
            return f"node {a.name!r}: {a.kind} and {b.kind}"
        for key, value in left.items():
            if not np.array_equal(value, right[key]):
                return f"node {a.name!r}: {key}"
    if set(one.edges) != set(other.edges):
        return "the edges"
    return None
