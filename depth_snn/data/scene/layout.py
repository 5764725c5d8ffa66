"""The plan of a street: widths, side streets, and what borders it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_snn.data.scene.frame import Pose


@dataclass(frozen=True)
class Layout:
    """Measures of a street that runs along z; all in metres, the same on both sides.

    Attributes:
        lane_m: Outer edge of the driving lane.
        kerb_m: Outer edge of the parking strip, where the sidewalk begins.
        wall_m: Plane of the facades.
        verge_m: Width of the grass at the outer edge of the sidewalk.
        start_m: First z of the ground.
        end_m: Last z of the ground.
        crossings: Middle lines of the side streets.
        cross_half_m: Half their width.
        parking_lines: Whether the parking strip is marked.
        park: Whether the left and the right side are green instead of built up.
    """

    lane_m: float
    kerb_m: float
    wall_m: float
    verge_m: float
    start_m: float
    end_m: float
    crossings: tuple[float, ...]
    cross_half_m: float
    parking_lines: bool
    park: tuple[bool, bool]


def make_layout(rng: np.random.Generator, poses: tuple[Pose, ...]) -> Layout:
    """Draws a plan long enough for a course of the camera."""
    lane = float(rng.uniform(3.1, 3.7))
    kerb = lane + 2.1
    first = float(rng.uniform(18, 36))
    crossings = [first]
    while crossings[-1] < poses[-1].z + 30 and rng.uniform() < 0.8:
        crossings.append(crossings[-1] + float(rng.uniform(35, 60)))
    walk = float(rng.uniform(2.2, 4.6))
    verge = float(rng.uniform(0.7, 1.6)) if walk > 3.4 and rng.uniform() < 0.6 else 0.0
    park = (bool(rng.uniform() < 0.15), bool(rng.uniform() < 0.15))
    return Layout(
        lane_m=lane,
        kerb_m=kerb,
        wall_m=kerb + walk,
        verge_m=verge,
        start_m=-12.0,
        end_m=poses[-1].z + 115.0,
        crossings=tuple(crossings),
        cross_half_m=float(rng.uniform(3.2, 4.4)),
        parking_lines=bool(rng.uniform() < 0.6),
        park=park,
    )
