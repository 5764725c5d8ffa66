"""Contact sheets: each domain with its labels and its flow."""

from __future__ import annotations

from dataclasses import dataclass, replace

from depth_snn.data.scene.arrays import U8
from depth_snn.data.scene.domain import DOMAINS
from depth_snn.data.scene.names import HEAVY, SHAKE, SceneSpec
from depth_snn.data.scene.picture import stack, strip

_FRAMES = 60


@dataclass(frozen=True)
class Row:
    """One strip of a sheet: a scene, its assets, its seed and the frame that is shown."""

    spec: SceneSpec
    assets: str = "known"
    seed: int = 0
    index: int = 24


# Streets that show their domain well: standing, driving, and driving through held-out assets.
_SEEDS = {
    "day": (6, 11, 6),
    "dusk": (10, 3, 4),
    "night": (6, 3, 10),
    "rain": (10, 3, 6),
    "fog": (4, 7, 9),
    "low_sun": (8, 10, 7),
}


def _weather(domain: str) -> tuple[Row, ...]:
    standing, driving = SceneSpec("standing", domain), SceneSpec("driving", domain)
    first, second, third = _SEEDS[domain]
    return (
        Row(standing, "known", first),
        Row(driving, "known", second),
        Row(driving, "heldout", third),
    )


_HALF = _FRAMES // 2
SHEETS: dict[str, tuple[Row, ...]] = {
    **{domain: _weather(domain) for domain in DOMAINS},
    "shake": (
        Row(SceneSpec("standing", shake=SHAKE), seed=10),
        Row(SceneSpec("driving", shake=SHAKE), seed=9),
    ),
    "traffic": (
        Row(SceneSpec("standing", traffic=HEAVY), seed=6),
        Row(SceneSpec("driving", traffic=HEAVY), seed=5),
    ),
    "static": (Row(SceneSpec(), seed=11), Row(SceneSpec(), "heldout", 10)),
    "cut": tuple(Row(SceneSpec(cut=True), seed=6, index=_HALF + k) for k in (-1, 0, 1)),
}
"""Rows of each sheet by its name."""


def make_sheet(name: str, size: tuple[int, int] = (128, 256), seed: int = 0) -> U8:
    """Draws a sheet: picture, labels and flow from left to right, one scene in each row.

    Args:
        name: A key of `SHEETS`.
        size: Rows and columns of each picture.
        seed: Added to the seed of every row.

    Returns:
        uint8 (height of the sheet, width of the sheet, 3), RGB.
    """
    rows = [replace(row, seed=row.seed + seed) for row in SHEETS[name]]
    drawn = []
    for row in rows:
        scene = row.spec.build(
            row.seed, height=size[0], width=size[1], frames=_FRAMES, assets=row.assets
        )
        drawn.append(strip(scene.frame(row.index)))
    return stack(drawn)
