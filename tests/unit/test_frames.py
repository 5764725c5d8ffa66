"""Frame sources, on real files that the tests write and damage."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from depth_snn.data.frames import SCENES, open_frames
from depth_snn.data.scene import StreetScene
from depth_snn.errors import InputError

SIZE = {"height": 32, "width": 64}


def _encode(path: Path, frames: int = 30, options: dict[str, str] | None = None) -> Path:
    """Noise, so that every frame takes many bytes; brightness tells the frame's number."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options=options or {}) as out:
        stream = out.add_stream("mpeg4", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        stream.bit_rate = 4_000_000
        for index in range(frames):
            picture = rng.integers(0, 40, (64, 128, 3)) + 6 * index
            frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def _cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    short = path.with_name("cut" + path.suffix)
    short.write_bytes(data[: int(len(data) * share)])
    return short


def _error_of(spec: object, limit: int | None = None) -> str:
    with pytest.raises(InputError) as caught:
        list(open_frames(str(spec), **SIZE, limit=limit))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_video_frames_in_order_with_rate(tmp_path: Path) -> None:
    source = open_frames(str(_encode(tmp_path / "a.mp4")), **SIZE, limit=None)
    frames = list(source)
    assert source.fps == 25.0
    assert source.events == ()
    assert len(frames) == 30
    assert all(f.rgb.shape == (32, 64, 3) and f.rgb.dtype == np.uint8 for f in frames)
    assert all(f.label is None for f in frames)
    brightness = [float(f.rgb.mean()) for f in frames]
    np.testing.assert_allclose(brightness, [19.5 + 6 * k for k in range(30)], atol=5)
    assert len(list(source)) == 30  # a second pass starts again


def test_limit_stops_early(tmp_path: Path) -> None:
    path = _encode(tmp_path / "a.mp4")
    assert len(list(open_frames(str(path), **SIZE, limit=7))) == 7


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_cut_video_is_an_error_that_names_the_frame(tmp_path: Path, name: str) -> None:
    # Index first, as streamed files have it: otherwise a cut MP4 cannot be opened at all.
    options = {"movflags": "faststart"} if name.endswith("mp4") else {}
    path = _cut(_encode(tmp_path / name, options=options), 0.6)
    message = _error_of(path)
    assert "cut off after" in message
    count = int(message.split("after ")[1].split()[0])
    assert 10 <= count < 30
    assert len(list(open_frames(str(path), **SIZE, limit=count))) == count


def test_cut_video_without_index_cannot_be_opened(tmp_path: Path) -> None:
    assert "not a readable video" in _error_of(_cut(_encode(tmp_path / "a.mp4"), 0.6))


def test_unreadable_files(tmp_path: Path) -> None:
    junk = tmp_path / "junk.mp4"
    junk.write_bytes(bytes(range(256)) * 20)
    assert "not a readable video" in _error_of(junk)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert "empty" in _error_of(empty)
    assert "no such file" in _error_of(tmp_path / "absent.mp4")


def test_video_without_frames_and_without_video(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        sound.sample_rate = 8000
        out.mux(stream.encode(sound))
    assert "no video stream" in _error_of(path)
    none = tmp_path / "none.avi"
    with av.open(str(none), "w") as out:
        picture = out.add_stream("mpeg4", rate=Fraction(25))
        picture.width, picture.height, picture.pix_fmt = 128, 64, "yuv420p"
        out.start_encoding()
    assert "holds no frame" in _error_of(none)


def test_folder_is_sorted_naturally_and_resized(tmp_path: Path) -> None:
    for number, size in ((1, (64, 128)), (2, (40, 50)), (10, (16, 16))):
        image = np.zeros((*size, 3), np.uint8)
        image[..., 2] = number * 20  # red, in OpenCV's order
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), image)
    (tmp_path / "notes.txt").write_text("not an image")
    source = open_frames(str(tmp_path), **SIZE, limit=None)
    frames = [f.rgb for f in source]
    assert source.fps is None
    assert [f.shape for f in frames] == [(32, 64, 3)] * 3
    assert [int(f[5, 5, 0]) for f in frames] == [20, 40, 200]
    assert all(int(f[..., 1:].max()) == 0 for f in frames)
    assert len(list(open_frames(str(tmp_path), **SIZE, limit=2))) == 2


def test_bad_folders(tmp_path: Path) -> None:
    assert "holds no image" in _error_of(tmp_path)
    for content in (b"", b"\x89PNG broken"):
        (tmp_path / "0.png").write_bytes(content)
        assert "0.png: is not a readable image" in _error_of(tmp_path)


def test_scenes_by_name() -> None:
    source = open_frames("scene:street", **SIZE, limit=None, seed=3)
    frames = list(source)
    direct = StreetScene(3, **SIZE)
    assert len(frames) == 60
    assert source.events == direct.events
    assert any(e.kind == "pedestrian" for e in source.events)
    np.testing.assert_array_equal(frames[20].rgb, direct.frame(20).rgb)
    np.testing.assert_array_equal(frames[20].label, direct.frame(20).label)
    message = _error_of("scene:desert")
    assert all(name in message for name in SCENES)


@pytest.mark.parametrize("name", sorted(SCENES))
def test_every_scene_name_opens(name: str) -> None:
    assert len(list(open_frames(f"scene:{name}", **SIZE, limit=3))) == 3


def test_bad_numbers() -> None:
    with pytest.raises(InputError, match="limit 0"):
        open_frames("scene:street", **SIZE, limit=0)
    with pytest.raises(InputError, match="size 0x64"):
        open_frames("scene:street", height=0, width=64, limit=1)


def test_real_clip() -> None:
    clip = Path(__file__).resolve().parents[3] / "shared" / "data" / "clips" / "bikes.mp4"
    if not clip.is_file():
        pytest.skip("the real clip bikes.mp4 is not beside the project")
    source = open_frames(str(clip), height=128, width=256, limit=None)
    assert source.fps == 25.0
    assert sum(1 for _ in source) == 250
