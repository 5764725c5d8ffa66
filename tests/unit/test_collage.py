"""Collages: real texture with exact truth. The truth is checked by following it back in time."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depth_snn.data.collage import CAMERAS, CollageClip, random_collage
from depth_snn.data.collage.course import make_course, view_of
from depth_snn.data.collage.cutout import Cutout, find_cutouts
from depth_snn.data.collage.nearness import foot_rows
from depth_snn.data.collage.paste import Paste
from depth_snn.data.frames import open_frames
from depth_snn.data.readers import CAMVID_CLASSES, Entry, Reader, Sample, open_camvid
from depth_snn.data.scene.frame import SceneFrame
from depth_snn.errors import InputError

ROAD, SKY = CAMVID_CLASSES.index("road"), CAMVID_CLASSES.index("sky")
BUILDING, PERSON, CAR = (CAMVID_CLASSES.index(n) for n in ("building", "pedestrian", "car"))
SIZE = {"height": 96, "width": 192}


def _street(number: int) -> Sample:
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


def _reader(count: int = 6) -> Reader[Sample]:
    entries = tuple(Entry(str(i), "streets", i, Path(), Path()) for i in range(count))
    return Reader("drawn streets", "all", CAMVID_CLASSES, None, entries, lambda e: _street(e.index))


@pytest.fixture(scope="module")
def camvid(shared_data: Path) -> Reader[Sample]:
    if not (shared_data / "camvid" / "train").is_dir():
        pytest.skip("needs CamVid beside the project (../shared/data/camvid), which is not here")
    return open_camvid(shared_data / "camvid", split="train")


def _back(frame: SceneFrame) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel's point stood in the frame before: columns and rows, float32."""
    height, width = frame.label.shape
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    x = columns + frame.flow[..., 0].astype(np.float64)
    y = rows + frame.flow[..., 1].astype(np.float64)
    return x.astype(np.float32), y.astype(np.float32)


def _agreement(now: SceneFrame, before: SceneFrame) -> float:
    """Share of unoccluded pixels whose label stood where the flow says."""
    x, y = _back(now)
    seen = ~now.occluded
    columns, rows = np.rint(x[seen]).astype(int), np.rint(y[seen]).astype(int)
    return float((before.label[rows, columns] == now.label[seen]).mean())


def _near(now: SceneFrame, before: SceneFrame, sign: float = 1.0) -> float:
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


