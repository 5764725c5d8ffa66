"""From a NIR graph to an integer graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from conversion.bounds import verify
from conversion.graph import Graph
from conversion.nir_io import door, read_layers, read_neurons
from conversion.nir_io.convention import chosen
from conversion.nir_io.draft import Draft, Signal, ours
from conversion.nir_io.items import Item, items_of, making_sense
from conversion.nir_io.kept import keep
from conversion.nodes import Input
from conversion.passes.balance_delays import balance_delays
from depth_snn.errors import ConfigError, GraphError

META = "nir"
"""Key of Graph.meta under which the original stands."""
OWN = "depth_snn"
"""Key of a NIR graph's metadata under which our exporter writes how to read it."""
MAX_INPUT = 2**23 - 1

Made = tuple[Signal, dict[str, Any]]
SINGLE: dict[str, Callable[[Draft, Item, Signal], Made]] = {
    "Affine": read_layers.affine, "Linear": read_layers.affine, "Scale": read_layers.scale,
    "Conv1d": read_layers.conv, "Conv2d": read_layers.conv, "SumPool2d": read_layers.pool,
    "AvgPool2d": read_layers.pool, "Flatten": read_layers.flatten, "Delay": read_neurons.delay,
    "Output": read_neurons.output,
}  # fmt: skip
ADDING: dict[str, Callable[[Draft, Item, list[Signal]], Made]] = {
    "Threshold": read_neurons.threshold,
    **dict.fromkeys(("IF", "I", "LI", "LIF", "CubaLI", "CubaLIF"), read_neurons.neuron),
}
COMPUTED = {"weight"}
"""Parameters that an export computes from the integers; all others are kept as they are."""


def import_nir(
    source: Any,
    *,
    convention: str | None = None,
    dt: float | None = None,
    reset: str | None = None,
    input_range: tuple[int, int] | None = None,
    input_unit: float | None = None,
    exact: bool = False,
    name: str | None = None,
) -> Graph:
    """Read a NIR graph (docs/nir.md).

    Args:
        source: A `nir.NIRGraph`, or the path of a file with one.
        convention: ``"snntorch"``, ``"norse"`` or ``"nir"``: who wrote the numbers
            (:mod:`conversion.nir_io.convention`); None where the graph tells.
        dt: Step in seconds; None for the library's own. The convention ``nir`` needs it.
        reset: ``"zero"``, ``"subtract"`` or ``"subtract_late"``; None for the library's default.
        input_range: Smallest and largest integer presented to an input; spikes, 0 and 1, if None.
        input_unit: Real value of the integer 1 at an input; 1 if None.
        exact: Refuse whatever is not exactly representable, instead of noting it.
        name: Of the graph; None for the file's stem, or ``"nir"``.

    Returns:
        A balanced graph of the quantised dialect. ``meta["nir"]["notes"]`` says in words what had
        to be rounded, ``["limits"]`` where a register may end what is exact otherwise, and
        ``["outputs"]`` is the real value of 1 at each output.

    Raises:
        GraphError: in one line, naming the node that has no integer form, or the file's fault.
        ConfigError: if the convention or the step must be named, or an option is out of range.
        MissingDependency: if the package `nir` is not installed.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    graph = door.load(path) if path is not None else source
    if not door.is_graph(graph):
        raise GraphError(f"expected a nir.NIRGraph or the path of a file, got {type(graph)}")
    with making_sense("NIR graph"):
        own = _own(graph)
        low, high = input_range or own.get("input_range") or (0, 1)
        unit = input_unit if input_unit is not None else own.get("input_unit", 1.0)
        _check_input(low, high, unit)
        said = chosen(
            convention or own.get("convention"), dt if dt is not None else own.get("dt"),
            reset or own.get("reset"), graph,
        )  # fmt: skip
        draft = Draft(said)
        items = items_of(graph)
    inputs = (int(low), int(high), float(unit))
    made = _walk(draft, items, inputs)
    if exact and draft.notes:
        raise GraphError(f"not exactly representable: {draft.notes[0]}; leave out `exact` to round")
    kept = _remembered(graph, draft, items, made, inputs)
    title = name or own.get("name") or (path.stem if path else "nir")
    built = Graph(
        name=str(title), dialect="quantised", nodes=tuple(draft.nodes.values()),
        edges=tuple(draft.edges), meta={META: kept},
    )  # fmt: skip
    built = _closed(balance_delays(built))
    verify(built)
    return built


def _closed(graph: Graph) -> Graph:
    """The graph with what its loops bring one frame old.

    Raises:
        GraphError: if a loop takes more steps here.
    """
    edges = []
    for edge in graph.edges:
        late = edge.delay + 1 - graph.frames_back(edge) if edge.recurrent else edge.delay
        if late < 0:
            raise GraphError(
                f"NIR graph: recurrent from {edge.source!r} to {edge.target!r} with "
                f"{1 - late} layers of weights in the loop, each of which takes a step here; "
                "only one layer brings spikes back in the next step: unroll it"
            )
        edges.append(replace(edge, delay=late))
    return graph.with_edges(edges)


def _remembered(
    graph: Any,
    draft: Draft,
    items: list[Item],
    made: list[dict[str, Any]],
    inputs: tuple[int, int, float],
) -> dict[str, Any]:
    """What Graph.meta holds of the original, as JSON."""
    pairs = list(zip(items, made, strict=True))
    own = {k: v for k, v in graph.metadata.items() if k != OWN}
    return {
        "convention": asdict(draft.convention),
        "input_range": list(inputs[:2]),
        "input_unit": inputs[2],
        "nodes": [_record(item, found) for item, found in pairs],
        "names": [str(n) for n in graph.nodes],
        "edges": [[str(a), str(b)] for a, b in graph.edges],
        "metadata": {k: keep(v, f"metadata {k!r}") for k, v in own.items()},
        "notes": draft.notes,
        "limits": draft.limits,
        "outputs": {i.name: found["value"] for i, found in pairs if "value" in found},
    }


def _own(graph: Any) -> dict[str, Any]:
    """How our exporter said its graph is to be read; empty for another's graph."""
    found = graph.metadata.get(OWN, {}) if isinstance(graph.metadata, Mapping) else {}
    if not isinstance(found, Mapping):
        return {}
    out: dict[str, Any] = {}
    for key in ("convention", "reset", "name"):
        if isinstance(found.get(key), str):
            out[key] = found[key]
    for key in ("dt", "input_unit"):
        if key in found:
            out[key] = float(found[key])
    if np.size(found.get("input_range", ())) == 2:
        out["input_range"] = tuple(int(v) for v in found["input_range"])
    return out


