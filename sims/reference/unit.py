"""What the simulator asks of a node: one step of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from sims.reference.integers import Table

Arrived = Mapping[str, list[Table]]
"""By input port, what arrived at this step; several tables only where several edges may meet."""
Outputs = dict[str, Table]
"""By output port, the value computed at this step. Nobody may change it afterwards."""
Work = dict[str, int]
"""By count (docs/fixed_point.md §10), what the step added; counts not named are 0."""


class Unit(Protocol):
    """A node with its state."""

    def step(self, step: int, arrived: Arrived) -> tuple[Outputs, Work]:
        """Compute one step.

        Args:
            step: Number of the step.
            arrived: What arrived at it.

        Returns:
            The outputs, and the work done.
        """
        ...
