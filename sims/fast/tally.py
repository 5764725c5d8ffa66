"""Counts of one node while frames go by (docs/fixed_point.md §10)."""

from __future__ import annotations

from array import array

import numpy as np

from conversion.nodes import Node
from sims.counts import COUNT_FIELDS, NodeCounts
from sims.footprint import state_bytes, weight_bytes


class Tally:
    """Collects a node's counts frame by frame.

    Args:
        node: The node counted.
        neurons: Number of its neurons.
    """

    def __init__(self, node: Node, neurons: int = 0) -> None:
        self._node = node
        self._neurons = neurons
        # Eight bytes a number: a long run has many frames.
        self._frames = array("q")

    def frame(
        self,
        *,
        spikes: int = 0,
        messages: int = 0,
        synaptic_operations: int = 0,
        updates_active: int = 0,
        updates_idle: int = 0,
        macs_off_core: int = 0,
        message_bits: int = 0,
    ) -> None:
        """Note one frame."""
        self._frames.extend(
            (
                spikes,
                messages,
                synaptic_operations,
                updates_active,
                updates_idle,
                macs_off_core,
                message_bits,
            )
        )

    def forget(self) -> None:
        """Drop what was noted so far: frames before frame 0 are nobody's."""
        del self._frames[:]

    def counts(self, frames: int) -> NodeCounts:
        """The counts of the first ``frames`` frames."""
        table = np.array(self._frames, np.int64).reshape(-1, len(COUNT_FIELDS))[:frames]
        columns = dict(zip(COUNT_FIELDS, table.T, strict=True))
        node = self._node
        return NodeCounts(
            node=node.name, kind=node.kind, runs_on=node.runs_on, neurons=self._neurons,
            state_bytes=state_bytes(node), weight_bytes=weight_bytes(node), **columns,
        )  # fmt: skip
