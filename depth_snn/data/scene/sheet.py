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
    index: int = 30


def _weather(domain: str, seed: int) -> tuple[Row, ...]:
    standing, driving = SceneSpec("standing", domain), SceneSpec("driving", domain)
    return (
        Row(standing, "known", seed),
        Row(driving, "known", seed + 1),
        Row(driving, "heldout", seed + 2),
    )


_CUT = SceneSpec("standing", cut=True)
SHEETS: dict[str, tuple[Row, ...]] = {
    **{domain: _weather(domain, 10 * k) for k, domain in enumerate(DOMAINS)},
    "shake": (Row(SceneSpec("standing", shake=SHAKE)), Row(SceneSpec("driving", shake=SHAKE))),
    "traffic": (
        Row(SceneSpec("standing", traffic=HEAVY)),
        Row(SceneSpec("driving", traffic=HEAVY)),
    ),
    "static": (Row(SceneSpec(), seed=5, index=24), Row(SceneSpec(), "heldout", 6, 24)),
    "cut": tuple(Row(_CUT, index=k) for k in (_FRAMES // 2 - 1, _FRAMES // 2, _FRAMES // 2 + 1)),
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
