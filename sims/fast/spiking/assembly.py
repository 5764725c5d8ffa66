"""From the nodes of a graph to the tables and constants of a program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.nodes import LIF, Conv, Delay, Dense, Node, Regroup, Sparse, SumPool
from sims.fast.spiking.layout import Layout, frames_back
from sims.fast.spiking.neurons import INPUT_SHIFT, NARROW_DRIVE_MAX, NARROW_LOSS_MAX
from sims.fast.spiking.packing import packed, ranges_of
from sims.fast.spiking.tables import (
    CURRENT,
    KINDS,
    LINK,
    NARROW,
    OPERATION,
    PLAIN,
    SHOWN,
    Links,
    Operations,
    Pools,
)

Fields = dict[str, int]


class Shelf:
    """Arrays of one type that become one read-only array."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._arrays: list[npt.NDArray[Any]] = []
        self._size = 0

    def put(self, array: npt.NDArray[Any]) -> int:
        """Add an array, flat; its offset."""
        offset = self._size
        self._arrays.append(array.reshape(-1).astype(self._dtype, copy=False))
        self._size += array.size
        return offset

    def joined(self) -> npt.NDArray[Any]:
        """All of them; a single one is not copied, since at 10^8 synapses that would cost much."""
        if len(self._arrays) == 1:
            joined = self._arrays[0].view()
        else:
            joined = np.concatenate([np.zeros(0, self._dtype), *self._arrays])
        joined.setflags(write=False)
        return joined


@dataclass
class Constants:
    """Shelves for everything that does not change, the length of the state so far, and threads."""

    constants: Shelf = field(default_factory=lambda: Shelf(np.int32))
    weight: Shelf = field(default_factory=lambda: Shelf(np.int8))
    starts: Shelf = field(default_factory=lambda: Shelf(np.int64))
    synapses: Shelf = field(default_factory=lambda: Shelf(np.int32))
    threads: int = 1
    state: int = 0


def assembled(
    graph: Graph, order: list[Node], layout: Layout, drives: Mapping[str, int], threads: int
) -> tuple[Operations, Links, Pools]:
    """The program of some nodes.

    Args:
        graph: The graph.
        order: Its nodes but the Inputs, in the order in which they are to run.
        layout: Where values lie.
        drives: Greatest magnitude of what arrives at each population.
        threads: Threads that may share an operation.

    Returns:
        Operations in that order, links, and arrays in their first state.
    """
    held = Constants(threads=threads)
    links: list[tuple[int, int, int, int, int]] = []
    operations = np.zeros(len(order), OPERATION)
    for row, node in zip(operations, order, strict=True):
        fields = _fields(graph, node, layout, held) | {"link": len(links)}
        for edge in graph.incoming[node.name]:
            value = layout.values[edge.source, edge.source_port]
            at = value.origin - frames_back(graph, edge) * value.stride
            low, high = (getattr(graph.by_name[edge.source], end, 0) for end in ("lo", "hi"))
            links.append((value.pool, at, value.stride, low, high))
        fields["links"] = len(links) - fields["link"]
        for name, number in fields.items():
            row[name] = number
        small = drives.get(node.name, 0) <= NARROW_DRIVE_MAX
        if row["loop"] == PLAIN and isinstance(node, LIF) and small and node.dv <= NARROW_LOSS_MAX:
            row["loop"] = NARROW
    bits, wide, totals = layout.sizes
    byte_rows = np.zeros(bits, np.uint8)
    pools = Pools(
        byte_rows, byte_rows.view(np.uint64), np.zeros(wide, np.int32),
        np.zeros(totals, np.int64), np.zeros(held.state, np.int32), held.constants.joined(),
        held.weight.joined(), held.starts.joined(), held.synapses.joined(),
    )  # fmt: skip
    return operations, np.array(links, LINK), pools


