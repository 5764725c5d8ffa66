"""One uncut stretch of a scene: a street, its actors, its camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from depth_snn.data.scene.actor import Actor, Car
from depth_snn.data.scene.air import Air, Glow, make_air
from depth_snn.data.scene.arrays import U8, Bool
from depth_snn.data.scene.canvas import VIEW_M, Canvas
from depth_snn.data.scene.cast import make_traffic
from depth_snn.data.scene.course import make_poses
from depth_snn.data.scene.events import MAKERS, Stage, clear_lane
from depth_snn.data.scene.flow import Painted, flow_of_depth, occluded, write_flow
from depth_snn.data.scene.frame import BurstEvent, CameraMotion, Pose, SceneFrame
from depth_snn.data.scene.layout import Layout, make_layout
from depth_snn.data.scene.shade import shade_ground
from depth_snn.data.scene.style import Style
from depth_snn.data.scene.world import World, make_world

_EVENT_GAP = 45  # frames from one sudden event to the next


@dataclass(frozen=True)
class Script:
    """What a scene is asked to show; see `StreetScene`."""

    seed: int
    size: tuple[int, int]
    driving: bool
    domain: str
    assets: str
    frames: int
    kinds: tuple[str, ...]
    sway: float
    noise: float
    shake: float
    traffic: float


class Take:
    """A street in which frames can be drawn in any order."""

    def __init__(self, script: Script, part: int = 0) -> None:
        self.size, self.frames = script.size, script.frames
        rng = np.random.default_rng([script.seed, 77, part])
        self.style = Style.draw(rng, script.assets, script.domain, script.driving)
        starts = _event_frames(rng, script.frames) if script.kinds else ()
        brakes = starts and script.kinds[0] == "pedestrian"
        self.poses = make_poses(
            rng,
            script.size,
            script.driving,
            script.frames,
            starts[0] if brakes else None,
            script.sway,
            script.shake,
        )
        layout = make_layout(rng, self.poses)
        actors, events, vans, hidden = _people(rng, self.style, layout, self.poses, script, starts)
        self.events: tuple[BurstEvent, ...] = tuple(events)
        self._actors = tuple(actors)
        self._names = {id(actor): k for k, actor in enumerate(self._actors, 1)}
        self._world: World = make_world(
            rng, self.style, layout, self.poses[0], self.size, hidden, tuple(vans)
        )
        self._air: Air = make_air(rng, self.style, self.size, script.noise, script.seed * 8 + part)
        self._rested: tuple[Pose, Canvas] | None = None
        self._last: tuple[int, Painted] | None = None

    def frame(self, index: int) -> SceneFrame:
        """Draws one frame with its whole truth."""
        before = max(0, index - 1)
        now, then = self.poses[index], self.poses[before]
        if self._last is None or self._last[0] != before:
            self._last = (before, self._paint(before, None))
        old = self._last[1]
        new = self._paint(index, then if index > 0 else None)
        self._last = (index, new)
        hidden: Bool = np.zeros(self.size, bool)
        if index > 0:
            hidden = occluded(new, old, now, then)
        rgb, label = self._develop(new.canvas, index, new.actors)
        return SceneFrame(index, rgb, label, new.flow, hidden, CameraMotion(now, then))

    def labelled(self, index: int) -> tuple[U8, U8]:
        """Picture and label of one frame: the same bytes as `frame(index)`, but quicker."""
        pose = self.poses[index]
        canvas, actors = self._prepared(index, pose)
        for actor in actors:
            actor.draw(canvas, index, pose, self.style)
        return self._develop(canvas, index, actors)

    def _develop(self, canvas: Canvas, index: int, actors: list[Actor]) -> tuple[U8, U8]:
        pose = self.poses[index]
        own: list[Glow] = [g for a in actors for g in a.glows(index, self.style.lit)]
        glows = self._world.glows(pose) + own
        flash = any(
            e.kind == "flash" and e.first_frame <= index <= e.last_frame for e in self.events
        )
        return self._air.develop(canvas, pose, index, glows, flash)

    def _prepared(self, index: int, pose: Pose) -> tuple[Canvas, list[Actor]]:
        """What rests, with the shadows of what moves; and what moves, far to near."""
        if self._rested is None or self._rested[0] != pose:
            self._rested = (pose, self._world.paint(pose))
        canvas = self._rested[1].copy()
        actors = self._order(index, pose)
        casters = [a.caster(index) for a in actors]
        shade_ground(canvas, pose, self.style, casters, covered=True)
        return canvas, actors

    def _order(self, index: int, pose: Pose) -> list[Actor]:
        placed = [(place[1], actor) for actor in self._actors if (place := actor.place(index))]
        seen = [entry for entry in placed if -11.0 < entry[0] - pose.z < VIEW_M]
        return [actor for _, actor in sorted(seen, key=lambda entry: -entry[0])]

    def _paint(self, index: int, then: Pose | None) -> Painted:
        """Paints a frame with who owns each pixel; its flow too, unless `then` is None."""
        now = self.poses[index]
        canvas, actors = self._prepared(index, now)
        owner, pace = np.zeros(self.size, np.int16), np.zeros(self.size, np.float32)
        flow = np.zeros((*self.size, 2), np.float32)
        if then is not None and now != then:
            flow = flow_of_depth(canvas.depth, now, then)
        for actor in actors:
            name = self._names[id(actor)]
            for placed in actor.draw(canvas, index, now, self.style):
                patch = placed.patch
                height, width = patch.mask.shape
                area = (slice(patch.y0, patch.y0 + height), slice(patch.x0, patch.x0 + width))
                owner[area][patch.mask] = name
                if then is not None:
                    write_flow(flow, placed, now, then)
                    pace[area][patch.mask] = placed.moved[2]
        return Painted(canvas, flow, pace, owner, actors)


def _event_frames(rng: np.random.Generator, frames: int) -> tuple[int, ...]:
    first = int(rng.integers(18, 23))
    if frames < 40:
        first = max(1, frames // 3)
    return tuple(range(first, max(first + 1, frames - 12), _EVENT_GAP)) if frames > 3 else ()


def _people(
    rng: np.random.Generator,
    style: Style,
    layout: Layout,
    poses: tuple[Pose, ...],
    script: Script,
    starts: tuple[int, ...],
) -> tuple[list[Actor], list[BurstEvent], list[Car], tuple[float, float]]:
    """Traffic and events; also the vans they need and the stretch of kerb to keep free."""
    actors = make_traffic(rng, style, layout, poses, script.driving, script.traffic)
    own: list[Actor] = []
    events: list[BurstEvent] = []
    vans: list[Car] = []
    hidden = (0.0, 0.0)
    for order, first in enumerate(starts):
        kind = script.kinds[order % len(script.kinds)]
        stage = Stage(style, layout, poses, script.size, script.driving, first)
        happening = MAKERS[kind](rng, stage)
        span = range(max(0, first - 4), min(len(poses), first + 14))
        if happening.clear[1] > happening.clear[0]:
            actors = clear_lane(actors, *happening.clear, span)
        own += happening.actors
        vans += happening.vans
        events.append(happening.event)
        z = poses[first].z
        hidden = (min(hidden[0], z - 2.0), max(hidden[1], z + 20.0))
    return actors + own, events, vans, hidden