def _photometric(now: SceneFrame, before: SceneFrame) -> tuple[float, float]:
    """Mean grey difference after warping, and without."""
    x, y = _back(now)
    warped = cv2.remap(before.rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    seen = ~now.occluded
    after = np.abs(warped[seen].astype(float) - now.rgb[seen]).mean()
    without = np.abs(before.rgb[seen].astype(float) - now.rgb[seen]).mean()
    return float(after), float(without)


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("seed", [0, 1])
def test_flow_leads_back_to_the_same_labels_and_colours(
    camvid: Reader[Sample], camera: str, seed: int
) -> None:
    clip = random_collage(camvid, seed, camera=camera, frames=40, noise=0.0)
    before = clip.frame(0)
    assert not before.flow.any() and not before.occluded.any()
    for index in range(1, len(clip)):
        now = clip.frame(index)
        assert _agreement(now, before) > 0.9, index
        assert _near(now, before) > 0.99, index
        if np.abs(now.flow).mean() > 1:
            assert 1 - _near(now, before) < 0.5 * (1 - _near(now, before, sign=-1.0)), index
        after, without = _photometric(now, before)
        moved = float(np.abs(now.flow).max()) > 0.5
        assert after < (0.75 * without if moved and camera == "pan" else without + 0.5), index
        assert now.occluded.mean() < 0.25
        before = now


def test_a_standing_camera_and_whole_steps_are_exact() -> None:
    clip = _by_hand(pace=(3.0, 0.0))
    for index in range(1, len(clip)):
        now, before = clip.frame(index), clip.frame(index - 1)
        assert _agreement(now, before) == 1.0
        own = now.label == PERSON
        assert (now.flow[~own] == 0).all()
        if own.any() and index >= 4:
            np.testing.assert_allclose(now.flow[own], [[-1.5, 0.0]] * int(own.sum()), atol=1e-5)


def _by_hand(pace: tuple[float, float], noise: float = 0.0, post: bool = False) -> CollageClip:
    """Two source pixels a picture pixel, and a 20×10 person that appears in frame 4."""
    rng = np.random.default_rng(0)
    source = _street(0)
    label = np.where(np.arange(180)[:, None] < 85, BUILDING, ROAD) * np.ones((1, 240), int)
    if post:  # nearer than the person, whose foot is on row 130
        label[20:150, 80:96] = CAMVID_CLASSES.index("pole")
    background = Sample("by hand", source.rgb, label.astype(np.uint8), "streets", 0)
    poses = tuple(make_course(rng, "standing", (180, 240), (60, 100), 1)) * 40
    view = view_of(poses[0], (180, 240))
    poses = tuple(_scaled(poses[0], view.scale / 2.0) for _ in poses)
    piece = rng.integers(0, 255, (20, 10, 3), np.uint8)
    mask = np.ones((20, 10), bool)
    person = Cutout("pedestrian", PERSON, piece, mask, mask.astype(np.float32), 0.6, 128.0)
    paste = Paste(person, 4, 30, 100.0, 90.0, 2.0, pace)
    feet = foot_rows(background.label, CAMVID_CLASSES)
    return CollageClip(background, feet, (paste,), poses, (60, 100), noise=noise)


def _scaled(pose, factor: float):  # type: ignore[no-untyped-def]
    return type(pose)(0.0, 0.0, 0.0, 50.0, 30.0, pose.focal * factor)


def test_appearing_and_leaving_are_known(camvid: Reader[Sample]) -> None:
    clip = random_collage(camvid, 3, camera="standing", frames=60)
    assert clip.events
    for event in clip.events:
        x0, y0, x1, y1 = event.box
        assert 0 <= x0 < x1 <= 256 and 0 <= y0 < y1 <= 128
        assert 6 <= event.first_frame <= event.last_frame < 60
        number = CAMVID_CLASSES.index(event.kind)
        now, before = clip.frame(event.first_frame), clip.frame(event.first_frame - 1)
        inside = now.label[y0:y1, x0:x1] == number
        assert inside.any(axis=0)[[0, -1]].all() and inside.any(axis=1)[[0, -1]].all()
        # Sudden: nothing of it was seen, so all that is new of its class is occluded.
        new = (now.label == number) & (before.label != number)
        assert new[y0:y1, x0:x1].sum() > 0.2 * inside.sum()
        assert now.occluded[new].mean() > 0.99


def test_the_place_it_leaves_was_hidden() -> None:
    clip = _by_hand(pace=(0.0, 0.0))
    event = clip.events[0]
    assert (event.first_frame, event.last_frame, event.kind) == (4, 30, "pedestrian")
    x0, y0, x1, y1 = event.box
    assert (x1 - x0, y1 - y0) == (10, 20)  # two source pixels each, and two to a picture pixel
    for index, hidden in ((3, False), (4, True), (5, False), (30, False), (31, True), (32, False)):
        occluded = clip.frame(index).occluded
        assert occluded[y0:y1, x0:x1].all() == hidden
        assert occluded.sum() == (200 if hidden else 0)


def test_it_leaves_the_picture() -> None:
    clip = _by_hand(pace=(-9.0, 0.0))
    event = clip.events[0]
    assert event.last_frame < 30
    assert (clip.frame(event.last_frame).label == PERSON).any()
    assert not (clip.frame(event.last_frame + 1).label == PERSON).any()


def test_nearer_things_stand_in_front() -> None:
    label = np.full((60, 80), ROAD, np.uint8)
    label[10:40, 5:15], label[10:30, 40:50], label[0:50, 70:72] = CAR, CAR, PERSON
    feet = foot_rows(label, CAMVID_CLASSES)
    assert feet[20, 10] == 39 and feet[20, 45] == 29 and feet[0, 70] == 49 and feet[0, 0] == -1
    clip = _by_hand(pace=(-2.0, 0.0), post=True)
    hidden = [int((clip.frame(i).label == PERSON).sum()) for i in range(4, 31)]
    # Eight pixels wide in front of a person ten wide: some of it shows on either side.
    assert hidden[0] == 200
    assert 30 <= min(hidden) <= 60
    assert all(_agreement(clip.frame(i), clip.frame(i - 1)) == 1.0 for i in range(1, 31))


def test_colour_stays_inside_the_label_and_is_soft_within() -> None:
    mask = np.zeros((40, 30), np.uint8)
    mask[5:35, 8:22] = PERSON
    sample = Sample("a", np.full((40, 30, 3), 200, np.uint8), mask, "a", 0)
    (person,) = find_cutouts(_upscaled(sample), CAMVID_CLASSES)
    assert (person.alpha > 0).tolist() == person.mask.tolist()
    inner = person.alpha[3:-3, 3:-3]
    assert (inner == 1.0).all()
    assert 0.4 < float(person.alpha[0, person.mask[0]].max()) < 0.7


def _upscaled(sample: Sample) -> Sample:
    """A larger street around the same person, so that it takes a likely share of the frame."""
    label = np.full((140, 160), ROAD, np.uint8)
    rgb = np.zeros((140, 160, 3), np.uint8)
    assert sample.label is not None
    label[60:100, 60:90] = np.where(sample.label == PERSON, PERSON, ROAD)
    rgb[60:100, 60:90] = sample.rgb
    return Sample(sample.name, rgb, label, "a", 0)


def test_only_whole_objects_are_cut_out() -> None:
    sample = _street(0)
    assert sample.label is not None
    assert sorted(c.kind for c in find_cutouts(sample, CAMVID_CLASSES)) == ["car", "pedestrian"]
    label = sample.label.copy()
    label[95:140, 110:112] = ROAD  # a slit beside nothing
    label[100:120, 30:70] = ROAD  # a hole that leaves the car less than solid
    label[:, :20] = CAR  # touches the border: part of it is outside
    cut = Sample("cut", sample.rgb, label, "streets", 0)
    assert [c.kind for c in find_cutouts(cut, CAMVID_CLASSES)] == ["pedestrian"]
    assert find_cutouts(Sample("x", sample.rgb, None, "s", 0), CAMVID_CLASSES) == []


def test_light_is_matched_within_bounds() -> None:
    (cutout, *_) = find_cutouts(_street(1), CAMVID_CLASSES)
    brighter = cutout.lit(cutout.light * 1.3)
    assert brighter.rgb.mean() > 1.2 * cutout.rgb.mean()
    assert cutout.lit(0.0).rgb.mean() > 0.5 * cutout.rgb.mean()
    np.testing.assert_array_equal(cutout.flipped().flipped().rgb, cutout.rgb)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 10**6),
    st.sampled_from(CAMERAS),
    st.integers(20, 120),
    st.integers(20, 200),
    st.integers(1, 50),
)
def test_every_crop_lies_inside_the_source(
    seed: int, camera: str, height: int, width: int, frames: int
) -> None:
    source = (180, 240)
    poses = make_course(np.random.default_rng(seed), camera, source, (height, width), frames)
    assert len(poses) == frames
    for pose in poses:
        view = view_of(pose, source)
        assert view.x > -1e-6 and view.x + view.scale * (width - 1) < source[1] - 1 + 1e-6
        assert view.y > -1e-6 and view.y + view.scale * (height - 1) < source[0] - 1 + 1e-6


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**6))
def test_flow_follows_the_camera_and_labels_agree(seed: int) -> None:
    clip = random_collage(_reader(), seed, **SIZE, frames=16, noise=0.0)
    for index in (5, 9, 15):
        now, before = clip.frame(index), clip.frame(index - 1)
        assert _agreement(now, before) > 0.97
        camera = now.camera
        x, y = _back(now)
        # The background's flow is that of a pinhole whose lens shifts and zooms.
        ratio = camera.before.focal / camera.now.focal
        column, row = 3, 2
        if now.label[row, column] == SKY:
            expected = camera.before.cx + ratio * (column - camera.now.cx)
            assert abs(float(x[row, column]) - expected) < 1e-3
            expected = camera.before.cy + ratio * (row - camera.now.cy)
            assert abs(float(y[row, column]) - expected) < 1e-3


