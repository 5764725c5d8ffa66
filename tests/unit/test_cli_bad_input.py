"""Whatever is wrong, a command says it in one line, exits with 1 and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from tests.unit.command import TINY, contents, depth_snn, refused

SMALL = (*TINY, "--frames", "2")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("missing.mp4", "no such file"),
        ("empty", "holds no image"),
        ("empty.mp4", "is empty"),
        ("text.mp4", "not a readable video"),
        ("scene:nowhere", "unknown scene"),
        ("broken", "not a readable image"),
    ],
)
def test_run_refuses_an_input(
    source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video", encoding="utf-8")
    refused(depth_snn("run", source, "--out", "out", *SMALL), source, said)
    assert "out" not in contents(tmp_path)


def cut_video(path: Path) -> None:
    """A video of 30 frames of noise that ends in the middle."""
    rng = np.random.default_rng(0)
    whole = path.with_name("whole.avi")
    with av.open(str(whole), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuvj420p"
        for _ in range(30):
            pixels = rng.integers(0, 255, (32, 64, 3)).astype(np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def test_run_refuses_a_truncated_video(tmp_path: Path) -> None:
    cut_video(tmp_path / "cut.avi")
    out = tmp_path / "out"
    refused(depth_snn("run", tmp_path / "cut.avi", "--out", out, *TINY), "cut.avi", "cut off")
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tau = 1", "unknown key 'tau'"),
        ("[gate]\nthreshold = 1", "unknown key 'threshold'"),
        ("tau_px = 'far'", "tau_px is 'far'; expected a number"),
        ("recovery = 'no'", "recovery is 'no'; expected true or false"),
        ("[gate]\ndv = 10.5", "dv is 10.5; expected a whole number"),
        ("[gate]\nhold = true", "hold is True; expected a whole number"),
        ("gate = 3", "expected a table"),
        ("token_rate = 1.5", "token_rate 1.5: expected"),
        ("token_rate = [0.1, 'a']", "token_rate [0.1, 'a']: expected"),
        ("[gate]\nvth = 0", "gate.vth 0 is outside"),
        ("tau_px = nan", "tau_px nan"),
        ("tau_stale = inf", "tau_stale inf"),
        ("= 1", "not valid TOML"),
    ],
)
def test_run_refuses_a_policy(text: str, said: str, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(text, encoding="utf-8")
    words = ("--out", tmp_path / "out", *SMALL, "--policy", policy)
    refused(depth_snn("run", "scene:street", *words), str(policy), said)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--network", "nonsense"], "there are: "),
        (["--network", "none.safetensors"], "none.safetensors: no such weights file"),
        (["--network", "text.safetensors"], "text.safetensors: not a readable weights file"),
        (["--policy", "none.toml"], "none.toml: no such file"),
        (["--budget", "none.toml"], "none.toml: no such file"),
        (["--budget", ""], "is a folder"),
        (["--budget", "wrong.toml"], "wrong.toml: unknown key 'energy'"),
        (["--token-rate", "1.5"], "--token-rate: expected"),
        (["--token-rate", "0.1,0.1,0.1"], "token_rate has 3 numbers; the network has 2 layers"),
        (["--token-rate", "-1"], "--token-rate"),
        (["--tau-px", "nan"], "--tau-px"),
        (["--frames", "0"], "--frames"),
        (["--seed", "-3"], "--seed"),
        (["--seed", "1.5"], "--seed"),
        (["--witness-frames", "-1"], "--witness-frames"),
        (["--engine", "loihi2"], "--engine"),
        (["--gate-body", "brian"], "--gate-body"),
        (["--json", "."], "--json .: is a folder"),
        (["--out", "text.safetensors"], "text.safetensors is not a folder"),
        (["--out", "text.safetensors/deep"], "text.safetensors is not a folder"),
        (["--colour"], "--colour"),
    ],
)
def test_run_refuses_an_option(
    words: Sequence[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.safetensors").write_text("no weights", encoding="utf-8")
    (tmp_path / "wrong.toml").write_text("format = 1\nenergy = 3\n", encoding="utf-8")
    before = contents(tmp_path)
    refused(depth_snn("run", "scene:street", "--out", "out", *SMALL, *words), said)
    assert contents(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Permissions do not stop the superuser, so the answer of the system stands in for them.
    monkeypatch.setattr("depth_snn.cli.common.os.access", lambda *_: False)
    done = depth_snn("run", "scene:street", "--out", tmp_path / "out", *SMALL)
    refused(done, str(tmp_path), "cannot be written")


def test_check_refuses(finished: Path, tmp_path: Path) -> None:
    run, text = finished / "run.h5", tmp_path / "text"
    text.write_text("no run", encoding="utf-8")
    refused(depth_snn("check", text, "--budget", "street"), "not a readable run file")
    other = finished / "graph.h5"
    refused(depth_snn("check", other, "--budget", "street"), "not a depth-snn-run file")
    refused(depth_snn("check", tmp_path / "none", "--budget", "street"), "no such file")
    refused(depth_snn("check", run, "--budget", tmp_path / "none"), "no such file")
    refused(depth_snn("check", run, "--budget", text), "not valid TOML")
    refused(depth_snn("check", run), "--budget")
    refused(depth_snn("check", run, "--budget", "street", "--json", tmp_path), "is a folder")


def test_convert_eval_and_train_refuse(tmp_path: Path) -> None:
    out = tmp_path / "out.h5"
    refused(depth_snn("convert", *TINY, "--out", out, "--calibrate", "none.mp4"), "none.mp4")
    refused(depth_snn("convert", *TINY, "--out", tmp_path), "is a folder")
    refused(depth_snn("convert", "--network", "nonsense", "--out", out), "nonsense")
    refused(depth_snn("eval", *TINY, "--scenes", "nonsense"), "scene:nonsense: unknown scene")
    refused(depth_snn("eval", *TINY, "--scenes", "street,nonsense"), "scene:nonsense")
    refused(depth_snn("eval", *TINY, "--scenes", ","), "names no scene")
    weights = tmp_path / "x.safetensors"
    refused(depth_snn("train", "tiny", "--out", tmp_path / "x.bin"), "x.bin", ".safetensors")
    out = weights / "y.safetensors"
    refused(depth_snn("train", "tiny", "--out", out, "--steps", "0"), "--steps")
    refused(depth_snn("train", "large", "--out", weights), "large")
    refused(depth_snn("train", "tiny", "--out", weights, "--seed", "-1"), "--seed")
    refused(depth_snn("train", "--out", weights), "needs a recipe")
    weights.mkdir()
    refused(depth_snn("train", "tiny", "--out", weights), "is a folder")
    assert contents(tmp_path) == ["x.safetensors"]


def test_a_policy_that_pools_tokens_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    policy, out = tmp_path / "pool.toml", tmp_path / "out"
    policy.write_text('static = "downsample"\n')
    done = depth_snn("run", "scene:street", "--out", out, *TINY, "--policy", policy)
    refused(done, "static is 'downsample'", "expected 'reuse'")
    assert not out.exists()
