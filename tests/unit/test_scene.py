"""The procedural street: repeatable, truthful about motion and labels, and with its events."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from depth_snn.data.classes import CLASS_NAMES, IGNORE, PALETTE, PEDESTRIAN, VEHICLE
from depth_snn.data.scene import ASSETS, DOMAINS, StreetScene, random_clip, sample_frames
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
    ("camera", "domain"), [("standing", "day"), ("driving", "day"), ("driving", "night")]
)
def test_same_seed_same_bytes_in_any_order(camera: str, domain: str) -> None:
    first = StreetScene(5, height=64, width=128, camera=camera, domain=domain, frames=12)
    again = StreetScene(5, height=64, width=128, camera=camera, domain=domain, frames=12)
    frames = list(first)
    for index in (7, 2, 11):
        new = again.frame(index)
        for name in ("rgb", "label", "flow", "occluded"):
            np.testing.assert_array_equal(getattr(new, name), getattr(frames[index], name))
        quick = again.labelled(index)
        np.testing.assert_array_equal(quick.rgb, new.rgb)
        np.testing.assert_array_equal(quick.label, new.label)
    other = StreetScene(6, height=64, width=128, camera=camera, domain=domain, frames=12)
    assert np.mean(other.frame(3).rgb != frames[3].rgb) > 0.5


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


@pytest.mark.parametrize("seed", range(4))
def test_street_shows_a_sudden_pedestrian(seed: int) -> None:
    scene = StreetScene(seed)
    event = scene.events[0]
    assert event.kind == "pedestrian"
    assert 16 <= event.first_frame <= 24
    assert event.first_frame < event.last_frame < 60
    x0, y0, x1, y1 = event.box
    assert y1 - y0 >= 25
    now = scene.frame(event.first_frame).label[y0:y1, x0:x1] == PEDESTRIAN
    old = scene.frame(event.first_frame - 4).label[y0:y1, x0:x1] == PEDESTRIAN
    assert now.sum() >= 60
    # Other people may cross behind; what counts is how much is suddenly there.
    assert (now & ~old).sum() >= 60
    assert now.sum() - old.sum() >= 60
    rows = np.nonzero(now.any(axis=1))[0]
    assert rows[-1] - rows[0] + 1 >= 20


def test_without_bursts_there_is_no_event() -> None:
    assert StreetScene(0, burst=False, frames=50).events == ()


def test_long_scenes_hold_all_kinds_of_events() -> None:
    scene = StreetScene(3, height=64, width=128, camera="driving", frames=160)
    assert [e.kind for e in scene.events] == ["pedestrian", "cut_in", "uncovered"]
    cut = scene.events[1]
    x0, y0, x1, y1 = cut.box
    label = scene.frame(cut.first_frame).label[y0:y1, x0:x1]
    assert float(np.mean(label == VEHICLE)) > 0.4


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
    means = [float(StreetScene(4, domain=d, frames=4).frame(1).rgb.mean()) for d in DOMAINS]
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


def test_wrong_arguments() -> None:
    for wrong in ({"camera": "flying"}, {"domain": "noon"}, {"assets": "new"}, {"frames": 0}):
        with pytest.raises(InputError, match=str(next(iter(wrong.values())))):
            StreetScene(0, **wrong)
    with pytest.raises(InputError, match="frame 3"):
        StreetScene(0, height=32, width=64, frames=3).frame(3)
    with pytest.raises(InputError, match="at least 1"):
        list(sample_frames(0, 0))
    assert not PALETTE.flags.writeable
