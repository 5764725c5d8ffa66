"""Everything of a street that rests: houses, trees, poles, parked cars; and how it is painted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_snn.data.scene.actor import Car
from depth_snn.data.scene.arrays import U8
from depth_snn.data.scene.canvas import Canvas, draw_card, draw_wall
from depth_snn.data.scene.card import Card
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.ground import Ground, make_ground
from depth_snn.data.scene.layout import Layout
from depth_snn.data.scene.scenery import make_backdrop, make_facade, shifted
from depth_snn.data.scene.sprites import make_car, make_pole, make_tree
from depth_snn.data.scene.style import Style

VIEW_M = 95.0
"""Resting things farther than this are not drawn."""
_HOUSE_KINDS = 9


@dataclass(frozen=True)
class House:
    """A facade along the street and the gable that faces the camera."""

    facade: Card
    gable: Card
    x_m: float
    z_m: float

    def draw(self, canvas: Canvas, pose: Pose, style: Style) -> None:
        """Paints gable, then facade."""
        side = 1.0 if self.x_m > 0 else -1.0
        middle = self.x_m + side * self.gable.width_m / 2
        draw_card(canvas, self.gable, pose, style, middle, 0.0, self.z_m)
        draw_wall(canvas, self.facade, pose, style, self.x_m, self.z_m)


@dataclass(frozen=True)
class Stander:
    """A card that stands on the ground and faces the camera."""

    card: Card
    x_m: float
    z_m: float

    def draw(self, canvas: Canvas, pose: Pose, style: Style) -> None:
        """Paints the card."""
        draw_card(canvas, self.card, pose, style, self.x_m, 0.0, self.z_m)


@dataclass(frozen=True)
class World:
    """A street at rest.

    Attributes:
        layout: Its plan.
        ground: The ground map.
        backdrop: uint8 (H, W, 3), sky and skyline for a principal point of `centre`.
        backdrop_label: uint8 (H, W).
        centre: (cx, cy) the backdrop was made for, pixels.
        houses: Far to near.
        standers: Far to near, trees and poles.
        parked: Far to near.
    """

    layout: Layout
    ground: Ground
    backdrop: U8
    backdrop_label: U8
    centre: tuple[float, float]
    houses: tuple[House, ...]
    standers: tuple[Stander, ...]
    parked: tuple[Car, ...]

    def paint(self, pose: Pose, style: Style) -> Canvas:
        """Paints all that rests, as a camera sees it."""
        height, width = self.backdrop_label.shape
        canvas = Canvas.blank(height, width)
        dx, dy = pose.cx - self.centre[0], pose.cy - self.centre[1]
        canvas.rgb[...] = shifted(self.backdrop, dx, dy, True)
        canvas.label[...] = shifted(self.backdrop_label, dx, dy, False)
        self.ground.draw(canvas, pose, style)
        for house in self.houses:
            if house.z_m - pose.z < VIEW_M:
                house.draw(canvas, pose, style)
        standing: list[tuple[float, Stander | Car]] = [(s.z_m, s) for s in self.standers]
        standing += [(float(c.z[0]), c) for c in self.parked]
        for z, item in sorted(standing, key=lambda entry: -entry[0]):
            if -8.0 < z - pose.z < VIEW_M:
                if isinstance(item, Car):
                    item.draw(canvas, 0, pose, style)
                else:
                    item.draw(canvas, pose, style)
        return canvas


def make_world(
    rng: np.random.Generator,
    style: Style,
    layout: Layout,
    pose: Pose,
    size: tuple[int, int],
    hidden: tuple[float, float],
    vans: tuple[Car, ...],
) -> World:
    """Builds a street.

    Args:
        rng: Random source.
        style: Palettes and light.
        layout: The plan.
        pose: First camera pose.
        size: (height, width) of the picture.
        hidden: Stretch of z at the right kerb that stays free of parked cars, metres.
        vans: Vans that hide a person; they belong to the parked cars.
    """
    rgb, label = make_backdrop(rng, style, *size, pose.cy)
    kinds = _house_kinds(rng, style)
    houses = [h for side in (-1.0, 1.0) for h in _houses(rng, layout, side, kinds)]
    return World(
        layout,
        make_ground(rng, style, layout, pose.focal),
        rgb,
        label,
        (pose.cx, pose.cy),
        tuple(sorted(houses, key=lambda h: -h.z_m)),
        tuple(_standers(rng, style, layout)),
        tuple(_parked(rng, style, layout, pose, hidden)) + vans,
    )


def _houses(
    rng: np.random.Generator, layout: Layout, side: float, kinds: list[tuple[Card, Card]]
) -> list[House]:
    out: list[House] = []
    z = layout.start_m + float(rng.uniform(0, 4))
    while z < layout.end_m:
        facade, gable = kinds[int(rng.integers(len(kinds)))]
        length = facade.width_m
        for centre in layout.crossings:
            reach = layout.cross_half_m + 3
            if z < centre + reach and z + length > centre - reach:
                z = centre + reach
        out.append(House(facade, gable, side * layout.wall_m, z))
        z += length + (float(rng.uniform(3, 8)) if rng.uniform() < 0.3 else 0.0)
    return out


def _house_kinds(rng: np.random.Generator, style: Style) -> list[tuple[Card, Card]]:
    """Facades with their gables; a street repeats a few, each street has its own."""
    out = []
    for _ in range(_HOUSE_KINDS):
        length, tall = float(rng.uniform(8, 16)), float(rng.uniform(5.5, 16))
        facade = make_facade(rng, style, length, tall)
        out.append((facade, make_facade(rng, style, 9.0, tall, blank=bool(rng.uniform() < 0.6))))
    return out


def _standers(rng: np.random.Generator, style: Style, layout: Layout) -> list[Stander]:
    trees = [make_tree(rng, style) for _ in range(4)]
    poles = [make_pole(rng, style) for _ in range(4)]
    out: list[Stander] = []
    for side in (-1.0, 1.0):
        gap = float(rng.uniform(6, 13))
        z = layout.start_m + float(rng.uniform(2, gap))
        while z < layout.end_m:
            tree = rng.uniform() < 0.5
            kinds = trees if tree else poles
            card = kinds[int(rng.integers(len(kinds)))]
            free = all(abs(z - c) > layout.cross_half_m + 0.5 for c in layout.crossings)
            if free:
                aside = side * (layout.kerb_m + (1.0 if tree else 0.5))
                out.append(Stander(card, aside, z))
            z += gap * float(rng.uniform(0.6, 1.4))
        for centre in layout.crossings:
            card = poles[int(rng.integers(len(poles)))]
            out.append(
                Stander(card, side * (layout.kerb_m + 0.4), centre - layout.cross_half_m - 1)
            )
    return out


def _parked(
    rng: np.random.Generator,
    style: Style,
    layout: Layout,
    pose: Pose,
    hidden: tuple[float, float],
) -> list[Car]:
    models = [make_car(rng, style) for _ in range(4)]
    out: list[Car] = []
    share = float(rng.uniform(0.3, 0.8))
    for side in (-1.0, 1.0):
        x = side * (layout.lane_m + layout.kerb_m) / 2
        # A camera at the kerb must not stare at a parked car.
        z = layout.start_m + (float(rng.uniform(21, 34)) if abs(x - pose.x) < 2.0 else 0.0)
        while z < layout.end_m - 6:
            ends = (z, z + 4.6)
            blocked = side > 0 and ends[1] > hidden[0] and ends[0] < hidden[1]
            for centre in layout.crossings:
                reach = layout.cross_half_m + 4
                blocked |= ends[1] > centre - reach and ends[0] < centre + reach
            if not blocked and rng.uniform() < share:
                cards = models[int(rng.integers(len(models)))]
                out.append(Car(cards, np.array([x]), np.array([z]), side < 0))
            z += float(rng.uniform(5.2, 6.0))
    return out