def _check_input(low: int, high: int, unit: float) -> None:
    if not -MAX_INPUT <= low <= high <= MAX_INPUT:
        raise ConfigError(
            f"input range {low} … {high}: expected two rising numbers within ±{MAX_INPUT}"
        )
    if not (np.isfinite(unit) and unit > 0):
        raise ConfigError(f"input unit {unit}: expected a positive number")


def _walk(draft: Draft, items: list[Item], inputs: tuple[int, int, float]) -> list[dict[str, Any]]:
    readers: dict[str, int] = {}
    for item in items:
        for source in item.sources:
            readers[source] = readers.get(source, 0) + 1
    signals: dict[str, Signal] = {}
    made = []
    by_name = {item.name: item for item in items}
    for item in items:
        with making_sense(f"NIR node {item.name!r} ({item.kind})"):
            for source in item.sources:
                if source not in signals:  # the beginning of a loop, of which this is part
                    signals[source] = read_neurons.announced(draft.convention, by_name[source])
            arrived = [
                replace(signals[s], shared=signals[s].shared or readers[s] > 1, back=s in item.back)
                for s in item.sources
            ]
            shown, found = _made(draft, item, arrived, inputs)
            if signals.setdefault(item.name, shown) != shown:
                raise item.fail("begins a loop that reads its spikes in another shape")
        made.append(found)
    if not any(item.kind == "Input" for item in items):
        raise GraphError("the NIR graph has no Input node; add one with the shape of its data")
    return made


def _made(draft: Draft, item: Item, arrived: list[Signal], inputs: tuple[int, int, float]) -> Made:
    if item.kind == "Input":
        return _input(draft, item, arrived, inputs)
    if not arrived:
        raise item.fail("nothing leads to it; connect it to an Input")
    if item.kind in ADDING:
        return ADDING[item.kind](draft, item, arrived)
    if len(arrived) > 1:
        raise item.fail(
            f"adds the values of {len(arrived)} nodes; here only neurons add: let each of "
            f"{', '.join(item.sources)} lead to the neuron by a layer of its own"
        )
    return SINGLE[item.kind](draft, item, arrived[0])


def _input(draft: Draft, item: Item, arrived: list[Signal], inputs: tuple[int, int, float]) -> Made:
    if arrived:
        raise item.fail(f"is fed by {', '.join(item.sources)}; an Input has no source")
    said = item.fields["shape"]
    shape = tuple(int(n) for n in np.asarray(said if said is not None else ()).ravel())
    if not 1 <= len(shape) <= 3 or min(shape) < 1:
        raise item.fail(
            f"shape {shape}: expected (N,), (C, L) or (C, H, W); export the model with an "
            "unbatched sample"
        )
    low, high, unit = inputs
    draft.put(Input(name=item.name, shape=ours(shape), lo=low, hi=high))
    return Signal(item.name, shape, unit, low, high), {"node": item.name}


def _record(item: Item, found: dict[str, Any]) -> dict[str, Any]:
    """What an export needs to write the node again."""
    computed = COMPUTED | ({"scale"} if item.kind == "Scale" and "node" in found else set())
    fields = {
        key: keep(value, f"NIR node {item.name!r}: {key}")
        for key, value in item.fields.items()
        if key not in computed
    }
    record = {
        "name": item.name, "kind": item.kind, "sources": list(item.sources), "fields": fields,
        "metadata": {k: keep(v, f"{item.name!r}: metadata") for k, v in item.metadata.items()},
    }  # fmt: skip
    for key in computed & set(item.fields):
        array = np.asarray(item.fields[key])
        record[key] = {"dtype": array.dtype.str, "shape": list(array.shape)}
    return {**record, **{k: _listed(v) for k, v in found.items()}}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
