"""Collages: real texture with exact truth. The truth is checked by following it back in time."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depth_snn.data.collage import CAMERAS, random_collage
from depth_snn.data.frames import open_frames
from depth_snn.data.readers import CAMVID_CLASSES, Entry, Reader, Sample, open_camvid
from depth_snn.errors import InputError
from tests.unit.collage_streets import (
    PERSON,
    ROAD,
    SIZE,
    SKY,
    agreement,
    back,
    by_hand,
    drawn_reader,
    near_agreement,
    photometric,
)


@pytest.fixture(scope="module")
def camvid(shared_data: Path) -> Reader[Sample]:
    if not (shared_data / "camvid" / "train").is_dir():
        pytest.skip("needs CamVid beside the project (../shared/data/camvid), which is not here")
    return open_camvid(shared_data / "camvid", split="train")


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
        assert agreement(now, before) > 0.9, index
        assert near_agreement(now, before) > 0.99, index
        if np.abs(now.flow).mean() > 1:
            assert 1 - near_agreement(now, before) < 0.5 * (
                1 - near_agreement(now, before, sign=-1.0)
            ), index
        after, without = photometric(now, before)
        moved = float(np.abs(now.flow).max()) > 0.5
        assert after < (0.75 * without if moved and camera == "pan" else without + 0.5), index
        assert now.occluded.mean() < 0.25
        before = now


def test_a_standing_camera_and_whole_steps_are_exact() -> None:
    clip = by_hand(pace=(3.0, 0.0))
    for index in range(1, len(clip)):
        now, before = clip.frame(index), clip.frame(index - 1)
        assert agreement(now, before) == 1.0
        own = now.label == PERSON
        assert (now.flow[~own] == 0).all()
        if own.any() and index >= 4:
            np.testing.assert_allclose(now.flow[own], [[-1.5, 0.0]] * int(own.sum()), atol=1e-5)


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
    clip = by_hand(pace=(0.0, 0.0))
    event = clip.events[0]
    assert (event.first_frame, event.last_frame, event.kind) == (4, 30, "pedestrian")
    x0, y0, x1, y1 = event.box
    assert (x1 - x0, y1 - y0) == (10, 20)  # two source pixels each, and two to a picture pixel
    for index, hidden in ((3, False), (4, True), (5, False), (30, False), (31, True), (32, False)):
        occluded = clip.frame(index).occluded
        assert occluded[y0:y1, x0:x1].all() == hidden
        assert occluded.sum() == (200 if hidden else 0)


def test_it_leaves_the_picture() -> None:
    clip = by_hand(pace=(-9.0, 0.0))
    event = clip.events[0]
    assert event.last_frame < 30
    assert (clip.frame(event.last_frame).label == PERSON).any()
    assert not (clip.frame(event.last_frame + 1).label == PERSON).any()


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**6))
def test_flow_follows_the_camera_and_labels_agree(seed: int) -> None:
    clip = random_collage(drawn_reader(), seed, **SIZE, frames=16, noise=0.0)
    for index in (5, 9, 15):
        now, before = clip.frame(index), clip.frame(index - 1)
        assert agreement(now, before) > 0.97
        camera = now.camera
        x, y = back(now)
        # The background's flow is that of a pinhole whose lens shifts and zooms.
        ratio = camera.before.focal / camera.now.focal
        column, row = 3, 2
        if now.label[row, column] == SKY:
            expected = camera.before.cx + ratio * (column - camera.now.cx)
            assert abs(float(x[row, column]) - expected) < 1e-3
            expected = camera.before.cy + ratio * (row - camera.now.cy)
            assert abs(float(y[row, column]) - expected) < 1e-3


def test_same_seed_same_bytes() -> None:
    one, two = (random_collage(drawn_reader(), 5, **SIZE, frames=20) for _ in range(2))
    other = random_collage(drawn_reader(), 6, **SIZE, frames=20)
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
    still = by_hand((0.0, 0.0), noise=3.0)
    clean = by_hand((0.0, 0.0))
    first, second = (still.frame(i).rgb.astype(int) for i in (0, 1))
    assert 2.0 < float((first - clean.frame(0).rgb).std()) < 4.0
    assert 3.0 < float((first - second).std()) < 5.5


def test_short_clips_and_no_objects() -> None:
    assert random_collage(drawn_reader(), 0, **SIZE, frames=3).events == ()
    assert random_collage(drawn_reader(), 0, **SIZE, objects=0).events == ()


def test_arguments_are_checked() -> None:
    make = partial(random_collage, drawn_reader())
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
        random_collage(drawn_reader(1), 0)
    with pytest.raises(InputError, match="the clip has frames 0 to 19"):
        random_collage(drawn_reader(), 0, **SIZE, frames=20).frame(20)


def test_frames_without_objects_are_an_error() -> None:
    def load(entry: Entry) -> Sample:
        road = np.full((180, 240), ROAD, np.uint8)
        return Sample("road", np.zeros((180, 240, 3), np.uint8), road, "s", entry.index)

    reader = drawn_reader()
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
