"""A clip of real texture with exact labels, flow and sudden events: same seed, same bytes."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from depth_snn.data.collage.course import view_of
from depth_snn.data.collage.nearness import Rows
from depth_snn.data.collage.paste import Paste, Slices, sample_area
from depth_snn.data.readers.sample import Sample
from depth_snn.data.scene.arrays import F32, U8, Bool
from depth_snn.data.scene.frame import (
    BurstEvent,
    CameraMotion,
    LabelledFrame,
    Pose,
    SceneFrame,
)
from depth_snn.errors import InputError

I64 = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
I16 = np.ndarray[tuple[int, ...], np.dtype[np.int16]]


class CollageClip:
    """A moving crop over one labelled picture, with real objects of others appearing on it.

    The same interface as `StreetScene`: `frame(index)`, `labelled(index)`, `events`, iteration.
    Labels are the reader's. A crop's borders aside, flow is exact everywhere, also on objects.

    Args:
        background: The picture; its label must be known.
        feet: Lowest row of the thing each of its pixels belongs to, int32 (H, W), see
            `foot_rows`; things with a lower foot than an object's stand in front of it.
        pastes: Objects, far to near.
        poses: The camera of each frame.
        size: Height and width of the clip.
        seed: Seed of the sensor noise.
        noise: Standard deviation of the sensor noise, in grey levels.

    Raises:
        InputError: If the background has no label.
    """

    def __init__(
        self,
        background: Sample,
        feet: Rows,
        pastes: tuple[Paste, ...],
        poses: tuple[Pose, ...],
        size: tuple[int, int],
        *,
        seed: int = 0,
        noise: float = 2.0,
    ) -> None:
        if background.label is None:
            raise InputError(f"{background.name}: has no label; a collage needs labelled frames")
        self.name = background.name
        self.poses = poses
        self.frames = len(poses)
        self.size = size
        self.seed = seed
        self.pastes = pastes
        self._rgb: U8 = background.rgb
        self._label: U8 = background.label
        self._feet = feet
        self._noise = noise
        source = (background.rgb.shape[0], background.rgb.shape[1])
        self._views = tuple(view_of(pose, source) for pose in poses)
        self.events: tuple[BurstEvent, ...] = tuple(
            event
            for number, paste in enumerate(pastes, start=1)
            if (event := self._event(number, paste)) is not None
        )

    def __len__(self) -> int:
        """Number of frames."""
        return self.frames

    def __iter__(self) -> Iterator[SceneFrame]:
        """Yields all frames in order."""
        for index in range(self.frames):
            yield self.frame(index)

    def frame(self, index: int) -> SceneFrame:
        """Makes one frame with its whole truth.

        Args:
            index: 0 to `frames` - 1.

        Returns:
            The frame. An object's flow in the frame it appears in is that of its motion; all of
            the object is marked occluded there, because nothing of it was seen before.

        Raises:
            InputError: If the index lies outside the clip.
        """
        self._check(index)
        before = max(0, index - 1)
        motion = CameraMotion(self.poses[index], self.poses[before])
        layer = self._layers(index)
        flow = np.zeros((*self.size, 2), np.float32)
        hidden = np.zeros(self.size, bool)
        if index > 0:
            flow = self._flow(index, layer)
            hidden = _occluded(layer, self._layers(before), flow)
        return SceneFrame(
            index, self._picture(index, layer), self._labels(index, layer), flow, hidden, motion
        )

    def labelled(self, index: int) -> LabelledFrame:
        """Makes one frame with its label only; the same bytes as `frame(index)`, but quicker."""
        self._check(index)
        layer = self._layers(index)
        return LabelledFrame(self._picture(index, layer), self._labels(index, layer))

    def _check(self, index: int) -> None:
        if not 0 <= index < self.frames:
            raise InputError(f"collage frame {index}: the clip has frames 0 to {self.frames - 1}")

    def _layers(self, index: int) -> I16:
        """Which layer each pixel shows: 0 the background, 1.. the objects."""
        layer = np.zeros(self.size, np.int16)
        for number, paste in enumerate(self.pastes, start=1):
            found = self._shape(index, paste)
            if found is not None:
                box, mask = found
                layer[box][mask] = number
        return layer

    def _shape(self, index: int, paste: Paste) -> tuple[Slices, Bool] | None:
        """Where an object shows in a frame, other objects aside."""
        found = paste.shape(index, self._views[index], self.size) if paste.there(index) else None
        if found is None:
            return None
        box, mask = found
        rows, columns = self._nearest(index)
        in_front = self._feet[np.ix_(rows[box[0]], columns[box[1]])] > paste.foot(index)
        return box, np.asarray(mask & ~in_front, bool)

    def _nearest(self, index: int) -> tuple[I64, I64]:
        """The background's nearest rows and columns for those of a frame."""
        view = self._views[index]
        height, width = self._label.shape
        rows = np.rint(view.scale * np.arange(self.size[0]) + view.y).astype(np.int64)
        columns = np.rint(view.scale * np.arange(self.size[1]) + view.x).astype(np.int64)
        return rows.clip(0, height - 1), columns.clip(0, width - 1)

    def _labels(self, index: int, layer: I16) -> U8:
        label: U8 = self._label[np.ix_(*self._nearest(index))]
        for number, paste in enumerate(self.pastes, start=1):
            label[layer == number] = paste.cutout.number
        return label

    def _picture(self, index: int, layer: I16) -> U8:
        view = self._views[index]
        picture = sample_area(self._rgb, view.scale, (view.x, view.y), self.size)
        for paste in self.pastes:
            found = self._shape(index, paste)
            if found is None:
                continue
            box, mask = found
            colours, alpha = paste.colours(index, view, box)
            # Colour stays inside the label: what is called background shows background.
            alpha, colours = alpha * mask, colours * mask[..., None]
            picture[box] = picture[box] * (1.0 - alpha[..., None]) + colours
        if self._noise > 0:
            rng = np.random.default_rng([self.seed, 211, index])
            grain = rng.standard_normal(picture.shape, np.float32)
            picture = picture + np.float32(self._noise) * grain
        return np.rint(picture).clip(0, 255).astype(np.uint8)

    def _flow(self, index: int, layer: I16) -> F32:
        """Backward flow: from p back to the source, along with the object, into the last crop."""
        now, then = self._views[index], self._views[index - 1]
        columns, rows = np.meshgrid(np.arange(self.size[1]), np.arange(self.size[0]))
        x = now.scale * columns + now.x
        y = now.scale * rows + now.y
        for number, paste in enumerate(self.pastes, start=1):
            own = layer == number
            x[own] -= paste.pace[0]
            y[own] -= paste.pace[1]
        flow = np.stack([(x - then.x) / then.scale - columns, (y - then.y) / then.scale - rows], -1)
        return np.asarray(flow, np.float32)

    def _event(self, number: int, paste: Paste) -> BurstEvent | None:
        seen = [i for i in range(paste.first, paste.last + 1) if (self._layers(i) == number).any()]
        if not seen:
            return None
        x, y, w, h = cv2.boundingRect((self._layers(seen[0]) == number).astype(np.uint8))
        return BurstEvent(paste.cutout.kind, seen[0], seen[-1], (x, y, x + w, y + h))


def _occluded(layer: I16, old: I16, flow: F32) -> Bool:
    """Pixels whose point was outside the last frame or under another layer there."""
    height, width = layer.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x = np.rint(columns + flow[..., 0]).astype(np.int64)
    y = np.rint(rows + flow[..., 1]).astype(np.int64)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    was = old[y.clip(0, height - 1), x.clip(0, width - 1)]
    return np.asarray(~inside | (was != layer), bool)
