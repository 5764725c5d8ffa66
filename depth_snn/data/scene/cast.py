"""Who moves through a street, and the sudden events among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_snn.data.scene.actor import F64, Actor, Car, CrossCar, Person
from depth_snn.data.scene.card import Card
from depth_snn.data.scene.frame import BurstEvent, Pose
from depth_snn.data.scene.layout import Layout
from depth_snn.data.scene.sprites import make_car
from depth_snn.data.scene.style import Style
from depth_snn.data.scene.walker import make_walker

FRAMES_PER_S = 15.0


@dataclass(frozen=True)
class Cast:
    """Actors, events, and the parked vans behind which people hide."""

    actors: tuple[Actor, ...]
    events: tuple[BurstEvent, ...]
    vans: tuple[Car, ...]


def make_traffic(
    rng: np.random.Generator, style: Style, layout: Layout, poses: tuple[Pose, ...], driving: bool
) -> list[Actor]:
    """Cars in both lanes, cars on the side streets and people on the sidewalks."""
    steps = np.arange(len(poses), dtype=np.float64)
    camera = np.array([p.z for p in poses])
    models = [make_car(rng, style) for _ in range(4)]
    actors: list[Actor] = []
    middle = layout.lane_m / 2
    for oncoming in (False, True):
        step = float(rng.uniform(5, 10)) / FRAMES_PER_S * (-1 if oncoming else 1)
        z = float(rng.uniform(14, 22)) if not oncoming else float(rng.uniform(8, 30))
        for _ in range(int(rng.integers(1, 4))):
            cards = models[int(rng.integers(len(models)))]
            course = z + step * steps
            if driving and not oncoming:
                course = z + camera + 0.01 * steps
            actors.append(
                Car(cards, np.full(len(poses), -middle if oncoming else middle), course, oncoming)
            )
            z += float(rng.uniform(14, 26)) * (1 if oncoming or driving else -1)
    for centre in layout.crossings:
        for heading in (-1.0, 1.0):
            start = -heading * float(rng.uniform(4, 30))
            speed = heading * float(rng.uniform(4, 8)) / FRAMES_PER_S
            cards = models[int(rng.integers(len(models)))]
            actors.append(CrossCar(cards, start + speed * steps, centre - heading * -1.5))
    actors += _strollers(rng, style, layout, poses)
    return actors


def _strollers(
    rng: np.random.Generator, style: Style, layout: Layout, poses: tuple[Pose, ...]
) -> list[Actor]:
    steps = np.arange(len(poses))
    out: list[Actor] = []
    reach = poses[-1].z - poses[0].z
    for _ in range(int(rng.integers(5, 9) + reach // 12)):
        side = 1.0 if rng.uniform() < 0.6 else -1.0
        x = side * float(rng.uniform(layout.kerb_m + 0.7, layout.wall_m - 0.4))
        z = poses[0].z + float(rng.uniform(7, 28 + reach))
        step = float(rng.uniform(0.06, 0.1)) * (1 if rng.uniform() < 0.5 else -1)
        walker = make_walker(rng, style, 0)
        phase = int(rng.integers(20)) + steps
        out.append(Person(walker, np.full(len(poses), x), z + step * steps, phase))
    for centre in layout.crossings:
        for _ in range(2):
            facing = 1 if rng.uniform() < 0.5 else -1
            start = float(rng.uniform(-layout.kerb_m, layout.kerb_m))
            z = centre - layout.cross_half_m - float(rng.uniform(0.6, 2.4))
            walker = make_walker(rng, style, facing)
            course = start + facing * float(rng.uniform(0.06, 0.1)) * steps
            out.append(
                Person(walker, course, np.full(len(poses), z), steps + int(rng.integers(20)))
            )
    return out


def dart(
    rng: np.random.Generator,
    style: Style,
    layout: Layout,
    poses: tuple[Pose, ...],
    size: tuple[int, int],
    first: int,
) -> tuple[Person, Car, BurstEvent]:
    """A person who runs out from behind a parked van on the right, clear of it at `first`."""
    frames = len(poses)
    here = poses[first]
    z = here.z + float(rng.uniform(11.5, 13.5))
    van_cards = make_car(rng, style, van=True)
    length, half = van_cards.side.width_m, van_cards.back.width_m / 2
    van_x = (layout.lane_m + layout.kerb_m) / 2
    van = Car(van_cards, np.full(frames, van_x), np.full(frames, z - 0.5 - length), False)
    corner = van.z[0] + (0.0 if here.x > van_x - half else length)
    # Where the ray past the van's edge meets the runner's plane.
    edge = here.x + (van_x - half - here.x) * (z - here.z) / max(corner - here.z, 1.0)
    step = float(rng.uniform(0.21, 0.27))
    steps = np.arange(frames, dtype=np.float64) - first
    course = edge - 0.25 - step * steps
    walker = make_walker(rng, style, -1, swing=0.75)
    # Two phases a frame: a run. Hidden frames before are kept so that flow is right at once.
    phase = (2 * np.arange(frames)).astype(np.int64)
    person = Person(walker, course, np.full(frames, z), phase, max(0, first - 6))
    card = walker.card(0)
    seen = [t for t in range(first, frames) if _box(card, poses[t], course[t], z, size, 0.7)]
    box = _box(card, here, course[first], z, size, 0.7) or (0, 0, size[1], size[0])
    return person, van, BurstEvent("pedestrian", first, max(seen, default=first), box)


def cut_in(
    rng: np.random.Generator,
    style: Style,
    layout: Layout,
    poses: tuple[Pose, ...],
    size: tuple[int, int],
    first: int,
) -> tuple[Car, BurstEvent]:
    """A car that leaves the parking strip (or the other lane) and swerves into ours."""
    frames = len(poses)
    steps = np.arange(frames, dtype=np.float64)
    middle, strip = layout.lane_m / 2, (layout.lane_m + layout.kerb_m) / 2
    progress = np.clip((steps - first + 1) / 9.0, 0, 1)
    smooth = progress**2 * (3 - 2 * progress)
    x = strip + (middle - strip) * smooth
    run = np.maximum(steps - first + 1, 0.0)
    ahead = float(rng.uniform(9.5, 12.0))
    z = poses[first].z + ahead + np.minimum(0.012 * run**2, 0.5 * run)
    cards = make_car(rng, style)
    car = Car(cards, x, z, False)
    box = _box(cards.back, poses[first], float(x[first]), float(z[first]), size, 1.0)
    last = min(frames - 1, first + 12)
    return car, BurstEvent("cut_in", first, last, box or (0, 0, size[1], size[0]))


def clear_lane(actors: list[Actor], z_near: float, z_far: float, span: range) -> list[Actor]:
    """Drops cars that would drive through a stretch of road while an event happens there."""

    def passes(actor: Actor) -> bool:
        if not isinstance(actor, Car):
            return False
        length = actor.cards.side.width_m
        return any(z_near - length < float(actor.z[t]) < z_far for t in span)

    return [actor for actor in actors if not passes(actor)]


def _box(
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


def ego_course(
    rng: np.random.Generator, frames: int, speed_mps: float, brake_at: int | None
) -> F64:
    """Distance driven per frame in metres; braking to walking pace after `brake_at`."""
    speed = np.full(frames, speed_mps / FRAMES_PER_S)
    if brake_at is not None:
        after = np.maximum(np.arange(frames) - brake_at - 4, 0)
        speed *= np.clip(1.0 - after / 16.0, 0.25, 1.0)
    speed *= 1.0 + 0.03 * np.sin(np.arange(frames) / 9.0 + rng.uniform(0, 6))
    return np.concatenate([[0.0], np.cumsum(speed)[:-1]])