def _fields(graph: Graph, node: Node, layout: Layout, held: Constants) -> Fields:
    """What the row of a node holds, its links aside."""
    out = layout.values[node.name, "out"]
    source = graph.incoming[node.name][0]
    fields = {
        "kind": KINDS[node.kind], "width": out.width, "out": out.origin, "stride": out.stride,
        "source_width": layout.values[source.source, source.source_port].width,
        "exponent": getattr(node, "exponent", 0),
    }  # fmt: skip
    if isinstance(node, LIF):
        return fields | _population(node, layout, held) | {"awake": awake_from(graph, node)}
    if isinstance(node, Dense):
        by_source = np.ascontiguousarray(node.weight.T)
        return fields | {
            "groups": node.tokens * node.repeat, "c_in": by_source.shape[0],
            "c_out": by_source.shape[1], "weight": held.weight.put(by_source.astype(np.int8)),
            "constant": held.constants.put(by_source.sum(axis=0)),
        }  # fmt: skip
    if isinstance(node, Sparse):
        ranges = ranges_of(node, held.threads)
        starts, words = packed(node, ranges)
        at = {"starts": held.starts.put(starts), "weight": held.synapses.put(words)}
        return fields | at | {"ranges": ranges}
    if isinstance(node, Conv | SumPool):
        return fields | _window(node, held)
    if isinstance(node, Regroup):
        slots = np.full(node.positions, -1, np.int64)
        named = node.index.reshape(-1)
        slots[named[named >= 0]] = np.flatnonzero(named >= 0)
        return fields | {"constant": held.constants.put(slots), "c_in": node.channels}
    if isinstance(node, Delay):
        steps = np.broadcast_to(node.steps, node.shape)
        return fields | {"constant": held.constants.put(steps)}
    return fields


def awake_from(graph: Graph, node: LIF) -> int:
    """The first frame in which a population takes part; without a bias it sleeps in none."""
    return -min(node.warmup, graph.lags[node.name]) if node.biased else -(2**62)


def _window(node: Conv | SumPool, held: Constants) -> Fields:
    (high, wide), (down, across), (above, beside) = node.kernels, node.strides, node.paddings
    fields = {
        "grid_width": node.width, "rows": node.grid[0], "columns": node.grid[1], "high": high,
        "wide": wide, "step_down": down, "step_across": across, "above": above, "beside": beside,
    }  # fmt: skip
    if isinstance(node, SumPool):
        return fields | {"c_in": node.channels}
    weight = held.weight.put(node.weight.transpose(2, 3, 1, 0).astype(np.int8))
    c_out, c_in = node.weight.shape[:2]
    return fields | {"weight": weight, "c_in": c_in, "c_out": c_out}


def _population(node: LIF, layout: Layout, held: Constants) -> Fields:
    shape, level = node.output_shape("out"), node.vth << int(INPUT_SHIFT)
    late = node.reset == "subtract_late"
    fields = {
        "kept_u": 4095 - node.du, "kept_v": 4096 - node.dv, "threshold": level,
        "mask": 0 if node.reset == "zero" else -1,
        "taken": level if node.reset == "subtract" else 0, "late": level if late else 0,
        "reset_every": node.reset_every, "state": held.state,
    }  # fmt: skip
    size = layout.values[node.name, "out"].width
    # Even a population whose current has no memory finds a row for it: the loops share their form.
    held.state += 3 * size
    membrane = layout.values.get((node.name, "membrane"))
    shown = late or membrane is not None
    plain = not (shown or node.biased or fields["kept_u"])
    if not plain:
        bias = node.bias if node.biased else np.zeros(1, np.int64)
        biases = np.broadcast_to(bias << int(INPUT_SHIFT), shape)
        fields["constant"] = held.constants.put(biases)
    fields["loop"] = PLAIN if plain else SHOWN if shown else CURRENT
    if membrane is not None:
        fields |= {"membrane": membrane.origin, "membrane_stride": membrane.stride}
    return fields
