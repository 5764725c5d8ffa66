"""`depth-snn run` with a policy set: it follows the scene, the graph stays, the record says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from depth_snn.adapt.build import Choice, build_set
from depth_snn.adapt.library import MAX_DOMAINS, PolicySet
from depth_snn.adapt.library_file import save_set, shipped_set
from depth_snn.adapt.statistics import Statistics, statistics_macs
from depth_snn.cli.chain.policies import load_policies
from depth_snn.cli.chain.setup import load_policy, policy_file, prepare
from depth_snn.config import PolicyConfig
from depth_snn.data.frames import open_frames
from depth_snn.errors import ConfigError
from depth_snn.pruning.pipeline import Pipeline
from sims.record_file import load_record
from tests.unit.command import TINY, depth_snn, refused

Floats = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
DAY, NIGHT = "day", "night"


def clip(domain: str, seed: int, count: int) -> list[Image]:
    source = open_frames(f"scene:standing-{domain}", height=32, width=64, limit=count, seed=seed)
    return [frame.rgb for frame in source]


def looks_of(domain: str) -> Floats:
    rows = []
    for seed in range(4):
        statistics = Statistics(32, 64)
        rows += [statistics.measure(rgb) for rgb in clip(domain, seed, 3)]
    return np.array(rows)


@pytest.fixture(scope="module")
def tiny_set() -> PolicySet:
    base = load_policy(None, "tiny")
    quiet = replace(base, tau_stale=40.0, tau_px=4.0)
    chosen = {DAY: Choice(base, 0.0, 0.0), NIGHT: Choice(quiet, 0.0, 0.0)}
    made = build_set("tiny", base, chosen, {name: looks_of(name) for name in chosen})
    # Few streets make narrow radii; what is tested here is that a run follows.
    return replace(made, domains=tuple(replace(d, radius=50.0) for d in made.domains))


@pytest.fixture(scope="module")
def done(tiny_set: PolicySet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames of a day and eight of a night in one clip."""
    folder = tmp_path_factory.mktemp("adapt")
    save_set(tiny_set, folder / "set.toml")
    (folder / "clip").mkdir()
    for index, rgb in enumerate([*clip(DAY, 9, 6), *clip(NIGHT, 9, 8)]):
        assert cv2.imwrite(str(folder / "clip" / f"{index:03d}.png"), rgb[..., ::-1])
    ran = depth_snn("run", folder / "clip", *TINY, "--policy", folder / "set.toml",
                    "--out", folder / "out")  # fmt: skip
    assert ran.code == 0, ran.err
    (folder / "said.txt").write_text(ran.out)
    return folder


def test_the_run_follows_and_its_witnesses_agree(done: Path, tiny_set: PolicySet) -> None:
    record = load_record(done / "out" / "run.h5")
    told = record.policy
    assert set(told["policies"]) == {DAY, NIGHT}
    assert sum(p["frames"] for p in told["policies"].values()) == record.frames == 14
    assert told["policies"][NIGHT]["tau_stale"] == 40.0
    first, second = told["policy_changes"]
    assert first["policy"] == DAY and second["policy"] == NIGHT and 7 <= second["frame"] <= 11
    assert all(w["mismatches"] == 0 for w in record.witnesses.values())
    assert record.witnesses["gates_runtime_vs_graph"]["frames"] == 14
    assert record.policy["tau_stale"] == tiny_set.base.tau_stale
    verdict = json.loads((done / "out" / "verdict.json").read_text())
    assert verdict["policy"]["policy_changes"] == told["policy_changes"]
    assert "policy_changes" in (done / "out" / "report.html").read_text()
    said = (done / "said.txt").read_text()
    assert "policies   day on " in said and "; 1 change\n" in said


def test_statistics_are_charged(done: Path, tiny_set: PolicySet) -> None:
    setup = prepare("tiny", tiny_set.base)
    asked = Pipeline(setup.model, setup.policy, setup.prices, setup.judge).decider.gate_macs
    charged = load_record(done / "out" / "run.h5").macs["gate"]
    assert (charged == asked + statistics_macs(32, 64)).all()


def test_files_are_told_apart_by_their_content(done: Path, tmp_path: Path) -> None:
    assert isinstance(load_policies(str(done / "set.toml"), "tiny"), PolicySet)
    (tmp_path / "set.toml").write_text("tau_stale = 3.0\n")
    single = load_policies(str(tmp_path / "set.toml"), "tiny", tau_px=2.0)
    assert single == PolicyConfig(tau_stale=3.0, tau_px=2.0)
    changed = load_policies(str(done / "set.toml"), "tiny", motion="patch", head_rate=None)
    assert isinstance(changed, PolicySet)
    assert {p.motion for p in changed.policies().values()} == {"patch"}
    assert load_policies(None, "tiny") == load_policy(None, "tiny")


