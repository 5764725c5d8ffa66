"""From the nodes of a graph to the tables and constants of a program of tokens."""

from __future__ import annotations

import math
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.nodes import (
    LIF,
    Conv,
    Delta,
    Dense,
    Input,
    LinearAttention,
    Node,
    Output,
    Regroup,
    RestoreGate,
    SigmaDelta,
)
from sims.fast.conv import kernels_over
from sims.fast.spiking.assembly import Shelf
from sims.fast.tokens.gate import INPUT_SHIFT, LATE, SUBTRACT, TO_ZERO
from sims.fast.tokens.layout import Layout
from sims.fast.tokens.products import LEFT_ITEMS
from sims.fast.tokens.tables import KINDS, OPERATION, Operations, Pools, Scratch

Fields = dict[str, Any]
RESETS = {"zero": TO_ZERO, "subtract": SUBTRACT, "subtract_late": LATE}
BLOCK = 1024
"""Channels of tokens next to each other that an encoder takes at a time."""
_READY: WeakKeyDictionary[Graph, npt.NDArray[np.float32]] = WeakKeyDictionary()
"""Weights, made ready once for all simulators that run the same graph."""
THRESHOLD_MAX = 2**24
"""No message reaches it."""


class Held:
    """Shelves for everything that does not change, and the length of the state so far."""

    def __init__(self) -> None:
        self.constants, self.numbers = Shelf(np.int32), Shelf(np.int64)
        self.weight = Shelf(np.float32)
        self.state, self.totals, self.flags = 0, 0, 0

    def take(self, kind: str, items: int) -> int:
        """Offset of so many more items of state."""
        at: int = getattr(self, kind)
        setattr(self, kind, at + items)
        return at


def assembled(graph: Graph, layout: Layout) -> tuple[list[Node], Operations, Pools, Scratch]:
    """The program of a graph that :func:`sims.fast.tokens.fits.fits` accepts.

    Returns:
        The nodes in the order of their operations, the operations, and the arrays in their first
        state.
    """
    order = [node for node in graph.order if not isinstance(node, Input)]
    held = Held()
    operations = np.zeros(len(order), OPERATION)
    for row, node in zip(operations, order, strict=True):
        fields: Fields = {"kind": KINDS[node.kind], "exponent": getattr(node, "exponent", 0)}
        fields |= _value(node, layout) | _sources(graph, node, layout) | _fields(node, held)
        for name, number in fields.items():
            row[name] = number
    weight = _READY.setdefault(graph, held.weight.joined())
    tokens, rows, whole = layout.sizes
    pools = Pools(
        np.zeros(tokens, np.int32), np.zeros(rows, np.int32),
        np.zeros((len(layout.values), layout.frames + 1), np.int64), np.zeros(whole, np.int64),
        np.zeros(held.state, np.int32), np.zeros(held.totals, np.int64),
        np.ones(held.flags, np.uint8), held.constants.joined(), held.numbers.joined(),
        weight,
    )  # fmt: skip
    return order, operations, pools, _scratch(graph, operations, layout.frames)


