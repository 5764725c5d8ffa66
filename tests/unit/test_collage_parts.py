"""What a collage is made of: cut-outs, what stands in front, and the camera's course."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from depth_snn.data.collage import CAMERAS
from depth_snn.data.collage.course import make_course, view_of
from depth_snn.data.collage.cutout import find_cutouts
from depth_snn.data.collage.nearness import foot_rows
from depth_snn.data.readers import CAMVID_CLASSES, Sample
from tests.unit.collage_streets import (
    CAR,
    PERSON,
    ROAD,
    agreement,
    by_hand,
    drawn_street,
)


def test_nearer_things_stand_in_front() -> None:
    label = np.full((60, 80), ROAD, np.uint8)
    label[10:40, 5:15], label[10:30, 40:50], label[0:50, 70:72] = CAR, CAR, PERSON
    feet = foot_rows(label, CAMVID_CLASSES)
    assert feet[20, 10] == 39 and feet[20, 45] == 29 and feet[0, 70] == 49 and feet[0, 0] == -1
    clip = by_hand(pace=(-2.0, 0.0), post=True)
    hidden = [int((clip.frame(i).label == PERSON).sum()) for i in range(4, 31)]
    # Eight pixels wide in front of a person ten wide: some of it shows on either side.
    assert hidden[0] == 200
    assert 30 <= min(hidden) <= 60
    assert all(agreement(clip.frame(i), clip.frame(i - 1)) == 1.0 for i in range(1, 31))


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
    sample = drawn_street(0)
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
    (cutout, *_) = find_cutouts(drawn_street(1), CAMVID_CLASSES)
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
