"""`depth-snn search` from the first evaluation to a policy that `depth-snn run` takes."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from depth_snn.cli.search.judged import Reported
from depth_snn.cli.search.session import Session
from depth_snn.cli.search.shown import summary_line
from depth_snn.config import PolicyConfig
from depth_snn.data.scene import SCENES
from depth_snn.figures import load_figures
from depth_snn.search.clips import HELD_OUT_SEEDS, SEARCH_SEEDS
from tests.unit.command import Done, contents, depth_snn, refused

PATCH = 'motion = "patch"\ntau_stale = 4.0\ntau_px = 1.0\n'
EVALUATIONS = 16
WRITTEN = ["front.csv", "front.json", "front.png", "grid.sqlite", "heldout.sqlite", "policies",
           "search.json", "search.sqlite"]  # fmt: skip


def search(folder: Path, *words: str | Path) -> Done:
    """A search of seconds on one short scene."""
    policy = folder.parent / "patch.toml"
    policy.write_text(PATCH, encoding="utf-8")
    given = ("--network", "tiny", "--policy", policy, "--genome", "proposal", "--out", folder)
    small = ("--scenes", "driving-day", "--frames", "6", "--heldout-seeds", "2", "--front", "2")
    return depth_snn("search", *given, *small, "--evaluations", str(EVALUATIONS), *words)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    folder = tmp_path_factory.mktemp("search") / "out"
    figures = folder.parent / "figures.json"
    return folder, search(folder, "--compare", "random", "--json", figures)


def results(folder: Path) -> dict[str, object]:
    """What of a search does not depend on time."""
    summary = json.loads((folder / "search.json").read_text(encoding="utf-8"))
    for session in summary["searches"].values():
        del session["seconds"], session["evaluation_seconds"]
    return {"summary": summary, "csv": (folder / "front.csv").read_text(encoding="utf-8")}


def test_everything_is_written_and_printed(found: tuple[Path, Done]) -> None:
    folder, done = found
    assert done.code == 0 and not done.err, done
    assert contents(folder) == sorted([*WRITTEN, "random"])
    assert contents(folder / "random") == ["front.csv", "front.json", "search.sqlite"]
    for words in ("mocma, front", "random, front", "base policy", "knee: point", "optimism"):
        assert words in done.out, words
    summary = results(folder)["summary"]
    assert isinstance(summary, dict)
    for session in summary["searches"].values():
        assert session["evaluations"] == EVALUATIONS == sum(session["statuses"].values())
    assert (folder / "front.png").read_bytes().startswith(b"\x89PNG")
    figures = load_figures(folder.parent / "figures.json")
    assert figures["search_run_evaluations"].value == EVALUATIONS


def test_the_table_of_the_front_agrees_with_itself(found: tuple[Path, Done]) -> None:
    folder, _ = found
    document = json.loads((folder / "front.json").read_text(encoding="utf-8"))
    with (folder / "front.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    summary = json.loads((folder / "search.json").read_text(encoding="utf-8"))
    assert len(rows) == len(document["points"]) > 0
    gaps = []
    for row, point in zip(rows, document["points"], strict=True):
        assert float(row["heldout_loss"]) == point["heldout_loss"]
        gaps.append(point["heldout_loss"] - point["search_loss"])
    optimism = summary["searches"]["mocma"]["optimism"]
    assert math.isclose(optimism, sum(gaps) / len(gaps) / 100, abs_tol=1e-12)
    chosen = {rule for row in rows for rule in row["chosen"].split("+") if rule}
    assert chosen == {"weighted", "knee"} == set(summary["chosen"])


def test_a_written_policy_is_the_one_reported_and_runs(found: tuple[Path, Done]) -> None:
    folder, _ = found
    points = json.loads((folder / "front.json").read_text(encoding="utf-8"))["points"]
    (knee,) = (point for point in points if "knee" in point["chosen"])
    path = folder / "policies" / "knee.toml"
    assert f"point {knee['candidate']}," in path.read_text(encoding="utf-8")
    policy = PolicyConfig.load(path)
    assert policy.token_rate == (knee["gene_token_rate"],) and policy.motion == "patch"
    assert math.isclose(policy.tau_stale / 4.0, knee["gene_tau"], rel_tol=1e-3)
    out = folder.parent / "run"
    done = depth_snn(
        "run", "scene:street", "--network", "tiny", "--frames", "3", "--policy", path, "--out", out,
        "--witness-frames", "0",
    )  # fmt: skip
    assert done.code == 0 and (out / "verdict.json").is_file(), done


def test_resuming_a_finished_search_evaluates_nothing_and_says_the_same(
    found: tuple[Path, Done],
) -> None:
    folder, _ = found
    before = results(folder)
    stores = {path: path.stat().st_size for path in folder.rglob("*.sqlite")}
    done = search(folder, "--compare", "random", "--resume")
    assert done.code == 0, done
    assert results(folder) == before
    assert {path: path.stat().st_size for path in folder.rglob("*.sqlite")} == stores


def test_another_search_into_the_same_folder_is_refused(found: tuple[Path, Done]) -> None:
    folder, _ = found
    before = results(folder)
    refused(search(folder), "a search is there", "--resume")
    refused(search(folder, "--resume", "--seed", "5"), "search.sqlite")
    assert results(folder) == before


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--objectives", "beauty"], ["--objectives beauty", "loss"]),
        (["--objectives", "loss,loss"], ["loss,loss"]),
        (["--scenes", "moon"], ["moon", "standing-day"]),
        (["--frames", "2"], ["frames 2"]),
        (["--compare", "mocma"], ["--compare mocma"]),
        (["--compare", "luck"], ["luck", "nsga2"]),
        (["--workers", "2", "--dask", "tcp://x:1"], ["--workers", "--dask"]),
        (["--evaluations", "3"], ["--evaluations 3", "7 or more"]),
        (["--objectives", "loss"], ["mocma needs 2 to 4 objectives"]),
        (["--objectives", "loss,macs,burst_loss", "--compare", "comocma"], ["comocma needs 2"]),
        (["--heldout-seeds", "99999"], ["99999 sets"]),
        (["--policy", "pools.toml", "--target", "loihi2"], ["static", "'reuse'"]),
        (["--policy", "none.toml"], ["none.toml", "no such file"]),
        (["--resume"], ["--resume", "search.sqlite"]),
    ],
)
def test_bad_settings_are_one_line(words: list[str], parts: list[str], tmp_path: Path) -> None:
    (tmp_path / "pools.toml").write_text(f'{PATCH}static = "downsample"\n', encoding="utf-8")
    words = [str(tmp_path / word) if word == "pools.toml" else word for word in words]
    done = search(tmp_path / "out", *words)
    refused(done, *parts)
    assert not (tmp_path / "out").exists()


def test_a_store_where_a_comparison_goes_is_refused_before_the_search(tmp_path: Path) -> None:
    left = tmp_path / "out" / "random" / "search.sqlite"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"")
    refused(search(tmp_path / "out", "--compare", "random"), "a search is there", "random")
    assert contents(tmp_path / "out") == ["random"]


def test_without_loss_there_is_no_optimism_to_print() -> None:
    session = Session("mocma", Path(), (), np.zeros(2), 9, {"ok": 9}, 0.5, (), 1.0, 1.0)
    nothing = float("nan")
    line = summary_line(Reported(session, (), (), nothing, nothing, 0.4))
    assert line.startswith("mocma: hypervolume 0.4") and "nan" not in line
    assert "optimism 0.1000 mIoU" in summary_line(Reported(session, (), (), 0.1, 0.0, 0.4))


def test_held_out_clips_are_not_those_of_the_search() -> None:
    assert not set(HELD_OUT_SEEDS) & set(SEARCH_SEEDS)
    assert "standing-day" in SCENES
