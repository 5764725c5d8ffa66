"""A graph that did not come from NIR, written with its integers as NIR's real numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conversion.graph import Graph
from conversion.nir_io import door
from conversion.nir_io.convention import SNNTORCH_DT
from conversion.nir_io.draft import positions_first
from conversion.nir_io.items import Shape
from conversion.nir_io.read import OWN
from conversion.nodes import (
    LIF,
    Conv,
    Delay,
    Delta,
    Dense,
    Input,
    Node,
    Output,
    Regroup,
    Skip,
    SumPool,
)
from depth_snn.errors import GraphError

SILENT = 2**17
"""A threshold that is never exceeded (docs/fixed_point.md §6)."""
HELP = {
    "SigmaDelta": "NIR has no sigma-delta neuron",
    "Sparse": "NIR holds dense weights only; make it a Dense",
    "RestoreGate": "NIR has no gates; export the network before its gates were inserted",
    "LinearAttention": "NIR has no products of signals",
}


def native_nir(graph: Graph, dt: float | None) -> Any:
    """Write integers as they are: units, thresholds and weights are those of the graph.

    Raises:
        GraphError: naming the node that NIR cannot express.
    """
    if graph.dialect != "quantised":
        raise GraphError(f"graph {graph.name!r} is {graph.dialect}; quantise it before exporting")
    work = _Native(graph, SNNTORCH_DT if dt is None else dt)
    for edge in graph.edges:
        if edge.recurrent:
            raise work.fail(graph.by_name[edge.target], "it stands in a loop")
    for node in graph.order:
        work.write(node)
    inputs = graph.of_kind("Input")
    low = min(n.lo for n in inputs if isinstance(n, Input))
    high = max(n.hi for n in inputs if isinstance(n, Input))
    metadata = {
        OWN: {
            "convention": work.convention, "dt": work.dt, "reset": work.reset or "zero",
            "name": graph.name, "input_unit": 1.0, "input_range": np.array([low, high]),
        }
    }  # fmt: skip
    return door.make_graph(work.nodes, work.edges, metadata)


class _Native:
    """One export under way."""

    def __init__(self, graph: Graph, dt: float) -> None:
        self.graph, self.dt = graph, dt
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.shapes: dict[str, Shape] = {}
        """Shape in NIR of what a node shows."""
        self.layouts: dict[str, Shape] = {}
        """Grid of what was flattened."""
        self.shown: dict[str, str] = {}
        """NIR node that stands for a node here."""
        self.reset = ""
        self.grids = _grids(graph)

    @property
    def convention(self) -> str:
        """Only snntorch's reading of NIR has the late reset."""
        return "snntorch" if self.reset == "subtract_late" else "nir"

    def write(self, node: Node) -> None:
        """Write one node; what it reads has been written."""
        writers: dict[type[Node], Callable[[Any], None]] = {
            Input: self._input, Dense: self._dense, Conv: self._conv, SumPool: self._pool,
            Skip: self._skip, Regroup: self._regroup, LIF: self._lif, Delay: self._delay,
            Delta: self._delta, Output: self._output,
        }  # fmt: skip
        writer = writers.get(type(node))
        if writer is None:
            raise self.fail(node, HELP.get(node.kind, "NIR has nothing like it"))
        writer(node)

    def fail(self, node: Node, why: str) -> GraphError:
        """An error that names a node and says why."""
        return GraphError(f"node {node.name!r} ({node.kind}) cannot be written as NIR: {why}")

    def _put(
        self, node: Node, kind: str, fields: dict[str, Any], shape: Shape, **more: Any
    ) -> None:
        name = more.get("name", node.name)
        self.nodes[name] = door.make_node(kind, fields, {})
        for source in more.get(
            "sources", [self._source(e) for e in self.graph.incoming[node.name]]
        ):
            self.edges.append((source, name))
        self.shown[node.name], self.shapes[node.name] = name, shape

    def _source(self, edge: Any) -> str:
        source = self.graph.by_name[edge.source]
        silent = isinstance(source, LIF) and source.vth == SILENT
        if (edge.source_port == "membrane") != silent:
            raise self.fail(
                source, f"its port {edge.source_port!r} is read; NIR shows the membrane of an "
                "integrator and the spikes of all others"
            )  # fmt: skip
        return self.shown[edge.source]

    def _before(self, node: Node) -> tuple[Shape, Shape | None]:
        """Shape of what a node reads, and the grid it was flattened from."""
        edge = self.graph.incoming[node.name][0]
        return self.shapes[edge.source], self.layouts.get(edge.source)

    def _through(self, node: Node) -> Shape:
        """The shape of what a node reads and shows; it keeps the layout."""
        shape, layout = self._before(node)
        if layout:
            self.layouts[node.name] = layout
        return shape

    def _input(self, node: Input) -> None:
        shape = node.shape
        if len(shape) == 2:
            rows, channels = shape
            shape = (channels,) if rows == 1 and node.name not in self.grids else (
                channels, *self.grids.get(node.name, (rows,))
            )  # fmt: skip
        elif len(shape) != 1:
            raise self.fail(node, f"shape {shape} is neither a vector nor channels of positions")
        self._put(node, "Input", {"input_type": {"input": np.array(shape)}}, shape)

    def _dense(self, node: Dense) -> None:
        if node.repeat != 1:
            raise self.fail(node, "its groups share weights")
        shape, layout = self._before(node)
        real = node.weight.astype(np.float64) * 2.0**node.exponent
        if len(shape) == 1:
            mine = np.zeros_like(real)
            mine[:, positions_first(layout) if layout else slice(None)] = real
            self._put(node, "Linear", {"weight": mine}, (len(real),))
            return
        kernel = real.reshape(*real.shape, *[1] * (len(shape) - 1))
        ones = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
        side: Any = shape[1] if len(shape) == 2 else tuple(shape[1:])
        fields = {"input_shape": side, "weight": kernel, "bias": np.zeros(len(real)), **ones}
        kind = "Conv1d" if len(shape) == 2 else "Conv2d"
        self._put(node, kind, fields, (len(real), *shape[1:]))

    def _conv(self, node: Conv) -> None:
        self._gridded(node)
        fields = {
            "input_shape": (node.height, node.width), "stride": node.strides,
            "weight": node.weight.astype(np.float64) * 2.0**node.exponent,
            "padding": node.paddings, "dilation": (1, 1), "groups": 1,
            "bias": np.zeros(node.weight.shape[0]),
        }  # fmt: skip
        self._put(node, "Conv2d", fields, (node.weight.shape[0], *node.grid))

    def _gridded(self, node: Conv | SumPool) -> None:
        shape, _ = self._before(node)
        if len(shape) != 3:
            raise self.fail(node, f"what it reads has shape {shape} in NIR, not (C, H, W)")

    def _pool(self, node: SumPool) -> None:
        self._gridded(node)
        keys = ("kernel_size", "stride", "padding")
        sides = (node.kernels, node.strides, node.paddings)
        fields = {key: np.array(side) for key, side in zip(keys, sides, strict=True)}
        shape = (node.channels, *node.grid)
        self._put(node, "SumPool2d", fields, shape)
        self._shifted(node, node.exponent, shape)

    def _shifted(self, node: Node, exponent: int, shape: Shape) -> None:
        """A left shift that NIR's node has no weights for."""
        if exponent:
            self._put(
                node, "Scale", {"scale": np.full(shape, 2.0**exponent)}, shape,
                name=f"{node.name}.shift", sources=[node.name],
            )  # fmt: skip

    def _skip(self, node: Skip) -> None:
        shape = self._through(node)
        self._put(node, "Scale", {"scale": np.full(shape, 2.0**node.exponent)}, shape)

    def _regroup(self, node: Regroup) -> None:
        shape, _ = self._before(node)
        whole = node.index.shape[0] == 1 and np.array_equal(
            node.index[0], np.arange(node.positions)
        )
        if not whole or len(shape) == 1:
            raise self.fail(node, "only one that flattens a whole grid is NIR's Flatten")
        fields = {"input_type": {"input": np.array(shape)}, "start_dim": 0, "end_dim": -1}
        flat = (int(np.prod(shape)),)
        self._put(node, "Flatten", fields, flat)
        self.layouts[node.name] = shape
        self._shifted(node, node.exponent, flat)

    def _lif(self, node: LIF) -> None:
        shape = self._through(node)
        if node.reset_every or node.warmup:
            raise self.fail(node, "NIR has no periodic reset and no frames of warming up")
        silent = node.vth == SILENT
        if not silent and node.dv != 4096:
            if node.reset == "subtract":
                raise self.fail(node, "NIR resets to a value, and no library reads a subtraction")
            if self.reset and self.reset != node.reset:
                raise self.fail(node, f"resets to {node.reset}, others to {self.reset}")
            self.reset = node.reset
        kind, fields = _neuron(node, shape, self.dt, silent)
        if node.biased and not node.dv:
            raise self.fail(node, "an integrator without leak has no bias in NIR")
        self._put(node, kind, fields, shape)

    def _delay(self, node: Delay) -> None:
        shape, steps = self._through(node), node.steps
        if steps.size > 1 and len(shape) > 1:
            steps = steps.T.reshape(shape)
        self._put(node, "Delay", {"delay": np.broadcast_to(steps * self.dt, shape)}, shape)

    def _delta(self, node: Delta) -> None:
        """An encoder that only turns a value into its changes for an Output is part of that."""
        readers = [self.graph.by_name[e.target] for e in self.graph.edges if e.source == node.name]
        passes = not (node.gated or node.bias.any() or node.shift) and node.threshold <= 1
        if not passes or any(not isinstance(r, Output) for r in readers):
            raise self.fail(node, "NIR has no delta encoder; only one in front of an Output goes")
        self.shapes[node.name] = self._through(node)
        self.shown[node.name] = self._source(self.graph.incoming[node.name][0])

    def _output(self, node: Output) -> None:
        shape = self._through(node)
        if node.bias.any():
            raise self.fail(node, "its bias; NIR's Output has none")
        source = self.graph.by_name[self.graph.incoming[node.name][0].source]
        fields = {"output_type": {"output": np.array(shape)}}
        if type(source) is Delta:
            self._put(node, "Output", fields, shape)
            return
        # An Output here adds up what arrives; NIR's integrator does that.
        total = f"{node.name}.sum"
        self._put(node, "I", {"r": np.full(shape, 1 / self.dt)}, shape, name=total)
        self._put(node, "Output", fields, shape, sources=[total])


