"""Node types of the quantised dialect; their meaning is defined in docs/fixed_point.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

import numpy as np

from conversion.connections import WEIGHT_MAX, Conv, Dense, Regroup, Skip, SumPool
from conversion.host_nodes import HOST_NODES, HostNode, HostNorm, HostTable, SoftmaxAttention
from conversion.node import IntArray, Node, Place, frozen_int
from conversion.sparse import Sparse
from conversion.spiking import LIF, Delay
from conversion.stock_sigma_delta import StockSigmaDelta

__all__ = [
    "LIF", "QUANTISED_NODES", "WEIGHT_MAX", "Connection", "Conv", "Delay", "Delta", "Dense",
    "HostNode", "HostNorm", "HostTable", "Input", "IntArray", "LinearAttention", "Node",
    "Output", "Regroup", "RestoreGate", "SigmaDelta", "Skip", "SoftmaxAttention", "Sparse",
    "StockSigmaDelta", "SumPool",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Input(Node):
    """A value supplied from outside at every step, within [lo, hi]."""

    shape: tuple[int, ...]
    lo: int
    hi: int
    kind: ClassVar[str] = "Input"
    ports: ClassVar[tuple[str, ...]] = ()
    runs_on: ClassVar[Place] = "host"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))
        self._require(bool(self.shape) and min(self.shape) > 0, f"bad shape {self.shape}")
        self._require(self.lo <= self.hi, f"lo {self.lo} is above hi {self.hi}")

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return self.shape


@dataclass(frozen=True, kw_only=True, eq=False)
class Delta(Node):
    """Drift-free delta encoder of an absolute input (docs/fixed_point.md §3).

    One that is not ``gated`` has no gate port, and ``stage`` means nothing.
    """

    tokens: int
    channels: int
    stage: int
    bias: IntArray
    shift: int
    lo: int
    hi: int
    threshold: int = 0
    gated: bool = True
    kind: ClassVar[str] = "Delta"
    ports: ClassVar[tuple[str, ...]] = ("in", "gate")

    def __post_init__(self) -> None:
        object.__setattr__(self, "bias", frozen_int(self.bias, f"node {self.name!r}: bias"))
        shapes = ((self.channels,), (self.tokens, self.channels))
        self._require(self.bias.shape in shapes, f"bias has shape {self.bias.shape}, not {shapes}")
        self._require(0 <= self.shift <= 30, f"shift {self.shift} is outside 0..30")
        self._require(self.lo <= 0 <= self.hi, f"range [{self.lo}, {self.hi}] must contain 0")
        self._require(self.threshold >= 0, f"threshold {self.threshold} is negative")
        self._require(self.stage >= 0, f"stage {self.stage} is negative")

    @property
    def inputs(self) -> tuple[str, ...]:
        """See :attr:`Node.inputs`."""
        return self.ports if self.gated else ("in",)

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.tokens, self.channels)

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (-1, self.tokens) if port == "gate" else (self.tokens, self.channels)


@dataclass(frozen=True, kw_only=True, eq=False)
class SigmaDelta(Delta):
    """Drift-free sigma-delta: sums what arrives, sends what changed (docs/fixed_point.md §3)."""

    kind: ClassVar[str] = "SigmaDelta"


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearAttention(Node):
    """Incremental ReLU linear attention in integers (docs/fixed_point.md §5).

    One that is not ``gated`` has no gate port, and ``stage`` means nothing.
    """

    tokens: int
    heads: int
    head_dim: int
    stage: int
    state_shift: int
    state_max: int
    gated: bool = True
    kind: ClassVar[str] = "LinearAttention"
    latency: ClassVar[int] = 1
    ports: ClassVar[tuple[str, ...]] = ("q", "k", "v", "gate")

    def __post_init__(self) -> None:
        self._require(self.heads > 0 and self.head_dim > 0, "needs at least one head and channel")
        self._require(0 <= self.state_shift <= 30, f"state_shift {self.state_shift} not in 0..30")
        self._require(self.state_max > 0, f"state_max {self.state_max} must be positive")

    @property
    def inputs(self) -> tuple[str, ...]:
        """See :attr:`Node.inputs`."""
        return self.ports if self.gated else self.ports[:-1]

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.tokens, self.heads * self.head_dim)

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (-1, self.tokens) if port == "gate" else self.output_shape(port)


@dataclass(frozen=True, kw_only=True, eq=False)
class RestoreGate(Node):
    """Opens token gates for spiking regions under the compute cap (docs/fixed_point.md §7)."""

    region_of: IntArray
    price: IntArray
    regions: int
    hold: int
    cap_percent: int
    refill_percent: int
    capacity: int
    own_price: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    kind: ClassVar[str] = "RestoreGate"
    ports: ClassVar[tuple[str, ...]] = ("spikes", "membrane", "sched", "fixed")
    outputs: ClassVar[tuple[str, ...]] = ("out", "admitted", "ledger")
    runs_on: ClassVar[Place] = "embedded"

    def __post_init__(self) -> None:
        if not np.size(self.own_price):
            object.__setattr__(self, "own_price", self.price)
        for key in ("region_of", "price", "own_price"):
            value = frozen_int(getattr(self, key), f"node {self.name!r}: {key}")
            object.__setattr__(self, key, value)
        self._require(self.region_of.ndim == 1, "region_of must be one number per token")
        first, last = int(self.region_of.min()), int(self.region_of.max())
        inside = first >= 0 and last < self.regions
        self._require(inside, f"region_of must lie in 0..{self.regions - 1}")
        self._require(self.price.ndim == 1 and int(self.price.min()) >= 0, "prices must be >= 0")
        bounded = self.own_price.shape == self.price.shape and bool(
            ((self.own_price >= 0) & (self.own_price <= self.price)).all()
        )
        self._require(bounded, "own_price must lie between 0 and price in every stage")
        self._require(self.hold >= 1, f"hold {self.hold} must be at least one frame")
        self._require(self.cap_percent >= 0 and self.refill_percent >= 0, "percents must be >= 0")
        self._require(self.capacity >= 0, "capacity must be >= 0")

    @property
    def tokens(self) -> int:
        """Number of tokens N."""
        return int(self.region_of.shape[0])

    @property
    def stages(self) -> int:
        """Number of stages S."""
        return int(self.price.shape[0])

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        shapes = {"out": (self.stages, self.tokens), "admitted": (self.regions,), "ledger": (2,)}
        return shapes[port]

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        if port == "sched":
            return (self.stages, self.tokens)
        return (1,) if port == "fixed" else (self.regions,)


@dataclass(frozen=True, kw_only=True, eq=False)
class Output(Node):
    """Accumulates messages; shows the sum plus ``bias`` (docs/fixed_point.md §8)."""

    tokens: int
    channels: int
    bias: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    kind: ClassVar[str] = "Output"
    runs_on: ClassVar[Place] = "host"

    def __post_init__(self) -> None:
        bias = self.bias if np.size(self.bias) else np.zeros(self.channels, np.int64)
        object.__setattr__(self, "bias", frozen_int(bias, f"node {self.name!r}: bias"))
        self._require(self.bias.shape == (self.channels,), f"bias has shape {self.bias.shape}")

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.tokens, self.channels)

    input_shape = output_shape


Connection: TypeAlias = Dense | Sparse | Conv | SumPool | Skip | Regroup
"""What hands on messages through synapses, and has neither state nor gate."""

QUANTISED_NODES: dict[str, type[Node]] = {
    cls.kind: cls
    for cls in (
        Input, Delta, SigmaDelta, Dense, Conv, Skip, Regroup, LinearAttention, LIF, RestoreGate,
        Output, Delay, SumPool, StockSigmaDelta, Sparse,
    )
}  # fmt: skip
"""Registry that drives saving, loading and the round-trip tests."""
QUANTISED_NODES.update({cls.kind: cls for cls in HOST_NODES})