def test_shipped_sets_by_name() -> None:
    for file in shipped_set("small").parent.glob("*_set.toml"):
        network = file.stem.removesuffix("_set")
        assert isinstance(load_policies(file.stem, network), PolicySet)
        assert policy_file(file.stem) == policy_file(file.name) == file
    assert load_policies(None, "small") == load_policies("small_set", "small")
    assert load_policies("small", "small") == load_policy(None, "small")
    for nobody in ("nobody_set", "../small_set"):
        with pytest.raises(ConfigError, match="no such file"):
            load_policies(nobody, "small")


def test_what_is_refused(done: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    (tmp_path / "plain.toml").write_text("tau_stale = 3.0\n")
    clip_of = ("run", done / "clip", *out)
    refused(depth_snn(*clip_of, *TINY, "--policy", tmp_path / "plain.toml", "--evolve", 5),
            "--evolve", "policy set")  # fmt: skip
    refused(depth_snn(*clip_of, "--network", "street", "--policy", done / "set.toml"),
            "set.toml", "'tiny'", "'street'")  # fmt: skip
    (tmp_path / "broken.toml").write_text("format = 1\nfallback = 3\n")
    refused(depth_snn(*clip_of, *TINY, "--policy", tmp_path / "broken.toml"), "broken.toml")
    refused(depth_snn("library", "--keep", tmp_path / "w", "--out", tmp_path / "x.toml",
                      "--domains", "day,mars"), "--domains", "'mars'")  # fmt: skip
    assert not (tmp_path / "out").exists() and not (tmp_path / "w").exists()


def test_a_run_may_search(done: Path, tmp_path: Path, tiny_set: PolicySet) -> None:
    narrow = replace(tiny_set, domains=tuple(replace(d, radius=1e-6) for d in tiny_set.domains))
    save_set(narrow, tmp_path / "set.toml")
    ran = depth_snn("run", "scene:standing-fog", *TINY, "--policy", tmp_path / "set.toml",
                    "--out", tmp_path / "out", "--frames", 14, "--evolve", 4,
                    "--witness-frames", 0)  # fmt: skip
    assert ran.code == 0, ran.err
    record = load_record(tmp_path / "out" / "run.h5")
    assert record.policy["policy_changes"][0]["domain"] == "unknown"
    assert record.policy["evolution"]["searches"] == 1
    assert record.witnesses["gates_runtime_vs_graph"]["mismatches"] == 0
    assert "evolution  1 searches" in ran.out


def test_a_library_that_cannot_be_searched_leaves_nothing(tmp_path: Path) -> None:
    words = ("library", *TINY, "--keep", tmp_path / "kept", "--domains", "day")
    refused(depth_snn(*words, "--out", tmp_path / "set.toml", "--evaluations", 5),
            "--evaluations 5", "7 or more")  # fmt: skip
    assert not (tmp_path / "kept").exists()
    kept = tmp_path / "kept" / "day.sqlite"
    refused(depth_snn(*words, "--out", kept), "--keep", "day.sqlite", "is --out too")


def test_a_set_without_a_place_left_is_not_searched_for(
    done: Path, tmp_path: Path, tiny_set: PolicySet
) -> None:
    day = tiny_set.domains[0]
    names = [f"day-{n}" for n in range(MAX_DOMAINS)]
    full = replace(tiny_set, domains=tuple(replace(day, name=name) for name in names))
    save_set(full, tmp_path / "set.toml")
    refused(depth_snn("run", done / "clip", *TINY, "--policy", tmp_path / "set.toml",
                      "--out", tmp_path / "out", "--evolve", 4),
            f"{MAX_DOMAINS} domains")  # fmt: skip


@pytest.mark.slow
def test_a_library_is_made_and_made_again_from_what_was_kept(tmp_path: Path) -> None:
    words = ("library", *TINY, "--domains", "day,night", "--evaluations", 10,
             "--keep", tmp_path / "kept")  # fmt: skip
    first = depth_snn(*words, "--out", tmp_path / "first.toml")
    assert first.code == 0, first.err
    made = load_policies(str(tmp_path / "first.toml"), "tiny")
    assert isinstance(made, PolicySet) and {d.name for d in made.domains} == {DAY, NIGHT}
    assert made.base == load_policy(None, "tiny") and made.fallback == "base"
    stamps = {p.name: p.stat().st_size for p in (tmp_path / "kept").glob("*.sqlite")}
    assert set(stamps) == {"day.sqlite", "night.sqlite"}
    again = depth_snn(*words, "--out", tmp_path / "again.toml")
    assert again.code == 0, again.err
    assert (tmp_path / "again.toml").read_bytes() == (tmp_path / "first.toml").read_bytes()
    assert {p.name: p.stat().st_size for p in (tmp_path / "kept").glob("*.sqlite")} == stamps
