"""What stands along the street: trees, bushes, posts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_snn.data.scene.canvas import Canvas, draw_card
from depth_snn.data.scene.card import Card
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.layout import Layout
from depth_snn.data.scene.pole import LAMPS, Post, make_pole
from depth_snn.data.scene.shade import Caster
from depth_snn.data.scene.style import Style
from depth_snn.data.scene.tree import make_tree


@dataclass(frozen=True)
class Stander:
    """A card that stands on the ground and faces the camera; a lamp where `lamp` is true."""

    card: Card
    x_m: float
    z_m: float
    crown: bool
    lamp: bool = False

    def draw(self, canvas: Canvas, pose: Pose, style: Style) -> None:
        """Paints the card."""
        draw_card(canvas, self.card, pose, style, self.x_m, 0.0, self.z_m)

    @property
    def caster(self) -> Caster:
        """Crown or post."""
        wide = self.card.width_m if self.crown else 0.16
        return Caster(self.x_m, self.z_m, wide, 0.16, self.card.height_m, self.crown)


class _Planting:
    """Collects what stands along the street."""

    def __init__(self, rng: np.random.Generator, style: Style, layout: Layout) -> None:
        self.rng, self.layout = rng, layout
        self.trees = [make_tree(rng, style) for _ in range(4)]
        self.bushes = [make_tree(rng, style, "bush") for _ in range(2)]
        self.poles = [make_pole(rng, style) for _ in range(6)]
        self.out: list[Stander] = []

    def post(self, x: float, z: float) -> None:
        chosen: Post = self.poles[int(self.rng.integers(len(self.poles)))]
        self.out.append(Stander(chosen.card, x, z, False, chosen.kind in LAMPS))

    def plant(self, cards: list[Card], x: float, z: float) -> None:
        self.out.append(Stander(cards[int(self.rng.integers(len(cards)))], x, z, True))

    def free(self, z: float, room: float) -> bool:
        """Whether a place is off the side streets."""
        reach = self.layout.cross_half_m + room
        return all(abs(z - c) > reach for c in self.layout.crossings)

    def kerb(self, side: float) -> None:
        """A row of trees and posts at the kerb, and a post at every corner."""
        rng, layout = self.rng, self.layout
        gap, wooded = float(rng.uniform(4, 10)), float(rng.uniform(0.1, 0.65))
        z = layout.start_m + float(rng.uniform(2, gap))
        while z < layout.end_m:
            if self.free(z, 0.5):
                if rng.uniform() < wooded:
                    self.plant(self.trees, side * (layout.kerb_m + 1.0), z)
                else:
                    self.post(side * (layout.kerb_m + 0.45), z)
            z += gap * float(rng.uniform(0.6, 1.4))
        for centre in layout.crossings:
            self.post(side * (layout.kerb_m + 0.4), centre - layout.cross_half_m - 1)

    def park(self, side: float) -> None:
        """Trees and bushes beyond the sidewalk."""
        rng, layout = self.rng, self.layout
        for _ in range(int((layout.end_m - layout.start_m) / 5)):
            z = float(rng.uniform(layout.start_m, layout.end_m))
            aside = side * (layout.wall_m + float(rng.uniform(0.8, 10)))
            if self.free(z, 2.0):
                self.plant(self.trees if rng.uniform() < 0.6 else self.bushes, aside, z)

    def border(self, side: float) -> None:
        """Bushes along the outer edge of the sidewalk."""
        layout = self.layout
        step = float(self.rng.uniform(2.5, 9.0))
        for z in np.arange(layout.start_m, layout.end_m, step):
            if self.free(float(z), 3.0):
                self.plant(self.bushes, side * (layout.wall_m - 0.2), float(z))


def make_standers(rng: np.random.Generator, style: Style, layout: Layout) -> list[Stander]:
    """Draws what stands along a street."""
    planting = _Planting(rng, style, layout)
    for side in (-1.0, 1.0):
        planting.kerb(side)
        if layout.park[1 if side > 0 else 0]:
            planting.park(side)
        if rng.uniform() < 0.5:
            planting.border(side)
    return planting.out
