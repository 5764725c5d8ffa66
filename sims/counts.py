"""What one node of the graph did in each frame of a run, counted by a simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from depth_snn.errors import ConfigError

RUNS_ON = ("neurocore", "embedded", "host")
COUNT_FIELDS = (
    "spikes",
    "messages",
    "synaptic_operations",
    "updates_active",
    "updates_idle",
    "macs_off_core",
    "message_bits",
)
UNCOUNTED_ONCE = ("message_bits",)
"""Counts that runs of the first format do not have; None there."""


@dataclass(frozen=True, eq=False)
class NodeCounts:
    """Events of one node, per frame.

    Args:
        node: Name of the node in the graph.
        kind: Node type, for example "Dense" or "LIF".
        runs_on: "neurocore", "embedded" or "host".
        neurons: Number of neurons (state-holding outputs) of the node.
        spikes: Binary spikes sent, int64 (T,).
        messages: Graded messages sent, int64 (T,).
        synaptic_operations: Weights applied to an arriving event, int64 (T,); of a
            LinearAttention its products of two states.
        updates_active: Neuron updates that count as active, int64 (T,): of an encoder those of
            its open tokens, with input or without; of a LIF those with input or a potential.
        updates_idle: All other neuron updates, int64 (T,): of an encoder those of its closed
            tokens. docs/fixed_point.md section 10 is the definition.
        macs_off_core: Multiply-accumulates done outside a neurocore, int64 (T,).
        message_bits: Bits that the payloads of spikes and messages need, int64 (T,); None where
            nobody counted them.
        state_bytes: Bytes of state that the node keeps between frames; None where not known.
        weight_bytes: Bytes of its weights, each kept once; None where not known.

    Raises:
        ConfigError: A field has the wrong type, shape or sign.
    """

    node: str
    kind: str
    runs_on: str
    neurons: int
    spikes: NDArray[np.int64]
    messages: NDArray[np.int64]
    synaptic_operations: NDArray[np.int64]
    updates_active: NDArray[np.int64]
    updates_idle: NDArray[np.int64]
    macs_off_core: NDArray[np.int64]
    message_bits: NDArray[np.int64] | None = None
    state_bytes: int | None = None
    weight_bytes: int | None = None

    def __post_init__(self) -> None:
        """Check every field and replace the arrays by read-only int64 copies."""
        if self.runs_on not in RUNS_ON:
            raise ConfigError(
                f"counts of node '{self.node}': runs_on is '{self.runs_on}', "
                f"expected one of {', '.join(RUNS_ON)}"
            )
        for name in ("neurons", "state_bytes", "weight_bytes"):
            size = getattr(self, name)
            if size is not None and size < 0:
                raise ConfigError(f"counts of node '{self.node}': {name} is {size}, below 0")
        length: int | None = None
        for name in self.counted:
            array = _count_array(self.node, name, getattr(self, name))
            if length is None:
                length = array.shape[0]
            if array.shape[0] != length:
                raise ConfigError(
                    f"counts of node '{self.node}': {name} has {array.shape[0]} frames, "
                    f"{COUNT_FIELDS[0]} has {length}"
                )
            object.__setattr__(self, name, array)

    @property
    def counted(self) -> tuple[str, ...]:
        """Names of the counts that this node has: all, or those of the first format."""
        return tuple(n for n in COUNT_FIELDS if n not in UNCOUNTED_ONCE or self._has(n))

    def _has(self, name: str) -> bool:
        return getattr(self, name) is not None

    @property
    def frames(self) -> int:
        """Number of frames counted."""
        return int(self.spikes.shape[0])

    @property
    def events_sent(self) -> NDArray[np.int64]:
        """Spikes plus graded messages per frame, (T,)."""
        return self.spikes + self.messages

    def firing_rate(self) -> NDArray[np.float64] | None:
        """Events sent per neuron per frame, (T,); None for a node without neurons."""
        if self.neurons == 0:
            return None
        return self.events_sent / float(self.neurons)


def _count_array(node: str, name: str, value: object) -> NDArray[np.int64]:
    array = np.asarray(value)
    if array.ndim != 1 or not np.can_cast(array.dtype, np.int64, "safe") or array.dtype == bool:
        raise ConfigError(
            f"counts of node '{node}': {name} must be integers of shape (frames,), "
            f"got {array.dtype} {array.shape}"
        )
    if array.size and int(array.min()) < 0:
        raise ConfigError(f"counts of node '{node}': {name} has a value below 0")
    copy = array.astype(np.int64)
    copy.setflags(write=False)
    return copy


def total_per_frame(counts: Mapping[str, NodeCounts], field: str, frames: int) -> NDArray[np.int64]:
    """Sum one count over all nodes.

    Args:
        counts: Counts by node name.
        field: One of COUNT_FIELDS.
        frames: Number of frames T, so that an empty mapping still has a shape.

    Returns:
        int64 (T,).

    Raises:
        ConfigError: The field is not a count.
    """
    if field not in COUNT_FIELDS:
        raise ConfigError(f"no count named '{field}', expected one of {', '.join(COUNT_FIELDS)}")
    total = np.zeros(frames, dtype=np.int64)
    for node in counts.values():
        if field not in node.counted:
            raise ConfigError(f"{field} were not counted in this run; run it again")
        total += getattr(node, field)
    return total
