"""Who moves through a street: cars in both lanes, cars on side streets, people everywhere."""

from __future__ import annotations

import numpy as np

from depth_snn.data.scene.actor import Actor, Car, CrossCar, Person
from depth_snn.data.scene.car import CarCards, make_car
from depth_snn.data.scene.course import FRAMES_PER_S
from depth_snn.data.scene.frame import Pose
from depth_snn.data.scene.layout import Layout
from depth_snn.data.scene.style import Style
from depth_snn.data.scene.walker import make_walker


def make_traffic(
    rng: np.random.Generator,
    style: Style,
    layout: Layout,
    poses: tuple[Pose, ...],
    driving: bool,
    traffic: float,
) -> list[Actor]:
    """Cars and people of a street; `traffic` scales how many, 1 is usual."""
    actors = _lanes(rng, style, layout, poses, driving, traffic)
    steps = np.arange(len(poses), dtype=np.float64)
    models = [make_car(rng, style) for _ in range(3)]
    for centre in layout.crossings:
        for heading in (-1.0, 1.0):
            if rng.uniform() > 0.5 + 0.2 * traffic:
                continue
            start = -heading * float(rng.uniform(4, 30))
            speed = heading * float(rng.uniform(4, 8)) / FRAMES_PER_S
            cards = models[int(rng.integers(len(models)))]
            actors.append(CrossCar(cards, start + speed * steps, centre - heading * -1.5))
    actors += _strollers(rng, style, layout, poses, traffic)
    actors += _crossers(rng, style, layout, poses)
    return [a for a in actors if not _in_the_way(a, poses)]


def _in_the_way(actor: Actor, poses: tuple[Pose, ...]) -> bool:
    """Whether the camera would drive into someone who crosses its path."""
    if isinstance(actor, CrossCar):
        reach, near = actor.cards.side.width_m / 2 + 0.6, 5.0
    elif isinstance(actor, Person):
        reach, near = 0.9, 3.0
    else:
        return False
    for index, pose in enumerate(poses):
        x, z = actor.place(index) or (1e9, 1e9)
        if -1.0 < z - pose.z < near and abs(x - pose.x) < reach:
            return True
    return False


def _model(rng: np.random.Generator, style: Style, near: bool) -> CarCards:
    pick = rng.uniform()
    if pick < 0.12 and not near:
        return make_car(rng, style, "large")
    return make_car(rng, style, "van" if pick > 0.88 else "car")


def _lanes(
    rng: np.random.Generator,
    style: Style,
    layout: Layout,
    poses: tuple[Pose, ...],
    driving: bool,
    traffic: float,
) -> list[Actor]:
    steps = np.arange(len(poses), dtype=np.float64)
    camera = np.array([p.z for p in poses])
    out: list[Actor] = []
    middle, heavy = layout.lane_m / 2, traffic > 1.5
    for oncoming in (False, True):
        speed = float(rng.uniform(1.0, 4.0) if heavy else rng.uniform(4, 10))
        step = speed / FRAMES_PER_S * (-1 if oncoming else 1)
        z = float(rng.uniform(8, 30) if oncoming else rng.uniform(11, 22))
        if heavy:
            z = float(rng.uniform(8, 13))
        for order in range(int(rng.integers(1, 4) + (6 if heavy else 0))):
            cards = _model(rng, style, order == 0)
            course = z + step * steps
            if driving and not oncoming:
                course = z + camera + 0.01 * steps
            x = np.full(len(poses), -middle if oncoming else middle)
            out.append(Car(cards, x, course, oncoming))
            gap = float(rng.uniform(2.5, 6) if heavy else rng.uniform(9, 22))
            z += (cards.side.width_m + gap) * (1 if oncoming or driving else -1)
    return out


def _strollers(
    rng: np.random.Generator,
    style: Style,
    layout: Layout,
    poses: tuple[Pose, ...],
    traffic: float,
) -> list[Actor]:
    """People along the sidewalks, some near, some in groups, some standing."""
    steps = np.arange(len(poses))
    out: list[Actor] = []
    reach = poses[-1].z - poses[0].z
    count = int(rng.integers(6, 12) * min(1.4, 0.5 + 0.5 * traffic) + reach * 0.35)
    inner, outer = layout.kerb_m + 0.4, layout.wall_m - layout.verge_m - 0.3
    for order in range(count):
        side = 1.0 if rng.uniform() < 0.6 else -1.0
        x = float(rng.uniform(inner, outer))
        # The first few are near, so that every street shows people at all sizes.
        depth = (6.0, 14.0) if order < 3 else (9.0, 34.0 + reach)
        z = poses[0].z + float(rng.uniform(*depth))
        step = float(rng.uniform(0.05, 0.11)) * (1 if rng.uniform() < 0.5 else -1)
        if rng.uniform() < 0.2:
            step = 0.0
        for member in range(int(rng.choice([1, 1, 1, 2, 3]))):
            walker = make_walker(rng, style, 0)
            phase = int(rng.integers(20)) + (steps if step else 0 * steps)
            across = min(outer, x + 0.6 * member) + float(rng.uniform(-0.1, 0.1))
            along = z + float(rng.uniform(-0.3, 0.3))
            out.append(
                Person(walker, np.full(len(poses), side * across), along + step * steps, phase)
            )
    return out


def _crossers(
    rng: np.random.Generator, style: Style, layout: Layout, poses: tuple[Pose, ...]
) -> list[Actor]:
    """People who cross the road, at the side streets and anywhere."""
    frames = len(poses)
    steps = np.arange(frames)
    places = [
        (c - layout.cross_half_m - float(rng.uniform(0.5, 2.5)), None) for c in layout.crossings
    ]
    spots: list[tuple[float, int | None]] = [
        p for p in places for _ in range(int(rng.integers(1, 4)))
    ]
    for _ in range(int(rng.integers(1, 4)) + frames // 60):
        when = int(rng.integers(frames))
        spots.append((poses[when].z + float(rng.uniform(8.0, 24.0)), when))
    out: list[Actor] = []
    for z, moment in spots:
        facing = 1 if rng.uniform() < 0.5 else -1
        here = 0 if moment is None else moment
        x = float(rng.uniform(-layout.kerb_m, layout.kerb_m))
        if z - poses[here].z < 16.0:
            # The camera must not drive over them: they have passed its path, or are beside it.
            x = poses[here].x + facing * float(rng.uniform(1.4, 4.5))
        step = facing * float(rng.uniform(0.06, 0.11))
        walker = make_walker(rng, style, facing)
        course = x + step * (steps - here)
        phase = steps + int(rng.integers(20))
        out.append(Person(walker, course, np.full(frames, z), phase))
    return out
