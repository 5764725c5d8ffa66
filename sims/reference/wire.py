"""An edge of the graph, as a ring of the values under way on it."""

from __future__ import annotations

from sims.reference.integers import Table


class Wire:
    """Hands on at step t + delay what was put in at step t, and ``empty`` before that.

    Args:
        delay: Steps a value is under way, 0 or more.
        empty: What the wire carries before anything has arrived.
    """

    def __init__(self, delay: int, empty: Table) -> None:
        self._ring = [empty] * (delay + 1)
        self._delay = delay

    def put(self, step: int, value: Table) -> None:
        """Store what the source shows at ``step``."""
        self._ring[step % len(self._ring)] = value

    def get(self, step: int) -> Table:
        """What arrives at ``step``; the source must have put its value of that step before."""
        return self._ring[(step - self._delay) % len(self._ring)]
