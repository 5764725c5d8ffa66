"""Nodes that stay on the host: LayerNorm, a table, softmax attention.

docs/fixed_point.md, Host nodes, defines them. All of them add up the messages of the encoders in
front of them and show absolute values one step later; a Delta behind them makes messages again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from conversion.node import IntArray, Node, Place, frozen_int

NORM_BITS = 16
"""Width of what a HostNorm adds up."""
NORM_GUARD = 4
"""Bits behind the binary point that the root of a HostNorm keeps."""
NORM_CHANNELS_MAX, NORM_GAIN_MAX, NORM_FLOOR_MAX = 2**11, 2**12, 2**50
OPERAND_BITS = 24
"""Width of what a HostTable and a SoftmaxAttention add up."""
TABLE_MAX = 2**17
"""Most entries of a table."""
EXP_TOP_MAX = 2**20
"""Largest entry of a table of exponentials."""
ATTENTION_GAIN_MAX = 2**6


@dataclass(frozen=True, kw_only=True, eq=False)
class HostNode(Node):
    """What every host node has.

    Attributes:
        tokens: Number of tokens N.
        stage: Row of the gate mask that opens it.
        gated: Whether it has a gate; without one all its tokens are open from frame 0 on, and
            ``stage`` means nothing.
    """

    tokens: int
    stage: int = 0
    gated: bool = True
    latency: ClassVar[int] = 1
    ports: ClassVar[tuple[str, ...]] = ("in", "gate")
    runs_on: ClassVar[Place] = "host"

    def _check_tokens(self) -> None:
        self._require(self.tokens >= 1, f"tokens {self.tokens} must be at least 1")
        self._require(self.stage >= 0, f"stage {self.stage} is negative")

    @property
    def width(self) -> int:
        """Channels of a token."""
        raise NotImplementedError

    @property
    def inputs(self) -> tuple[str, ...]:
        """See :attr:`Node.inputs`."""
        return self.ports if self.gated else self.ports[:-1]

    def output_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.output_shape`."""
        return (self.tokens, self.width)

    def input_shape(self, port: str) -> tuple[int, ...]:
        """See :meth:`Node.input_shape`."""
        return (-1, self.tokens) if port == "gate" else (self.tokens, self.width)


@dataclass(frozen=True, kw_only=True, eq=False)
class HostNorm(HostNode):
    """LayerNorm without its affine map: ``gain · (x − mean) / √(variance + floor / C²)``.

    Attributes:
        channels: Channels C.
        floor: What stands for ε, in units of C² · (unit of x)².
        gain: Integers per unit of the result.
    """

    channels: int
    floor: int
    gain: int
    kind: ClassVar[str] = "HostNorm"

    def __post_init__(self) -> None:
        self._check_tokens()
        for key, most in (
            ("channels", NORM_CHANNELS_MAX), ("floor", NORM_FLOOR_MAX), ("gain", NORM_GAIN_MAX),
        ):  # fmt: skip
            value = getattr(self, key)
            self._require(1 <= value <= most, f"{key} {value} is outside 1..{most}")

    @property
    def width(self) -> int:
        """See :attr:`HostNode.width`."""
        return self.channels


@dataclass(frozen=True, kw_only=True, eq=False)
class HostTable(HostNode):
    """A function of one channel as a table over lo … lo + len − 1: GELU, for example.

    Attributes:
        channels: Channels C.
        lo: The value whose result is the first entry; what lies outside takes the nearest entry.
        table: (L,) results.
    """

    channels: int
    lo: int
    table: IntArray
    kind: ClassVar[str] = "HostTable"

    def __post_init__(self) -> None:
        self._check_tokens()
        self._require(self.channels >= 1, f"channels {self.channels} must be at least 1")
        table = frozen_int(self.table, f"node {self.name!r}: table")
        object.__setattr__(self, "table", table)
        filled = table.ndim == 1 and 1 <= table.size <= TABLE_MAX
        self._require(filled, f"table has shape {table.shape}, not (1..{TABLE_MAX},)")
        limit = 1 << (OPERAND_BITS - 1)
        fits = int(np.abs(table).max()) < limit
        self._require(fits, f"table has entries beyond ±{limit - 1}")
        inside = -limit <= self.lo and self.lo + table.size <= limit
        self._require(inside, f"lo {self.lo} leaves {OPERAND_BITS} bits")

    @property
    def width(self) -> int:
        """See :attr:`HostNode.width`."""
        return self.channels


@dataclass(frozen=True, kw_only=True, eq=False)
class SoftmaxAttention(HostNode):
    """Exact softmax attention over all tokens, its scores kept up to date by changes.

    Attributes:
        heads, head_dim: H heads of d channels.
        exp_shift: Rounded right shift of a score's distance from the largest of its row.
        exp_table: (L,) the exponential of minus that distance; 0 beyond its end.
        gain: Integers of the result per unit of v.
    """

    heads: int
    head_dim: int
    exp_shift: int
    exp_table: IntArray
    gain: int
    kind: ClassVar[str] = "SoftmaxAttention"
    ports: ClassVar[tuple[str, ...]] = ("q", "k", "v", "gate")

    def __post_init__(self) -> None:
        self._check_tokens()
        self._require(self.heads > 0 and self.head_dim > 0, "needs at least one head and channel")
        self._require(0 <= self.exp_shift <= 30, f"exp_shift {self.exp_shift} is outside 0..30")
        table = frozen_int(self.exp_table, f"node {self.name!r}: exp_table")
        object.__setattr__(self, "exp_table", table)
        filled = table.ndim == 1 and 1 <= table.size <= TABLE_MAX
        self._require(filled, f"exp_table has shape {table.shape}, not (1..{TABLE_MAX},)")
        falls = bool((table[1:] <= table[:-1]).all()) and int(table[-1]) >= 0
        top = int(table[0])
        self._require(falls, "exp_table must fall and not go below 0")
        self._require(1 <= top <= EXP_TOP_MAX, f"exp_table begins at {top}, not 1..{EXP_TOP_MAX}")
        most = ATTENTION_GAIN_MAX
        self._require(1 <= self.gain <= most, f"gain {self.gain} is outside 1..{most}")
        # Twice the gained sum of a row, and the row's weight, stay within 62 bits.
        sums = (self.tokens * top * (2 * self.gain + 1)) << (OPERAND_BITS - 1)
        self._require(sums < 2**62, f"{self.tokens} tokens leave 62 bits; use a smaller exp_table")

    @property
    def width(self) -> int:
        """See :attr:`HostNode.width`."""
        return self.heads * self.head_dim


HOST_NODES: tuple[type[HostNode], ...] = (HostNorm, HostTable, SoftmaxAttention)
"""What the registry of the quantised dialect takes from here."""