def test_same_seed_same_bytes() -> None:
    one, two = (random_collage(_reader(), 5, **SIZE, frames=20) for _ in range(2))
    other = random_collage(_reader(), 6, **SIZE, frames=20)
    assert one.events == two.events
    for index in (0, 11, 19):
        a, b = one.frame(index), two.frame(index)
        for name in ("rgb", "label", "flow", "occluded"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        short = two.labelled(index)
        np.testing.assert_array_equal(short.rgb, a.rgb)
        np.testing.assert_array_equal(short.label, a.label)
    assert (one.frame(0).rgb != other.frame(0).rgb).any()
    assert len(list(one)) == len(one) == 20


def test_noise_is_new_in_every_frame() -> None:
    still = _by_hand((0.0, 0.0), noise=3.0)
    clean = _by_hand((0.0, 0.0))
    first, second = (still.frame(i).rgb.astype(int) for i in (0, 1))
    assert 2.0 < float((first - clean.frame(0).rgb).std()) < 4.0
    assert 3.0 < float((first - second).std()) < 5.5


def test_short_clips_and_no_objects() -> None:
    assert random_collage(_reader(), 0, **SIZE, frames=3).events == ()
    assert random_collage(_reader(), 0, **SIZE, objects=0).events == ()


def test_arguments_are_checked() -> None:
    make = partial(random_collage, _reader())
    for wrong, said in (
        ({"seed": -1}, "seed -1"),
        ({"height": 4}, "collage of 4x256"),
        ({"camera": "drone"}, "use one of standing, pan, zoom"),
        ({"frames": 0}, "collage of 0 frames"),
        ({"objects": -1}, "-1 objects"),
        ({"noise": 1000.0}, "noise 1000"),
    ):
        with pytest.raises(InputError, match=said):
            make(**({"seed": 0} | wrong))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="two labelled frames or more"):
        random_collage(_reader(1), 0)
    with pytest.raises(InputError, match="the clip has frames 0 to 19"):
        random_collage(_reader(), 0, **SIZE, frames=20).frame(20)


def test_frames_without_objects_are_an_error() -> None:
    def load(entry: Entry) -> Sample:
        road = np.full((180, 240), ROAD, np.uint8)
        return Sample("road", np.zeros((180, 240, 3), np.uint8), road, "s", entry.index)

    reader = _reader()
    empty = Reader("roads", "all", CAMVID_CLASSES, None, reader.entries, load)
    with pytest.raises(InputError, match="roads: no whole object to cut out fits"):
        random_collage(empty, 0)


def test_as_a_source_of_frames(shared_data: Path, camvid: Reader[Sample]) -> None:
    size = {"height": 64, "width": 128, "limit": 12}
    source = open_frames(f"collage:{shared_data / 'camvid'}", seed=4, **size)
    frames = list(source)
    assert len(frames) == 12 and source.fps == 15.0 and source.events
    assert all(f.label is not None and set(np.unique(f.label)) <= {*range(8), 255} for f in frames)
    real = open_frames(f"camvid:{shared_data / 'camvid'}", **size)
    assert real.fps == 15.0 and real.events == ()
    assert [f.rgb.shape for f in real] == [(64, 128, 3)] * 12
