"""Sudden events: announced where and when they are seen, and not before."""

from __future__ import annotations

import numpy as np
import pytest

from depth_snn.data.classes import PEDESTRIAN, VEHICLE
from depth_snn.data.scene import CAMERAS, KINDS, SCENES, BurstEvent, StreetScene


def _box(image: np.ndarray, event: BurstEvent) -> np.ndarray:
    x0, y0, x1, y1 = event.box
    return image[y0:y1, x0:x1]


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
    scene = StreetScene(3, height=64, width=128, camera="driving", frames=250)
    assert [e.kind for e in scene.events] == list(KINDS)
    starts = [e.first_frame for e in scene.events]
    assert starts == sorted(starts)
    assert all(e.first_frame <= e.last_frame < 250 for e in scene.events)


@pytest.mark.parametrize("assets", ["known", "heldout"])
@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_event_is_seen_in_its_box(kind: str, camera: str, assets: str, seed: int) -> None:
    scene = StreetScene(seed, camera=camera, assets=assets, kinds=(kind,), noise=0.0)
    event = scene.events[0]
    assert event.kind == kind
    x0, y0, x1, y1 = event.box
    assert 0 <= x0 < x1 <= 256 and 0 <= y0 < y1 <= 128
    now = scene.labelled(event.first_frame)
    old = scene.labelled(event.first_frame - 6)
    if kind in ("pedestrian", "uncovered"):
        shown = _box(now.label, event) == PEDESTRIAN
        before = _box(old.label, event) == PEDESTRIAN
        assert shown.mean() > 0.15
        assert (shown & ~before).mean() > 0.12
    elif kind == "cut_in":
        assert np.mean(_box(now.label, event) == VEHICLE) > 0.4
        moved = np.abs(_box(now.rgb, event).astype(int) - _box(old.rgb, event)).mean()
        assert moved > 4
    else:
        just = scene.labelled(event.first_frame - 1)
        gain = _box(now.rgb, event).astype(float) - _box(just.rgb, event)
        # A lamp lights a part of its box, a flash all of it.
        assert np.percentile(gain, 97) > 20


@pytest.mark.parametrize("domain", ["dusk", "night", "rain", "fog", "low_sun"])
def test_lights_are_seen_to_go_on_in_every_domain(domain: str) -> None:
    scene = StreetScene(4, domain=domain, kinds=("light",), noise=0.0)
    event = scene.events[0]
    now, old = (scene.labelled(event.first_frame + k).rgb for k in (0, -1))
    gain = _box(now, event).astype(float) - _box(old, event)
    assert np.percentile(gain, 96) > 20
    assert event.box != (0, 0, 256, 128)


def test_a_cut_changes_the_whole_street() -> None:
    scene = SCENES["standing-cut"].build(2, height=64, width=128, frames=40)
    cuts = [e for e in scene.events if e.kind == "cut"]
    assert [(e.first_frame, e.last_frame, e.box) for e in cuts] == [(20, 20, (0, 0, 128, 64))]
    before, first, second = (scene.frame(k) for k in (19, 20, 21))
    assert first.occluded.all() and not first.flow.any()
    assert not second.occluded.all()
    assert first.camera.before == before.camera.now
    change = np.abs(first.rgb.astype(int) - before.rgb).mean()
    assert change > 3 * np.abs(second.rgb.astype(int) - first.rgb).mean()
    assert [f.index for f in (before, first, second)] == [19, 20, 21]
    assert len(scene.poses) == 40


def test_a_shaken_camera_shakes_and_no_other_does() -> None:
    still, shaken = (
        SCENES[name].build(2, height=64, width=128, frames=40)
        for name in ("static", "standing-shake")
    )
    assert len({(p.cx, p.cy) for p in still.poses}) == 1
    steps = np.diff([(p.cx, p.cy) for p in shaken.poses], axis=0)
    assert 0.3 < np.abs(steps).mean() < 4
    flow = shaken.frame(9).flow
    np.testing.assert_allclose(np.median(flow, axis=(0, 1)), -steps[8], atol=0.05)


def test_heavy_traffic_shows_more_vehicles() -> None:
    shares = {}
    for name in ("driving-day", "driving-traffic"):
        labels = [
            SCENES[name].build(s, height=64, width=128, frames=20).labelled(k).label
            for s in range(5)
            for k in (10,)
        ]
        shares[name] = float(np.mean(np.stack(labels) == VEHICLE))
    assert shares["driving-traffic"] > 1.1 * shares["driving-day"]