def _scratch(graph: Graph, operations: Operations, frames: int) -> Scratch:
    most = max(max(node.output_shape("out")) for node in graph.nodes)
    floats = np.zeros(max(BLOCK, int(operations["channels"].max())), np.float32)
    left, right, gathered = 1, 1, 0
    for op in operations[operations["terms"] > 0]:
        widest = int(max(op["terms"], op["c_out"]))
        rows = min(int(op["tokens"] * op["groups"]) * frames, max(1, LEFT_ITEMS // widest))
        left, right = max(left, rows * int(op["terms"])), max(right, rows * int(op["c_out"]))
        gathered = max(gathered, rows)
    return Scratch(
        np.zeros(left, np.float32), np.zeros(right, np.float32),
        np.zeros(floats.size, np.int32), floats, floats.view(np.int32),
        np.zeros(max(most, gathered), np.int32), np.zeros(2 * most, np.int32),
        np.zeros(most, np.int32), np.zeros(most, np.uint8),
    )  # fmt: skip


def _value(node: Node, layout: Layout) -> Fields:
    """Where an operation's values lie."""
    shape = node.output_shape("out")
    fields: Fields = {"tokens": shape[0], "channels": shape[-1]}
    if (node.name, "out") in layout.number:
        return fields | {"out": layout.number[node.name, "out"]}
    if isinstance(node, Output):
        at, width = layout.whole.get((node.name, "out"), (0, 0))
        return fields | {"shown": at, "shown_stride": width}
    at, width = layout.whole[node.name, "out"]
    fields |= {"out": at, "stride": width}
    if isinstance(node, LIF):
        at, width = layout.whole[node.name, "membrane"]
        return fields | {"tokens": width, "membrane": at, "membrane_stride": width}
    assert isinstance(node, RestoreGate)
    places = {port: layout.whole[node.name, port][0] for port in ("admitted", "ledger")}
    return fields | {"tokens": node.tokens} | places


def _sources(graph: Graph, node: Node, layout: Layout) -> Fields:
    """What an operation reads, in the order of its ports, and its gate."""
    edges = [e for p in node.inputs for e in graph.incoming[node.name] if e.port == p]
    fields: Fields = {}
    sources, strides = np.zeros((2, OPERATION["source"].shape[0]), np.int64)
    count = 0
    for edge in edges:
        key = edge.source, edge.source_port
        if edge.port == "gate":
            at, width = layout.whole[key]
            shape = graph.by_name[edge.source].output_shape(edge.source_port)
            stage: int = node.stage  # type: ignore[attr-defined]
            fields = {"gate": at + stage * shape[1], "gate_stride": width}
            continue
        if key in layout.number:
            sources[count] = layout.number[key]
        else:
            sources[count], strides[count] = layout.whole[key]
        count += 1
    return fields | {"source": sources, "source_stride": strides, "sources": count}


def _fields(node: Node, held: Held) -> Fields:
    """Constants and state of an operation."""
    if isinstance(node, Delta):
        return _encoder(node, held)
    if isinstance(node, Dense | Conv):
        return _product(node, held)
    if isinstance(node, Regroup):
        slots = np.full(node.positions, -1, np.int64)
        named = node.index.reshape(-1)
        slots[named[named >= 0]] = np.flatnonzero(named >= 0)
        return {"constant": held.constants.put(slots), "c_in": node.channels}
    if isinstance(node, LinearAttention):
        n = node.heads * node.head_dim
        return {
            "heads": node.heads, "head_dim": node.head_dim, "shift": node.state_shift,
            "limit": node.state_max,
            "state": held.take("state", 3 * node.tokens * n + 2 * n * node.head_dim),
        }  # fmt: skip
    if isinstance(node, LIF):
        return _population(node, held)
    if isinstance(node, RestoreGate):
        return {
            "stages": node.stages, "regions": node.regions, "hold": node.hold,
            "cap": node.cap_percent, "refill": node.refill_percent, "capacity": node.capacity,
            "constant": held.constants.put(node.region_of),
            "number": held.numbers.put(np.concatenate([node.price, node.own_price])),
            "total": held.take("totals", 1 + 3 * node.regions),
        }  # fmt: skip
    if isinstance(node, Output):
        size = node.tokens * node.channels
        return {"number": held.numbers.put(node.bias), "total": held.take("totals", size)}
    return {}


def _encoder(node: Delta, held: Held) -> Fields:
    sums = isinstance(node, SigmaDelta)
    # A bias that tokens share stands there as often as a block of them needs it.
    block = min(node.tokens, max(1, BLOCK // node.channels))
    bias = np.tile(node.bias, block) if node.bias.ndim == 1 else node.bias
    return {
        "block": block,
        "shift": node.shift, "lo": node.lo, "hi": node.hi,
        "threshold": min(node.threshold, THRESHOLD_MAX), "shared": node.bias.ndim == 1,
        "constant": held.constants.put(bias),
        "state": held.take("state", (1 + sums) * node.tokens * node.channels),
        "flag": held.take("flags", node.tokens if sums else 0),
    }  # fmt: skip


def _product(node: Dense | Conv, held: Held) -> Fields:
    matrix = node.weight.reshape(node.weight.shape[0], -1)
    fields: Fields = {"row_sum": int(np.abs(matrix).sum(axis=1).max(initial=0))}
    if isinstance(node, Conv):
        (high, wide), (down, across), (above, beside) = node.kernels, node.strides, node.paddings
        # Rows are gathered position by position: kernel row, kernel column, channel.
        matrix = node.weight.transpose(0, 2, 3, 1).reshape(node.weight.shape[0], -1)
        fields |= {
            "height": node.height, "width": node.width, "rows": node.grid[0],
            "columns": node.grid[1], "high": high, "wide": wide, "down": down, "across": across,
            "above": above, "beside": beside, "number": held.numbers.put(kernels_over(node)),
        }  # fmt: skip
    return fields | {
        "groups": node.repeat if isinstance(node, Dense) else 1,
        "c_in": node.weight.shape[1], "c_out": node.weight.shape[0],
        "terms": matrix.shape[1], "weight": held.weight.put(np.ascontiguousarray(matrix.T)),
    }  # fmt: skip


def _population(node: LIF, held: Held) -> Fields:
    shape = node.output_shape("out")
    bias = node.bias if node.biased else np.zeros(1, np.int64)
    biases: npt.NDArray[np.int64] = np.broadcast_to(bias << INPUT_SHIFT, shape)
    return {
        "kept_u": 4095 - node.du, "kept_v": 4096 - node.dv, "threshold": node.vth << INPUT_SHIFT,
        "reset": RESETS[node.reset], "reset_every": node.reset_every,
        "number": held.numbers.put(biases),
        "total": held.take("totals", 3 * math.prod(shape)),
    }  # fmt: skip
