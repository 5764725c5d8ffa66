"""The street as a source of frames: same seed, same bytes."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from depth_snn.data.scene.actor import Actor, Car, flow_of_depth, write_flow
from depth_snn.data.scene.arrays import F32, U8, Bool
from depth_snn.data.scene.canvas import FAR_M, Canvas
from depth_snn.data.scene.cast import Cast, clear_lane, cut_in, dart, ego_course, make_traffic
from depth_snn.data.scene.frame import BurstEvent, CameraMotion, LabelledFrame, Pose, SceneFrame
from depth_snn.data.scene.layout import Layout
from depth_snn.data.scene.style import Style
from depth_snn.data.scene.world import World, make_world
from depth_snn.errors import InputError

CAMERAS: tuple[str, ...] = ("standing", "driving")
_EVENT_GAP = 45  # frames from one sudden event to the next


class StreetScene:
    """A procedural street with exact labels and motion.

    Frames may be taken in order by iterating, or in any order with `frame(index)`; a frame's
    bytes depend on the constructor's arguments and the index alone.

    Args:
        seed: Chooses street, assets, traffic and noise.
        height: Rows of the picture.
        width: Columns of the picture.
        camera: "standing" or "driving".
        domain: "day", "dusk" or "night".
        assets: "known" or "heldout"; they share no hue of walls, paint, clothes or leaves, and no
            shape of trees, signs, windows or cars; greys, skin, asphalt and vans are common.
        frames: Length of the sequence, at 15 frames per second.
        burst: Whether sudden events happen.
        sway: Amplitude of a slight sway of the standing camera, in pixels.
        noise: Standard deviation of the sensor noise, in grey levels.

    Raises:
        InputError: If an argument is not one of the named values or out of range.
    """

    def __init__(
        self,
        seed: int,
        *,
        height: int = 128,
        width: int = 256,
        camera: str = "standing",
        domain: str = "day",
        assets: str = "known",
        frames: int = 60,
        burst: bool = True,
        sway: float = 0.0,
        noise: float = 2.0,
    ) -> None:
        _check(seed, height, width, camera, frames, noise)
        self.size = (height, width)
        self.frames = frames
        self.seed = seed
        driving = camera == "driving"
        rng = np.random.default_rng([seed, 77])
        self._style = Style(
            assets, domain, float(rng.uniform(110, 260)), driving and domain == "night"
        )
        starts = _event_frames(rng, frames) if burst else ()
        self.poses = _poses(rng, self.size, driving, frames, starts, sway)
        layout = _layout(rng, self.poses, driving)
        cast, hidden = _cast(rng, self._style, layout, self.poses, self.size, driving, starts)
        self.events: tuple[BurstEvent, ...] = cast.events
        self._actors = cast.actors
        self._world: World = make_world(
            rng, self._style, layout, self.poses[0], self.size, hidden, cast.vans
        )
        self._rested: tuple[Pose, Canvas] | None = None
        self._last: tuple[int, F32] | None = None
        self._grain = _noise_field(rng, self.size, noise)

    def __len__(self) -> int:
        """Number of frames."""
        return self.frames

    def __iter__(self) -> Iterator[SceneFrame]:
        """Yields all frames in order."""
        for index in range(self.frames):
            yield self.frame(index)

    def frame(self, index: int) -> SceneFrame:
        """Draws one frame with its whole truth.

        Args:
            index: 0 to `frames` - 1.

        Raises:
            InputError: If the index lies outside the sequence.
        """
        if not 0 <= index < self.frames:
            raise InputError(f"scene frame {index}: the sequence has frames 0 to {self.frames - 1}")
        before = max(0, index - 1)
        now, then = self.poses[index], self.poses[before]
        old_depth = self._depth(before)
        canvas, flow, pace = self._paint(index, now, then)
        self._last = (index, canvas.depth)
        hidden = _occluded(canvas.depth, old_depth, flow, pace, now, then)
        if index == 0:
            hidden = np.zeros(self.size, bool)
        rgb = self._sensor(canvas.rgb, index)
        return SceneFrame(index, rgb, canvas.label, flow, hidden, CameraMotion(now, then))

    def labelled(self, index: int) -> LabelledFrame:
        """Draws one frame with its label only; the same bytes as `frame(index)`, but quicker."""
        canvas = self._still(index)
        return LabelledFrame(self._sensor(canvas.rgb, index), canvas.label)

    def _depth(self, index: int) -> F32:
        if self._last is not None and self._last[0] == index:
            return self._last[1]
        return self._still(index).depth

    def _still(self, index: int) -> Canvas:
        pose = self.poses[index]
        canvas = self._background(pose).copy()
        for actor in self._order(index, pose):
            actor.draw(canvas, index, pose, self._style)
        return canvas

    def _background(self, pose: Pose) -> Canvas:
        if self._rested is None or self._rested[0] != pose:
            self._rested = (pose, self._world.paint(pose, self._style))
        return self._rested[1]

    def _order(self, index: int, pose: Pose) -> list[Actor]:
        placed = [(place[1], actor) for actor in self._actors if (place := actor.place(index))]
        seen = [entry for entry in placed if -8.0 < entry[0] - pose.z < 90.0]
        return [actor for _, actor in sorted(seen, key=lambda entry: -entry[0])]

    def _paint(self, index: int, now: Pose, then: Pose) -> tuple[Canvas, F32, F32]:
        """Paints a frame; also its flow, and how far each pixel's point moved along z."""
        canvas = self._background(now).copy()
        pace = np.zeros(self.size, np.float32)
        if now == then:
            flow = np.zeros((*self.size, 2), np.float32)
        else:
            flow = flow_of_depth(canvas.depth, now, then)
        for actor in self._order(index, now):
            for placed in actor.draw(canvas, index, now, self._style):
                if index == 0:
                    continue
                write_flow(flow, placed, now, then)
                patch = placed.patch
                height, width = patch.mask.shape
                area = pace[patch.y0 : patch.y0 + height, patch.x0 : patch.x0 + width]
                area[patch.mask] = placed.moved[2]
        return canvas, flow, pace

    def _sensor(self, rgb: U8, index: int) -> U8:
        """Adds flashes and sensor noise."""
        pixels = rgb
        for event in self.events:
            if event.kind == "flash" and event.first_frame <= index <= event.last_frame:
                pixels = np.asarray(cv2.convertScaleAbs(pixels, alpha=1.5, beta=20.0), np.uint8)
        if self._grain is not None:
            rng = np.random.default_rng([self.seed, index])
            top, left = (int(v) for v in rng.integers(0, 96, 2))
            # One large field read at a random place: as good as fresh noise, and 20 times cheaper.
            field = self._grain[top : top + self.size[0], left : left + self.size[1]]
            pixels = np.asarray(cv2.add(pixels, field, dtype=cv2.CV_8U), np.uint8)
        return pixels


