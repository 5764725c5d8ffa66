"""The sudden events of a street."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_snn.data.scene.actor import Actor, Car, Person
from depth_snn.data.scene.car import make_car
from depth_snn.data.scene.card import Card
from depth_snn.data.scene.frame import BurstEvent, Pose
from depth_snn.data.scene.layout import Layout
from depth_snn.data.scene.style import Style
from depth_snn.data.scene.walker import make_walker

KINDS: tuple[str, ...] = ("pedestrian", "cut_in", "uncovered", "light", "flash")
"""What can happen within a street, in the order in which long scenes show it."""


@dataclass(frozen=True)
class Stage:
    """What an event is drawn into.

    Attributes:
        style: Palettes and light.
        layout: The plan of the street.
        poses: The camera in every frame.
        size: (height, width) of the picture.
        driving: Whether the camera drives.
        first: Frame that shows the event clearly.
    """

    style: Style
    layout: Layout
    poses: tuple[Pose, ...]
    size: tuple[int, int]
    driving: bool
    first: int

    @property
    def here(self) -> Pose:
        """The camera at the event."""
        return self.poses[self.first]

    @property
    def strip(self) -> float:
        """Middle of the right parking strip."""
        return (self.layout.lane_m + self.layout.kerb_m) / 2

    def ahead(self, rng: np.random.Generator, low: float, high: float, x: float) -> float:
        """A z at which a thing at `x` is inside the picture, and of one size for every lens."""
        here, width = self.here, self.size[1]
        room = 0.93 * width - here.cx if x > here.x else here.cx - 0.07 * width
        needed = 0.8 * width * abs(x - here.x) / max(room, 0.1 * width)
        low, high = max(low, needed), max(high, needed + 0.5)
        return here.z + float(rng.uniform(low, high)) * here.focal / (0.8 * width)


@dataclass(frozen=True)
class Happening:
    """An event, who takes part, and which road must be clear for it.

    Attributes:
        event: What is announced.
        actors: Who takes part.
        vans: Parked vehicles it needs.
        clear: Stretch of z on the road that other cars keep out of.
    """

    event: BurstEvent
    actors: tuple[Actor, ...] = ()
    vans: tuple[Car, ...] = ()
    clear: tuple[float, float] = (0.0, 0.0)


def dart(rng: np.random.Generator, stage: Stage) -> Happening:
    """A person runs out from behind a parked van on the right, clear of it at `first`."""
    frames, first, here = len(stage.poses), stage.first, stage.here
    z = stage.ahead(rng, 10.0, 13.5, stage.layout.lane_m + 0.6)
    van_cards = make_car(rng, stage.style, "van")
    length, half = van_cards.side.width_m, van_cards.back.width_m / 2
    van = Car(van_cards, np.full(frames, stage.strip), np.full(frames, z - 0.5 - length), False)
    corner = van.z[0] + (0.0 if here.x > stage.strip - half else length)
    # Where the ray past the van's edge meets the runner's plane.
    edge = here.x + (stage.strip - half - here.x) * (z - here.z) / max(corner - here.z, 1.0)
    step = float(rng.uniform(0.21, 0.27))
    course = edge - 0.25 - step * (np.arange(frames, dtype=np.float64) - first)
    walker = make_walker(rng, stage.style, -1, swing=0.75, grown=True)
    # Two phases a frame: a run. Hidden frames before are kept so that flow is right at once.
    phase = (2 * np.arange(frames)).astype(np.int64)
    person = Person(walker, course, np.full(frames, z), phase, max(0, first - 6))
    card = walker.card(0)
    boxes = [
        picture_box(card, stage.poses[t], course[t], z, stage.size, 0.7) for t in range(frames)
    ]
    last = max((t for t in range(first, frames) if boxes[t]), default=first)
    event = BurstEvent("pedestrian", first, last, boxes[first] or whole(stage.size))
    return Happening(event, (person,), (van,), (here.z, z + 3.0))


def cut_in(rng: np.random.Generator, stage: Stage) -> Happening:
    """A car leaves the parking strip and swerves into our lane."""
    frames, first = len(stage.poses), stage.first
    steps = np.arange(frames, dtype=np.float64)
    progress = np.clip((steps - first + 1) / 9.0, 0, 1)
    smooth = progress**2 * (3 - 2 * progress)
    x = stage.strip + (stage.layout.lane_m / 2 - stage.strip) * smooth
    run = np.maximum(steps - first + 1, 0.0)
    z = stage.ahead(rng, 9.5, 12.0, stage.strip) + np.minimum(0.012 * run**2, 0.5 * run)
    cards = make_car(rng, stage.style)
    car = Car(cards, x, z, False)
    box = picture_box(cards.back, stage.here, float(x[first]), float(z[first]), stage.size, 1.0)
    last = min(frames - 1, first + 12)
    event = BurstEvent("cut_in", first, last, box or whole(stage.size))
    return Happening(event, (car,), (), (stage.here.z + 4.0, stage.here.z + 24.0))


def uncover(rng: np.random.Generator, stage: Stage) -> Happening:
    """A bus in the other lane passes the camera and gives sight of a person behind it."""
    frames, first, here = len(stage.poses), stage.first, stage.here
    side = -1.0 if stage.driving else 1.0
    x = side * (stage.layout.kerb_m + float(rng.uniform(-1.2, 0.3)))
    z = stage.ahead(rng, 10.0, 13.0, x + 0.4 * side)
    bus_cards = make_car(rng, stage.style, "large")
    bus_x = -stage.layout.lane_m / 2
    rect = (bus_cards.back.width_m / 2, bus_cards.side.width_m)
    speed = float(rng.uniform(0.5, 0.75))
    # The rear of the bus is let pass just so far that the person is in the open.
    near = here.z - rect[1] - 3.0
    while near < z and _open(here, (x, z), (bus_x, near + 0.2), rect):
        near += 0.2
    steps = np.arange(frames, dtype=np.float64) - first
    bus = Car(bus_cards, np.full(frames, bus_x), near - speed * steps, True)
    facing = -int(side)
    stroll = x + facing * float(rng.uniform(0.0, 0.06)) * steps
    walker = make_walker(rng, stage.style, facing, grown=True)
    person = Person(walker, stroll, np.full(frames, z), np.arange(frames))
    box = picture_box(walker.card(0), here, x, z, stage.size, 0.6)
    last = min(frames - 1, first + 10)
    event = BurstEvent("uncovered", first, last, box or whole(stage.size))
    return Happening(event, (bus, person), (), (here.z - 14.0, z + 3.0))


def _open(
    eye: Pose, who: tuple[float, float], bus: tuple[float, float], rect: tuple[float, float]
) -> bool:
    """Whether a person 0.5 m wide is in sight past a vehicle, seen from above."""
    for offset in np.linspace(-0.3, 0.3, 5):
        dx, dz = who[0] + offset - eye.x, who[1] - eye.z
        enter, leave = 0.0, 1.0
        for delta, low, high in (
            (dx, bus[0] - rect[0] - eye.x, bus[0] + rect[0] - eye.x),
            (dz, bus[1] - eye.z, bus[1] + rect[1] - eye.z),
        ):
            ends = sorted((low / delta, high / delta)) if abs(delta) > 1e-9 else [-9.0, 9.0]
            enter, leave = max(enter, ends[0]), min(leave, ends[1])
        if enter < leave:
            return False
    return True


def light(rng: np.random.Generator, stage: Stage) -> Happening:
    """A parked car that faces the camera switches its headlights on."""
    frames, first = len(stage.poses), stage.first
    cards = make_car(rng, stage.style)
    z = stage.ahead(rng, 7.5, 10.5, stage.strip + 0.8)
    car = Car(cards, np.full(frames, stage.strip), np.full(frames, z), True, first)
    box = picture_box(cards.front, stage.here, stage.strip, z, stage.size, 1.0)
    last = min(frames - 1, first + 1)
    event = BurstEvent("light", first, last, box or whole(stage.size))
    return Happening(event, (car,), (), (stage.here.z + 2.0, z + 1.0))


def flash(rng: np.random.Generator, stage: Stage) -> Happening:
    """Two frames are far brighter: lightning, or a photographer."""
    last = min(len(stage.poses) - 1, stage.first + 1)
    return Happening(BurstEvent("flash", stage.first, last, whole(stage.size)))


MAKERS = {
    "pedestrian": dart,
    "cut_in": cut_in,
    "uncovered": uncover,
    "light": light,
    "flash": flash,
}


def clear_lane(actors: list[Actor], z_near: float, z_far: float, span: range) -> list[Actor]:
    """Drops cars that would drive through a stretch of road while an event happens there."""

    def passes(actor: Actor) -> bool:
        if not isinstance(actor, Car):
            return False
        length = actor.cards.side.width_m
        return any(z_near - length < float(actor.z[t]) < z_far for t in span)

    return [actor for actor in actors if not passes(actor)]


def whole(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box of the whole picture."""
    return (0, 0, size[1], size[0])


def picture_box(
    card: Card, pose: Pose, x: float, z: float, size: tuple[int, int], share: float
) -> tuple[int, int, int, int] | None:
    """Picture box of a card that faces the camera; `share` of its width holds the body."""
    depth = z - pose.z
    if depth < 1.0:
        return None
    scale = pose.focal / depth
    u, half = pose.cx + (x - pose.x) * scale, card.width_m * scale * share / 2
    low = pose.cy + pose.y * scale
    x0, x1 = max(0, int(np.floor(u - half))), min(size[1], int(np.ceil(u + half)))
    y0, y1 = max(0, int(np.floor(low - card.height_m * scale))), min(size[0], int(np.ceil(low)))
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None
