"""The plan of a street: widths and where side streets cross it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """Measures of a street that runs along z, mirrored about x = 0; all in metres.

    Attributes:
        lane_m: Outer edge of the driving lane.
        kerb_m: Outer edge of the parking strip, where the sidewalk begins.
        wall_m: Plane of the facades.
        start_m: First z of the ground.
        end_m: Last z of the ground.
        crossings: Middle lines of the side streets.
        cross_half_m: Half their width.
        parking_lines: Whether the parking strip is marked.
    """

    lane_m: float
    kerb_m: float
    wall_m: float
    start_m: float
    end_m: float
    crossings: tuple[float, ...]
    cross_half_m: float
    parking_lines: bool
