"""Small labelled streets for collages, and how well a frame's flow leads back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from depth_snn.data.collage import CollageClip
from depth_snn.data.collage.course import make_course, view_of
from depth_snn.data.collage.cutout import Cutout
from depth_snn.data.collage.nearness import foot_rows
from depth_snn.data.collage.paste import Paste
from depth_snn.data.readers import CAMVID_CLASSES, Entry, Reader, Sample
from depth_snn.data.scene.frame import SceneFrame

ROAD, SKY = CAMVID_CLASSES.index("road"), CAMVID_CLASSES.index("sky")
BUILDING, PERSON, CAR = (CAMVID_CLASSES.index(n) for n in ("building", "pedestrian", "car"))
SIZE = {"height": 96, "width": 192}


def drawn_street(number: int) -> Sample:
    """A small labelled picture: sky, houses, a road, and a car and a pedestrian on it."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(40, 220, (36, 48, 3), np.uint8)
    rgb = np.asarray(cv2.resize(coarse, (240, 180), interpolation=cv2.INTER_CUBIC), np.uint8)
    label = np.full((180, 240), BUILDING, np.uint8)
    label[:40], label[85:] = SKY, ROAD
    x = 20 + 10 * (number % 8)
    label[90:130, x : x + 55] = CAR
    label[95:140, x + 90 : x + 108] = PERSON
    return Sample(f"street{number}", rgb, label, "streets", number)


def drawn_reader(count: int = 6) -> Reader[Sample]:
    entries = tuple(Entry(str(i), "streets", i, Path(), Path()) for i in range(count))
    return Reader(
        "drawn streets", "all", CAMVID_CLASSES, None, entries, lambda e: drawn_street(e.index)
    )


def by_hand(pace: tuple[float, float], noise: float = 0.0, post: bool = False) -> CollageClip:
    """Two source pixels a picture pixel, and a 20×10 person that appears in frame 4."""
    rng = np.random.default_rng(0)
    source = drawn_street(0)
    label = np.where(np.arange(180)[:, None] < 85, BUILDING, ROAD) * np.ones((1, 240), int)
    if post:  # nearer than the person, whose foot is on row 130
        label[20:150, 80:96] = CAMVID_CLASSES.index("pole")
    background = Sample("by hand", source.rgb, label.astype(np.uint8), "streets", 0)
    poses = tuple(make_course(rng, "standing", (180, 240), (60, 100), 1)) * 40
    view = view_of(poses[0], (180, 240))
    poses = tuple(scaled(poses[0], view.scale / 2.0) for _ in poses)
    piece = rng.integers(0, 255, (20, 10, 3), np.uint8)
    mask = np.ones((20, 10), bool)
    person = Cutout("pedestrian", PERSON, piece, mask, mask.astype(np.float32), 0.6, 128.0)
    paste = Paste(person, 4, 30, 100.0, 90.0, 2.0, pace)
    feet = foot_rows(background.label, CAMVID_CLASSES)
    return CollageClip(background, feet, (paste,), poses, (60, 100), noise=noise)


def scaled(pose, factor: float):  # type: ignore[no-untyped-def]
    return type(pose)(0.0, 0.0, 0.0, 50.0, 30.0, pose.focal * factor)


def back(frame: SceneFrame) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel's point stood in the frame before: columns and rows, float32."""
    height, width = frame.label.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x = columns + frame.flow[..., 0].astype(np.float64)
    y = rows + frame.flow[..., 1].astype(np.float64)
    return x.astype(np.float32), y.astype(np.float32)


def agreement(now: SceneFrame, before: SceneFrame) -> float:
    """Share of unoccluded pixels whose label stood where the flow says."""
    x, y = back(now)
    seen = ~now.occluded
    columns, rows = np.rint(x[seen]).astype(int), np.rint(y[seen]).astype(int)
    return float((before.label[rows, columns] == now.label[seen]).mean())


def near_agreement(now: SceneFrame, before: SceneFrame, sign: float = 1.0) -> float:
    """The same, where any of the four pixels around the place the flow says may have it.

    Both frames' labels are nearest pixels of the source, so at a boundary the nearest pixel of
    the frame before may be the other side's.
    """
    height, width = now.label.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x, y = (g + sign * now.flow[..., i].astype(np.float64) for i, g in enumerate((columns, rows)))
    seen = ~now.occluded
    found = np.zeros(int(seen.sum()), bool)
    for dx in (0, 1):
        for dy in (0, 1):
            column = (np.floor(x[seen] + 1e-4).astype(int) + dx).clip(0, width - 1)
            row = (np.floor(y[seen] + 1e-4).astype(int) + dy).clip(0, height - 1)
            found |= before.label[row, column] == now.label[seen]
    return float(found.mean())


def photometric(now: SceneFrame, before: SceneFrame) -> tuple[float, float]:
    """Mean grey difference after warping, and without."""
    x, y = back(now)
    warped = cv2.remap(before.rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = ~now.occluded
    after = np.abs(warped[seen].astype(float) - now.rgb[seen]).mean()
    without = np.abs(before.rgb[seen].astype(float) - now.rgb[seen]).mean()
    return float(after), float(without)