def _neuron(node: LIF, shape: Shape, dt: float, silent: bool) -> tuple[str, dict[str, Any]]:
    """Type and parameters of a population; see :mod:`conversion.nir_io.convention`."""

    def full(value: float) -> Any:
        return np.full(shape, value)

    fires = {} if silent else {"v_threshold": full(node.vth), "v_reset": full(0.0)}
    alpha = (4096 - node.du - 1) / 4096
    if node.dv == 4096 and not silent and not alpha and not node.biased:
        return "Threshold", {"threshold": full(node.vth)}
    if node.dv == 0 and not alpha:
        return "I" if silent else "IF", {"r": full(1 / dt), **fires}
    lost = node.dv / 4096
    with np.errstate(divide="ignore"):
        tau, tau_syn = (float(np.float64(dt) / np.float64(x)) for x in (lost, 1 - alpha))
    leak = _leak(node, shape) / lost if lost else full(0.0)
    rest = {"r": full(tau / dt), "v_leak": leak, **fires}
    if not alpha:
        return "LI" if silent else "LIF", {"tau": full(tau), **rest}
    fields = {"tau_mem": full(tau), "tau_syn": full(tau_syn), "w_in": full(tau_syn / dt), **rest}
    return "CubaLI" if silent else "CubaLIF", fields


def _leak(node: LIF, shape: Shape) -> Any:
    """A bias as what the potential gains per step: NIR's v_leak times the share lost."""
    bias = node.bias if node.biased else np.zeros(1)
    if bias.ndim == 2:
        return bias.T.reshape(shape).astype(np.float64)
    wide = bias.reshape(-1, *[1] * (len(shape) - 1))
    return np.broadcast_to(wide, shape).astype(np.float64)


def _grids(graph: Graph) -> dict[str, tuple[int, int]]:
    """Rows and columns of what a node shows, as far as a window in front or behind tells them."""
    found: dict[str, tuple[int, int]] = {}
    for node in graph.nodes:
        if isinstance(node, Conv | SumPool):
            found[node.name] = node.grid
    for node in reversed(graph.order):
        for edge in graph.incoming[node.name]:
            if isinstance(node, Conv | SumPool):
                found.setdefault(edge.source, (node.height, node.width))
            elif node.name in found and isinstance(node, LIF | Skip | Delay | Dense):
                found.setdefault(edge.source, found[node.name])
    return found
