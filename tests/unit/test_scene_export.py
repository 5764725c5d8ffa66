"""`depth-snn scene`: what it writes is the scene, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from depth_snn.data.classes import CLASS_NAMES, IGNORE, PALETTE
from depth_snn.data.frames import open_frames
from depth_snn.data.scene import DOMAINS, SCENES, StreetScene
from depth_snn.data.scene.export import export_scene
from depth_snn.data.scene.picture import colour_flow, colour_labels
from depth_snn.data.scene.sheet import SHEETS, make_sheet
from depth_snn.errors import InputError
from tests.unit.command import contents, depth_snn, refused

SMALL = ("--size", "32x64", "--frames", "4")


def _png(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def test_what_is_written_is_the_scene(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "clip"
    done = depth_snn(
        "scene", "render", "driving-cut", "--seed", "3", "--assets", "heldout", "--out", out, *SMALL
    )
    assert done.code == 0 and not done.err, done
    assert "cut: frames 2 to 2" in done.out and str(out) in done.out
    assert contents(tmp_path / "deep") == ["clip"]
    scene = SCENES["driving-cut"].build(3, height=32, width=64, frames=4, assets="heldout")
    for frame in scene:
        name = f"{frame.index:06d}"
        rgb = cv2.cvtColor(_png(out / "rgb" / f"{name}.png"), cv2.COLOR_BGR2RGB)
        np.testing.assert_array_equal(rgb, frame.rgb)
        np.testing.assert_array_equal(_png(out / "label" / f"{name}.png"), frame.label)
        hidden = _png(out / "occluded" / f"{name}.png")
        np.testing.assert_array_equal(hidden == 255, frame.occluded)
        with np.load(out / "flow" / f"{name}.npz") as file:
            assert file["flow"].dtype == np.float32
            np.testing.assert_array_equal(file["flow"], frame.flow)
    camera, events, facts = (
        json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("camera", "events", "scene")
    )
    assert [c["now"]["z"] for c in camera] == [p.z for p in scene.poses]
    assert [e["kind"] for e in events] == [e.kind for e in scene.events]
    assert (facts["name"], facts["seed"], facts["assets"]) == ("driving-cut", 3, "heldout")
    assert (facts["height"], facts["width"], facts["frames"]) == (32, 64, 4)
    assert facts["classes"] == list(CLASS_NAMES) and facts["ignore"] == IGNORE


def test_the_video_opens_as_a_clip(tmp_path: Path) -> None:
    for words in (("--size", "33x65", "--frames", "3"), SMALL):
        assert (
            depth_snn("scene", "render", "scene:street", "--out", tmp_path / "a", *words).code == 0
        )
        with av.open(str(tmp_path / "a" / "video.mp4")) as container:
            assert container.streams.video[0].average_rate == 15
    video = tmp_path / "a" / "video.mp4"
    frames = list(open_frames(str(video), height=32, width=64))
    assert len(frames) == 4
    folder = list(open_frames(str(tmp_path / "a" / "rgb"), height=32, width=64))
    for near, true in zip(frames, folder, strict=True):
        assert np.abs(near.rgb.astype(int) - true.rgb).mean() < 8


def test_an_earlier_export_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "clip"
    assert depth_snn("scene", "render", "street", "--out", out, *SMALL).code == 0
    (out / "rgb" / "stale.png").touch()
    assert depth_snn("scene", "render", "driving", "--out", out, *SMALL).code == 0
    assert len(contents(out / "rgb")) == 4
    assert json.loads((out / "scene.json").read_text(encoding="utf-8"))["name"] == "driving"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").touch()
    refused(depth_snn("scene", "render", "street", "--out", mine, *SMALL), str(mine), "other files")
    assert contents(mine) == ["thesis.txt"]


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int) -> None:
        if done == 2:
            raise InterruptedError("stopped")

    scene = StreetScene(0, height=32, width=64, frames=4)
    with pytest.raises(InterruptedError):
        export_scene(scene, tmp_path / "clip", {}, stop)
    assert contents(tmp_path) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        export_scene(scene, tmp_path / "file", {})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("render", "desert", "--out", "x"), ("desert", "driving-rain")),
        (("render", "street", "--out", "x", "--size", "8x8"), ("--size", "128x256")),
        (("render", "street", "--out", "x", "--size", "big"), ("--size", "128x256")),
        (("render", "street", "--out", "x", "--frames", "0"), ("--frames",)),
        (("render", "driving-cut", "--out", "x", "--frames", "1"), ("--frames 1", "at least 2")),
        (("render", "street", "--out", "x", "--assets", "new"), ("--assets", "heldout")),
        (("render", "street"), ("--out",)),
        (("sheet", "noon", "--out", "x"), ("noon", "low_sun")),
        ((), ("ACTION",)),
    ],
)
def test_wrong_words(
    words: tuple[str, ...], said: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(depth_snn("scene", *words), *said)
    assert contents(tmp_path) == []


def test_list_names_every_scene() -> None:
    lines = depth_snn("scene", "list").out.splitlines()
    assert [line.split()[0] for line in lines] == list(SCENES)


def test_help_shows_examples_that_parse(capsys: pytest.CaptureFixture[str]) -> None:
    assert depth_snn("scene", "--help").code == 0
    from depth_snn.cli.main import build_parser
    from depth_snn.cli.scene import EXAMPLE

    lines = [line for line in EXAMPLE.splitlines() if line.startswith("  depth-snn scene")]
    assert len(lines) >= 4
    for line in lines:
        words = line.strip().split("   ")[0].split()[1:]
        build_parser("scene").parse_args(words)


def test_sheets_show_every_domain(tmp_path: Path) -> None:
    assert set(DOMAINS) | {"shake", "traffic", "static", "cut"} == set(SHEETS)
    assert make_sheet("fog", (16, 32)).shape == (3 * 16 + 8, 3 * 32 + 8, 3)
    done = depth_snn("scene", "sheet", "day", "cut", "--size", "32x64", "--out", tmp_path)
    assert done.code == 0
    assert contents(tmp_path) == ["cut.jpg", "day.jpg"]
    assert _png(tmp_path / "day.jpg").shape == (3 * 32 + 8, 3 * 64 + 8, 3)


def test_colours() -> None:
    label = np.array([[0, 6, IGNORE]], np.uint8)
    np.testing.assert_array_equal(colour_labels(label)[0], [PALETTE[0], PALETTE[6], (0, 0, 0)])
    flow = np.zeros((4, 6, 2), np.float32)
    flow[:, :3, 0], flow[:, 3:5, 0] = 5.0, -5.0
    hidden = np.zeros((4, 6), bool)
    hidden[0] = True
    shown = colour_flow(flow, hidden)
    assert (shown[1, 5] == 255).all()
    right, left = shown[1, 0].astype(int), shown[1, 3].astype(int)
    assert right.argmax() == 0 and left.argmin() == 0
    assert set(np.unique(shown[0])) <= {40, 110}