def _check(seed: int, height: int, width: int, camera: str, frames: int, noise: float) -> None:
    if camera not in CAMERAS:
        raise InputError(f"scene camera {camera!r}: use one of {', '.join(CAMERAS)}")
    if height < 16 or width < 16:
        raise InputError(f"scene size {height}x{width}: use at least 16x16 pixels")
    if frames < 1:
        raise InputError(f"scene length {frames}: use at least one frame")
    if seed < 0:
        raise InputError(f"scene seed {seed}: use a number from 0 up")
    if noise < 0:
        raise InputError(f"scene noise {noise}: use 0 or a positive number of grey levels")


def _event_frames(rng: np.random.Generator, frames: int) -> tuple[int, ...]:
    first = int(rng.integers(18, 23))
    if frames < 40:
        first = max(1, frames // 3)
    return tuple(range(first, max(first + 1, frames - 12), _EVENT_GAP)) if frames > 3 else ()


def _poses(
    rng: np.random.Generator,
    size: tuple[int, int],
    driving: bool,
    frames: int,
    starts: tuple[int, ...],
    sway: float,
) -> tuple[Pose, ...]:
    height, width = size
    t = np.arange(frames)
    focal = 0.8 * width * float(rng.uniform(0.95, 1.1))
    cy = height * float(rng.uniform(0.4, 0.46))
    if driving:
        course = ego_course(
            rng, frames, float(rng.uniform(5.0, 8.0)), starts[0] if starts else None
        )
        drift = 1.7 + 0.08 * np.sin(t / 14.0 + rng.uniform(0, 6))
        bounce = 0.0025 * height * np.sin(t / 2.3 + rng.uniform(0, 6))
        cx = width * 0.5
        eye = 1.35
        return tuple(
            Pose(float(drift[k]), eye, float(course[k]), cx, float(cy + bounce[k]), focal)
            for k in range(frames)
        )
    cx = width * float(rng.uniform(0.3, 0.36))
    x, eye = float(rng.uniform(-4.4, -3.4)), float(rng.uniform(1.6, 1.9))
    dx, dy = sway * np.sin(t / 6.1), 0.6 * sway * np.sin(t / 4.3 + 1.0)
    return tuple(
        Pose(x, eye, 0.0, float(cx + dx[k]), float(cy + dy[k]), focal) for k in range(frames)
    )


def _layout(rng: np.random.Generator, poses: tuple[Pose, ...], driving: bool) -> Layout:
    lane = float(rng.uniform(3.2, 3.6))
    kerb = lane + 2.1
    first = float(rng.uniform(22, 32))
    crossings = (first, first + float(rng.uniform(40, 60)))
    end = poses[-1].z + 125.0
    wall = kerb + float(rng.uniform(2.4, 4.2))
    return Layout(lane, kerb, wall, -12.0, end, crossings, 4.0, bool(rng.uniform() < 0.6))


def _cast(
    rng: np.random.Generator,
    style: Style,
    layout: Layout,
    poses: tuple[Pose, ...],
    size: tuple[int, int],
    driving: bool,
    starts: tuple[int, ...],
) -> tuple[Cast, tuple[float, float]]:
    """Traffic and events; also the stretch of kerb that events need free."""
    actors = make_traffic(rng, style, layout, poses, driving)
    events: list[BurstEvent] = []
    vans: list[Car] = []
    hidden = (0.0, 0.0)
    for order, first in enumerate(starts):
        span = range(max(0, first - 3), min(len(poses), first + 14))
        z = poses[first].z
        if order % 3 == 0:
            actors = clear_lane(actors, z + 0.0, z + 15.0, span)
            person, van, event = dart(rng, style, layout, poses, size, first)
            actors.append(person)
            vans.append(van)
        elif order % 3 == 1:
            actors = clear_lane(actors, z + 5.0, z + 24.0, span)
            car, event = cut_in(rng, style, layout, poses, size, first)
            actors.append(car)
        else:
            event = BurstEvent("flash", first, first + 1, (0, 0, size[1], size[0]))
        events.append(event)
        hidden = (min(hidden[0], z - 2.0), max(hidden[1], z + 20.0))
    return Cast(tuple(actors), tuple(events), tuple(vans)), hidden


def _noise_field(
    rng: np.random.Generator, size: tuple[int, int], noise: float
) -> np.ndarray[tuple[int, int, int], np.dtype[np.int16]] | None:
    if noise == 0:
        return None
    field = rng.standard_normal((size[0] + 96, size[1] + 96, 3), dtype=np.float32)
    return np.asarray(np.round(field * np.float32(noise)), np.int16)


def _occluded(depth: F32, old: F32, flow: F32, pace: F32, now: Pose, then: Pose) -> Bool:
    """Pixels whose point left the old picture or stood behind something there."""
    height, width = depth.shape
    x = flow[..., 0] + np.arange(width, dtype=np.float32)[None]
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    # The nearest old pixel; -1, nearer than anything, stands for outside the picture.
    was = cv2.remap(
        old, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=(-1.0,)
    )
    sky = depth >= FAR_M * 0.5
    # Half a metre and 6 % leave room for steep ground and the corners of cars.
    limit = (depth + pace + np.float32(now.z - then.z)) * np.float32(0.94) - np.float32(0.5)
    limit[sky] = FAR_M * 0.5
    return np.asarray((was < limit) | (was < 0.0), dtype=bool)
