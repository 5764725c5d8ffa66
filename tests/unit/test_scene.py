"""The procedural street: repeatable, truthful about motion and labels, and with its events."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from depth_snn.data.classes import (
    CLASS_NAMES,
    IGNORE,
    PALETTE,
    PEDESTRIAN,
    POLE,
    ROAD,
    SIDEWALK,
    VEHICLE,
)
from depth_snn.data.scene import (
    ASSETS,
    DOMAINS,
    SCENES,
    StreetScene,
    random_clip,
    sample_frames,
)
from depth_snn.data.scene.frame import Pose, SceneFrame
from depth_snn.data.scene.palette import HUES, KINDS
from depth_snn.errors import InputError


def _warp(image: np.ndarray, flow: np.ndarray, how: int) -> np.ndarray:
    rows, columns = np.indices(flow.shape[:2], dtype=np.float32)
    return cv2.remap(image, columns + flow[..., 0], rows + flow[..., 1], how)


def _pairs(scene: StreetScene, indices: range) -> list[tuple[SceneFrame, SceneFrame]]:
    return [(scene.frame(k - 1), scene.frame(k)) for k in indices]


def _errors(pairs: list[tuple[SceneFrame, SceneFrame]]) -> tuple[float, float, float]:
    """Mean photometric error without and with warping, and label agreement, where visible."""
    plain, warped, same, count = 0.0, 0.0, 0, 0
    for old, new in pairs:
        seen = ~new.occluded
        now = new.rgb.astype(np.float32)
        moved = _warp(old.rgb.astype(np.float32), new.flow, cv2.INTER_LINEAR)
        plain += float(np.abs(now - old.rgb)[seen].sum())
        warped += float(np.abs(now - moved)[seen].sum())
        same += int((_warp(old.label, new.flow, cv2.INTER_NEAREST) == new.label)[seen].sum())
        count += int(seen.sum())
    return plain, warped, same / count


@pytest.mark.parametrize(
    "name",
    ["street", "driving", "driving-night", "standing-rain", "driving-low_sun", "driving-shake",
     "standing-traffic", "standing-cut"],
)  # fmt: skip
def test_same_seed_same_bytes_in_any_order(name: str) -> None:
    first, again = (SCENES[name].build(5, height=64, width=128, frames=12) for _ in range(2))
    frames = list(first)
    for index in (7, 2, 11):
        quick = again.labelled(index)
        np.testing.assert_array_equal(quick.rgb, frames[index].rgb)
        np.testing.assert_array_equal(quick.label, frames[index].label)
        new = again.frame(index)
        for part in ("rgb", "label", "flow", "occluded"):
            np.testing.assert_array_equal(getattr(new, part), getattr(frames[index], part))
        assert new.camera == frames[index].camera
    other = SCENES[name].build(6, height=64, width=128, frames=12)
    assert np.mean(other.labelled(3).rgb != frames[3].rgb) > 0.5


@pytest.mark.parametrize("name", sorted(SCENES))
def test_flow_carries_labels_in_every_scene(name: str) -> None:
    """Rain, glare and wet ground do not move with things, so labels are the judge here."""
    scene = SCENES[name].build(1, height=128, width=256, frames=24)
    same = count = still = 0
    for old, new in _pairs(scene, range(5, 24, 7)):
        moved = _warp(old.label, new.flow, cv2.INTER_NEAREST)
        seen = ~new.occluded & (new.label != IGNORE) & (moved != IGNORE)
        assert set(np.unique(new.label)) <= {*range(len(CLASS_NAMES)), IGNORE}
        same += int((moved == new.label)[seen].sum())
        still += int((old.label == new.label)[seen].sum())
        count += int(seen.sum())
    assert same / count >= 0.98
    assert same > still


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_true_flow_explains_a_driving_picture(seed: int) -> None:
    scene = StreetScene(seed, camera="driving", noise=0.0, frames=40)
    plain, warped, agreement = _errors(_pairs(scene, range(8, 40, 8)))
    assert warped < plain * 2 / 3
    assert agreement >= 0.98


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_true_flow_explains_moving_things(seed: int) -> None:
    scene = StreetScene(seed, noise=0.0, frames=40)
    plain, warped, agreement = _errors(_pairs(scene, range(4, 40, 5)))
    assert warped < plain * 2 / 3
    assert agreement >= 0.98


def test_flow_of_resting_ground_matches_geometry() -> None:
    """One point of the road, projected into both cameras by hand."""
    scene = StreetScene(1, camera="driving", frames=8, noise=0.0)
    frame = scene.frame(5)
    now, before = frame.camera.now, frame.camera.before
    row, column = 120, 100
    depth = now.focal * now.y / (row + 0.5 - now.cy)
    x = now.x + (column + 0.5 - now.cx) * depth / now.focal
    old_depth = now.z + depth - before.z
    u = before.cx + before.focal * (x - before.x) / old_depth
    v = before.cy + before.focal * before.y / old_depth
    expected = (u - column - 0.5, v - row - 0.5)
    assert old_depth > depth
    np.testing.assert_allclose(frame.flow[row, column], expected, atol=1e-3)


def test_occlusion_is_what_a_mover_gives_free() -> None:
    """Under a still camera a resting point was hidden only where something moving stood."""
    scene = StreetScene(0, noise=0.0, frames=50)
    freed = kept = 0
    for old, new in _pairs(scene, range(20, 50, 6)):
        resting = ~new.flow.any(axis=2)
        movers = np.isin(old.label, (PEDESTRIAN, VEHICLE))
        hidden = new.occluded & resting
        near = cv2.dilate(movers.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        assert near[hidden].all()
        open_now = np.isin(new.label, (ROAD, SIDEWALK)) & resting & movers
        freed += int(open_now.sum())
        kept += int((open_now & new.occluded).sum())
    assert freed > 200
    assert kept / freed > 0.97


def test_flow_covers_swinging_limbs() -> None:
    """A run has parts that move more than the body and parts that move less."""
    scene = StreetScene(0, noise=0.0)
    event = scene.events[0]
    x0, y0, x1, y1 = event.box
    frame = scene.frame(event.first_frame + 2)
    area = (slice(y0, y1), slice(max(0, x0 - 20), x1 + 10))
    flow = frame.flow[area][frame.label[area] == PEDESTRIAN]
    assert len(flow) > 60
    assert float(flow[:, 0].max() - flow[:, 0].min()) > 1.5
    assert float(np.abs(flow[:, 1]).max()) > 0.2


@pytest.mark.parametrize("assets", ASSETS)
@pytest.mark.parametrize("domain", DOMAINS)
def test_all_looks_hold_all_classes(assets: str, domain: str) -> None:
    seen: set[int] = set()
    for camera in ("standing", "driving"):
        frame = StreetScene(2, camera=camera, domain=domain, assets=assets, frames=30).frame(24)
        assert frame.rgb.shape == (128, 256, 3)
        assert frame.label.shape == (128, 256)
        seen |= set(np.unique(frame.label).tolist())
    assert seen - {IGNORE} == set(range(len(CLASS_NAMES)))


def test_darkness_and_palettes_differ() -> None:
    means = [
        float(StreetScene(4, height=64, width=128, domain=d, frames=4).labelled(1).rgb.mean())
        for d in DOMAINS
    ]
    look = dict(zip(DOMAINS, means, strict=True))
    assert look["day"] > look["dusk"] > look["night"]
    for kind, bands in HUES["known"].items():
        for low, high in bands:
            assert all(high <= a or b <= low for a, b in HUES["heldout"][kind])
    for noun, kinds in KINDS["known"].items():
        assert set(kinds) & set(KINDS["heldout"][noun]) <= {"none"}


def test_noise_has_the_asked_strength() -> None:
    clean = StreetScene(1, noise=0.0, frames=3).frame(1).rgb.astype(float)
    noisy = StreetScene(1, noise=3.0, frames=3).frame(1).rgb.astype(float)
    middle = (clean > 20) & (clean < 235)
    assert float((noisy - clean)[middle].std()) == pytest.approx(3.0, rel=0.1)
    still = StreetScene(1, noise=0.0, frames=3)
    assert still.frame(0).camera.now == still.frame(2).camera.now == Pose(**vars(still.poses[0]))


def test_tiny_size() -> None:
    frames = list(StreetScene(0, height=32, width=64, frames=30))
    assert len(frames) == 30
    assert all(f.rgb.shape == (32, 64, 3) for f in frames)
    assert any((f.label == PEDESTRIAN).sum() > 8 for f in frames)
    assert not frames[0].flow.any()
    assert not frames[0].occluded.any()


def test_samples_are_many_streets() -> None:
    samples = list(sample_frames(1, 6, height=32, width=64, per_street=3))
    assert len(samples) == 6
    again = list(sample_frames(1, 6, height=32, width=64, per_street=3))
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(samples, again, strict=True))
    change = [np.abs(a.rgb.astype(int) - b.rgb).mean() for a, b in pairwise(samples)]
    assert min(change) > 1.0
    assert change[2] == max(change)  # the next street
    assert len(random_clip(7, height=32, width=64, frames=5)) == 5


def test_every_condition_is_sampled() -> None:
    clips = [random_clip(seed, height=16, width=32, frames=4) for seed in range(80)]
    scripts = [clip._script for clip in clips]
    drawn = [s.domain for s in scripts]
    assert set(drawn) == set(DOMAINS)
    assert max(set(drawn), key=drawn.count) == "day"
    assert {s.driving for s in scripts} == {True, False}
    assert sum(s.shake > 0 for s in scripts) > 4
    assert sum(s.traffic > 1.5 for s in scripts) > 8
    assert sum(any(e.kind == "cut" for e in c.events) for c in clips) > 0
    assert all(s.assets == "known" for s in scripts)


def test_small_classes_are_shown() -> None:
    shares = [
        np.bincount(f.label.ravel(), minlength=8)[: len(CLASS_NAMES)] / f.label.size
        for f in sample_frames(3, 24, per_street=4)
    ]
    people, poles = np.stack(shares)[:, [PEDESTRIAN, POLE]].T
    assert np.mean(people > 0.003) > 0.9
    assert np.mean(poles > 0.002) > 0.9


def test_what_cannot_be_seen_is_not_scored() -> None:
    day, fog, night = (
        StreetScene(7, camera="driving", domain=name, frames=20).labelled(10).label
        for name in ("day", "fog", "night")
    )
    assert not (day == IGNORE).any()
    thick = next(s for s in map(_foggy, range(9)) if s._first.style.haze_m < 20)
    frame = thick.frame(10)
    hidden = frame.label == IGNORE
    assert 0 < hidden.mean() < 0.3
    # Where it is hidden all is of one colour: the fog's, but for noise and the glow of lamps.
    low, high = np.percentile(frame.rgb[hidden], (10, 80), axis=0)
    assert (high - low).max() < 24
    assert (fog == IGNORE).mean() < 0.3
    assert (night == IGNORE).mean() < 0.3


def _foggy(seed: int) -> StreetScene:
    return StreetScene(seed, camera="driving", domain="fog", frames=20)


def test_wrong_arguments() -> None:
    for wrong in (
        {"camera": "flying"}, {"domain": "noon"}, {"assets": "new"}, {"frames": 0},
        {"shake": 0.5}, {"traffic": 9}, {"kinds": ("meteor",)},
    ):  # fmt: skip
        value = next(iter(wrong.values()))
        named = value[0] if isinstance(value, tuple) else str(value)
        with pytest.raises(InputError, match=named):
            StreetScene(0, **wrong)
    with pytest.raises(InputError, match="cut"):
        StreetScene(0, cut=True, frames=1)
    with pytest.raises(InputError, match="frame 3"):
        StreetScene(0, height=32, width=64, frames=3).frame(3)
    with pytest.raises(InputError, match="at least 1"):
        list(sample_frames(0, 0))
    assert not PALETTE.flags.writeable
