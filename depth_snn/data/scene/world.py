"""Everything of a street that rests: houses, trees, posts, parked cars; and how it is painted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from depth_snn.data.scene.actor import Car
from depth_snn.data.scene.air import Glow
from depth_snn.data.scene.arrays import U8
from depth_snn.data.scene.canvas import VIEW_M, Canvas, draw_card, draw_wall
from depth_snn.data.scene.car import make_car
from depth_snn.data.scene.card import Card
from depth_snn.data.scene.facade import make_facade
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.ground import Ground, make_ground
from depth_snn.data.scene.layout import Layout
from depth_snn.data.scene.planting import Stander, make_standers
from depth_snn.data.scene.shade import Caster, Pool, shade_ground
from depth_snn.data.scene.sky import make_backdrop, shifted
from depth_snn.data.scene.style import Style

_HOUSE_KINDS = 7


@dataclass(frozen=True)
class House:
    """A facade along the street and the gable that faces the camera.

    Attributes:
        facade: The wall along the street.
        gable: The wall across it.
        x_m: Plane of the facade.
        z_m: Near end.
        open: Whether the next house on the near side leaves the gable in sight.
    """

    facade: Card
    gable: Card
    x_m: float
    z_m: float
    open: bool

    def draw(self, canvas: Canvas, pose: Pose, style: Style) -> None:
        """Paints gable, then facade."""
        side = 1.0 if self.x_m > 0 else -1.0
        middle = self.x_m + side * self.gable.width_m / 2
        if self.open:
            draw_card(canvas, self.gable, pose, style, middle, 0.0, self.z_m)
        bright = style.sides[1 if side > 0 else 0]
        draw_wall(canvas, self.facade, pose, style, self.x_m, self.z_m, bright)

    @property
    def caster(self) -> Caster:
        """Its body."""
        side = 1.0 if self.x_m > 0 else -1.0
        middle, wide = self.x_m + side * self.gable.width_m / 2, self.gable.width_m
        return Caster(middle, self.z_m, wide, self.facade.width_m, self.facade.height_m)


@dataclass(frozen=True)
class World:
    """A street at rest.

    Attributes:
        seed: Of ground and sky, which are painted when first looked at.
        style: Palettes and light.
        layout: Its plan.
        first: First pose of the camera.
        size: (height, width) of the picture.
        houses: Far to near.
        standers: Trees, bushes and posts.
        parked: Cars at the kerb.
    """

    seed: int
    style: Style
    layout: Layout
    first: Pose
    size: tuple[int, int]
    houses: tuple[House, ...]
    standers: tuple[Stander, ...]
    parked: tuple[Car, ...]

    @cached_property
    def ground(self) -> Ground:
        """The ground map."""
        rng = np.random.default_rng([self.seed, 1])
        return make_ground(rng, self.style, self.layout, self.first.focal)

    @cached_property
    def backdrop(self) -> tuple[U8, U8]:
        """Sky and skyline with their labels, for the first pose."""
        rng = np.random.default_rng([self.seed, 2])
        return make_backdrop(rng, self.style, *self.size, self.first.cy)

    def paint(self, pose: Pose) -> Canvas:
        """Paints all that rests, as a camera sees it."""
        style = self.style
        canvas = Canvas.blank(*self.size)
        dx, dy = pose.cx - self.first.cx, pose.cy - self.first.cy
        canvas.rgb[...] = shifted(self.backdrop[0], dx, dy, True)
        canvas.label[...] = shifted(self.backdrop[1], dx, dy, False)
        self.ground.draw(canvas, pose, style)
        houses = [h for h in self.houses if h.z_m - pose.z < VIEW_M]
        standing: list[tuple[float, Stander | Car]] = [(s.z_m, s) for s in self.standers]
        standing += [(float(c.z[0]), c) for c in self.parked]
        standing = [s for s in standing if -8.0 < s[0] - pose.z < VIEW_M]
        casters = [i.caster(0) if isinstance(i, Car) else i.caster for _, i in standing]
        casters += [h.caster for h in houses]
        shade_ground(canvas, pose, style, casters, self._pools(pose))
        for house in houses:
            house.draw(canvas, pose, style)
        for _, item in sorted(standing, key=lambda entry: -entry[0]):
            if isinstance(item, Car):
                item.draw(canvas, 0, pose, style)
            else:
                item.draw(canvas, pose, style)
        return canvas

    def _pools(self, pose: Pose) -> list[Pool]:
        if not self.style.dark:
            return []
        lamps = [s for s in self.standers if s.lamp and -6.0 < s.z_m - pose.z < 50.0]
        return [(s.x_m * 0.8, s.z_m, 0.9 * s.card.height_m) for s in lamps]

    def glows(self, pose: Pose) -> list[Glow]:
        """Halos of the street lamps."""
        if not self.style.lit:
            return []
        lamps = [s for s in self.standers if s.lamp and 1.0 < s.z_m - pose.z < 60.0]
        return [(s.x_m, s.card.height_m - 0.25, s.z_m, 0.3, (150, 130, 90)) for s in lamps]


Stretch = tuple[float, float]


def make_world(
    rng: np.random.Generator,
    style: Style,
    layout: Layout,
    pose: Pose,
    size: tuple[int, int],
    hidden: Stretch,
    vans: tuple[Car, ...],
) -> World:
    """Builds a street.

    Args:
        rng: Random source.
        style: Palettes and light.
        layout: The plan.
        pose: First camera pose.
        size: (height, width) of the picture.
        hidden: Stretch of z at the kerbs that stays free of parked cars, metres.
        vans: Vans that hide a person; they belong to the parked cars.
    """
    kinds = _house_kinds(rng, style)
    houses = [h for side in (-1.0, 1.0) for h in _houses(rng, layout, side, kinds)]
    return World(
        seed=int(rng.integers(1 << 62)),
        style=style,
        layout=layout,
        first=pose,
        size=size,
        houses=tuple(sorted(houses, key=lambda h: -h.z_m)),
        standers=tuple(make_standers(rng, style, layout)),
        parked=tuple(_parked(rng, style, layout, pose, hidden)) + vans,
    )


def _houses(
    rng: np.random.Generator, layout: Layout, side: float, kinds: list[tuple[Card, Card]]
) -> list[House]:
    out: list[House] = []
    green = layout.park[1 if side > 0 else 0]
    z = layout.start_m + float(rng.uniform(0, 4))
    loose = float(rng.choice([0.1, 0.3, 0.8]))
    while z < layout.end_m:
        facade, gable = kinds[int(rng.integers(len(kinds)))]
        length = facade.width_m
        for centre in layout.crossings:
            reach = layout.cross_half_m + 3
            if z < centre + reach and z + length > centre - reach:
                z = centre + reach
        back = side * (layout.wall_m + (14.0 if green else 0.0))
        last = out[-1] if out else None
        covered = (
            last is not None
            and last.z_m + last.facade.width_m > z - 0.3
            and last.facade.height_m >= facade.height_m
        )
        out.append(House(facade, gable, back, z, not covered))
        z += length + (float(rng.uniform(3, 8)) if rng.uniform() < loose else 0.0)
    return out


def _house_kinds(rng: np.random.Generator, style: Style) -> list[tuple[Card, Card]]:
    """Facades with their gables; a street repeats a few, each street has its own."""
    out = []
    low = float(rng.uniform(4.0, 8.0))
    high = low + float(rng.uniform(3.0, 12.0))
    for _ in range(_HOUSE_KINDS):
        length, tall = float(rng.uniform(6, 17)), float(rng.uniform(low, high))
        facade = make_facade(rng, style, length, tall)
        out.append((facade, make_facade(rng, style, 9.0, tall, gable=True)))
    return out


def _parked(
    rng: np.random.Generator, style: Style, layout: Layout, pose: Pose, hidden: Stretch
) -> list[Car]:
    nouns = ("car", "car", "car", "car", "van")
    models = [make_car(rng, style, noun) for noun in nouns]
    out: list[Car] = []
    share = float(rng.uniform(0.2, 0.85))
    for side in (-1.0, 1.0):
        x = side * (layout.lane_m + layout.kerb_m) / 2
        # A camera at the kerb must not stare at a parked car.
        z = layout.start_m + (float(rng.uniform(21, 34)) if abs(x - pose.x) < 2.2 else 0.0)
        while z < layout.end_m - 6:
            ends = (z, z + 5.0)
            blocked = ends[1] > hidden[0] and ends[0] < hidden[1]
            for centre in layout.crossings:
                reach = layout.cross_half_m + 4
                blocked |= ends[1] > centre - reach and ends[0] < centre + reach
            if not blocked and rng.uniform() < share:
                cards = models[int(rng.integers(len(models)))]
                out.append(Car(cards, np.array([x]), np.array([z]), side < 0))
            z += float(rng.uniform(5.3, 6.2))
    return out
