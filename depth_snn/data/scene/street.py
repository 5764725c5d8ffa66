"""The street as a source of frames: same seed, same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

import numpy as np

from depth_snn.data.scene.events import KINDS, whole
from depth_snn.data.scene.frame import BurstEvent, CameraMotion, LabelledFrame, Pose, SceneFrame
from depth_snn.data.scene.take import Script, Take
from depth_snn.errors import InputError

CAMERAS: tuple[str, ...] = ("standing", "driving")


class StreetScene:
    """A procedural street with exact labels and motion.

    Frames may be taken in order by iterating, or in any order with `frame(index)`; a frame's
    bytes depend on the constructor's arguments and the index alone.

    Args:
        seed: Chooses street, assets, traffic and noise.
        height: Rows of the picture.
        width: Columns of the picture.
        camera: "standing" or "driving".
        domain: "day", "dusk", "night", "rain", "fog" or "low_sun".
        assets: "known" or "heldout"; they share no hue of walls, paint, clothes, signs or leaves,
            and no shape or texture of houses, trees, posts, vehicles or belongings; greys, skin,
            asphalt and the way people walk are common.
        frames: Length of the sequence, at 15 frames per second.
        burst: Whether sudden events happen.
        sway: Amplitude of a slow sway of the standing camera, in pixels.
        noise: Standard deviation of the sensor noise, in grey levels.
        shake: Size of a quick shake of the camera, as a share of the picture's height.
        traffic: How dense the traffic is; 1 is usual, above 1.5 both lanes are full and slow.
        cut: Whether the street changes altogether half way.
        kinds: Kinds of events in order, over and over; all of `KINDS` where None.

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
        shake: float = 0.0,
        traffic: float = 1.0,
        cut: bool = False,
        kinds: tuple[str, ...] | None = None,
    ) -> None:
        _check(seed, height, width, camera, frames, noise)
        _check_more(shake, traffic, cut, frames, kinds)
        self.size = (height, width)
        self.frames = frames
        self.seed = seed
        self._cut = frames // 2 if cut else frames
        chosen = (KINDS if kinds is None else kinds) if burst else ()
        self._script = Script(
            seed=seed,
            size=self.size,
            driving=camera == "driving",
            domain=domain,
            assets=assets,
            frames=self._cut,
            kinds=chosen,
            sway=sway,
            noise=noise,
            shake=shake,
            traffic=traffic,
        )
        self._first = Take(self._script)

    @cached_property
    def _second(self) -> Take:
        return Take(replace(self._script, frames=self.frames - self._cut), part=1)

    @cached_property
    def poses(self) -> tuple[Pose, ...]:
        """The camera in every frame."""
        if self._cut == self.frames:
            return self._first.poses
        return self._first.poses + self._second.poses

    @cached_property
    def events(self) -> tuple[BurstEvent, ...]:
        """Everything sudden, in order."""
        if self._cut == self.frames:
            return self._first.events
        k = self._cut
        moved = tuple(
            replace(e, first_frame=e.first_frame + k, last_frame=e.last_frame + k)
            for e in self._second.events
        )
        return (*self._first.events, BurstEvent("cut", k, k, whole(self.size)), *moved)

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
        take, own = self._take(index)
        drawn = take.frame(own)
        if own == index:
            return drawn
        if own > 0:
            return replace(drawn, index=index)
        # Nothing of the street before the cut is seen again.
        camera = CameraMotion(drawn.camera.now, self._first.poses[-1])
        return replace(drawn, index=index, occluded=np.ones(self.size, bool), camera=camera)

    def labelled(self, index: int) -> LabelledFrame:
        """Draws one frame with its label only; the same bytes as `frame(index)`, but quicker."""
        take, own = self._take(index)
        return LabelledFrame(*take.labelled(own))

    def _take(self, index: int) -> tuple[Take, int]:
        if not 0 <= index < self.frames:
            raise InputError(f"scene frame {index}: the sequence has frames 0 to {self.frames - 1}")
        return (self._first, index) if index < self._cut else (self._second, index - self._cut)


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


def _check_more(
    shake: float, traffic: float, cut: bool, frames: int, kinds: tuple[str, ...] | None
) -> None:
    if not 0 <= shake <= 0.2:
        raise InputError(f"scene shake {shake}: use 0 to 0.2 of the picture's height")
    if not 0 <= traffic <= 4:
        raise InputError(f"scene traffic {traffic}: use 0 to 4")
    if cut and frames < 2:
        raise InputError(f"scene with a cut, {frames} frame: use at least 2 frames")
    for kind in kinds or ():
        if kind not in KINDS:
            raise InputError(f"scene event {kind!r}: use one of {', '.join(KINDS)}")
