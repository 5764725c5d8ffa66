"""Shapes of vehicles: outlines from the side, measures, and how their ends look."""

from __future__ import annotations

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Body:
    """One shape of vehicle.

    Attributes:
        tall: Range of the height, metres.
        wide: Range of the width, metres.
        length: Range of the length, metres.
        outline: Corners from the side, nose right, as shares of length and height.
        panes: Side windows: left, upper right, lower right, foot as shares.
        waist: Height of the window sill at the ends, as a share from the top.
        inset: How far the roof is narrower than the body, as a share.
        wheels: Middles of the wheels, as shares of the length.
    """

    tall: Range
    wide: Range
    length: Range
    outline: tuple[tuple[float, float], ...]
    panes: tuple[tuple[float, float, float, float], ...]
    waist: float = 0.47
    inset: float = 0.13
    wheels: tuple[float, ...] = (0.19, 0.81)


_TAIL = ((1.0, 0.88), (0.0, 0.88))

BODIES: dict[str, Body] = {
    "saloon": Body(
        (1.38, 1.5), (1.7, 1.85), (4.2, 4.8),
        ((0.0, 0.45), (0.14, 0.42), (0.27, 0.0), (0.6, 0.0), (0.76, 0.42), (1.0, 0.55), *_TAIL),
        ((0.28, 0.43, 0.43, 0.42), (0.46, 0.6, 0.7, 0.42)), inset=0.15,
    ),
    "hatchback": Body(
        (1.42, 1.58), (1.65, 1.8), (3.6, 4.1),
        ((0.0, 0.4), (0.1, 0.04), (0.56, 0.0), (0.75, 0.42), (0.97, 0.52), (1.0, 0.65), *_TAIL),
        ((0.12, 0.33, 0.33, 0.42), (0.36, 0.56, 0.69, 0.42)),
    ),
    "estate": Body(
        (1.42, 1.56), (1.72, 1.85), (4.4, 4.9),
        ((0.0, 0.35), (0.03, 0.04), (0.62, 0.0), (0.77, 0.42), (1.0, 0.54), *_TAIL),
        ((0.05, 0.22, 0.22, 0.4), (0.25, 0.43, 0.43, 0.4), (0.46, 0.61, 0.7, 0.4)),
    ),
    "suv": Body(
        (1.66, 1.86), (1.82, 1.98), (4.2, 4.8),
        ((0.0, 0.2), (0.04, 0.02), (0.62, 0.0), (0.72, 0.36), (0.98, 0.42), (1.0, 0.6), *_TAIL),
        ((0.07, 0.3, 0.3, 0.36), (0.33, 0.6, 0.67, 0.36)), waist=0.42, inset=0.09,
    ),
    "pickup": Body(
        (1.68, 1.85), (1.8, 1.95), (4.9, 5.4),
        ((0.0, 0.45), (0.42, 0.45), (0.46, 0.0), (0.66, 0.0), (0.76, 0.4), (1.0, 0.47), *_TAIL),
        ((0.48, 0.64, 0.71, 0.38),), inset=0.11,
    ),
    "van": Body(
        (2.1, 2.4), (1.9, 2.0), (4.6, 5.0),
        ((0.0, 0.02), (0.82, 0.0), (0.93, 0.45), (1.0, 0.55), *_TAIL),
        ((0.68, 0.82, 0.86, 0.42),), waist=0.5, inset=0.01,
    ),
    "bus": Body(
        (2.8, 3.1), (2.35, 2.5), (8.5, 10.5),
        ((0.0, 0.03), (0.02, 0.0), (0.98, 0.0), (1.0, 0.5), (1.0, 0.92), (0.0, 0.92)),
        tuple((0.03 + 0.16 * k, 0.17 + 0.16 * k, 0.17 + 0.16 * k, 0.5) for k in range(6)),
        waist=0.55, inset=0.01, wheels=(0.22, 0.78),
    ),
    "lorry": Body(
        (2.8, 3.3), (2.2, 2.45), (7.0, 9.0),
        ((0.0, 0.0), (0.72, 0.0), (0.72, 0.25), (0.94, 0.28), (1.0, 0.5), (1.0, 0.9), (0.0, 0.9)),
        ((0.82, 0.93, 0.97, 0.5),), waist=0.45, inset=0.0, wheels=(0.12, 0.24, 0.84),
    ),
    "fastback": Body(
        (1.4, 1.55), (1.7, 1.85), (3.9, 4.5),
        ((0.0, 0.12), (0.1, 0.0), (0.55, 0.0), (0.72, 0.42), (1.0, 0.5), *_TAIL),
        ((0.08, 0.3, 0.3, 0.42), (0.33, 0.54, 0.64, 0.42)), inset=0.18,
    ),
    "wedge": Body(
        (1.55, 1.75), (1.7, 1.85), (3.5, 4.2),
        ((0.0, 0.25), (0.12, 0.0), (0.45, 0.0), (0.98, 0.6), *_TAIL),
        ((0.14, 0.42, 0.6, 0.36),), waist=0.4, inset=0.2,
    ),
    "roadster": Body(
        (1.2, 1.3), (1.7, 1.82), (3.8, 4.2),
        ((0.0, 0.42), (0.3, 0.38), (0.4, 0.05), (0.5, 0.05), (0.6, 0.4), (1.0, 0.5), *_TAIL),
        ((0.42, 0.5, 0.56, 0.36),), waist=0.42, inset=0.22,
    ),
    "boxvan": Body(
        (2.3, 2.6), (1.95, 2.1), (4.8, 5.2),
        ((0.0, 0.0), (0.7, 0.0), (0.74, 0.25), (0.88, 0.28), (1.0, 0.6), *_TAIL),
        ((0.77, 0.86, 0.93, 0.55),), waist=0.3, inset=0.0,
    ),
    "tanker": Body(
        (2.7, 3.0), (2.2, 2.4), (7.0, 9.0),
        ((0.0, 0.3), (0.05, 0.1), (0.68, 0.1), (0.73, 0.3), (0.78, 0.0), (0.97, 0.05), (1.0, 0.9),
         (0.0, 0.9)),
        ((0.85, 0.95, 0.96, 0.4),), waist=0.4, inset=0.08, wheels=(0.12, 0.25, 0.86),
    ),
}  # fmt: skip
