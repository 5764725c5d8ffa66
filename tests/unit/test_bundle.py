"""A bundle tells whether another machine gives our integers, and refuses what was tampered with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from conversion.cases.networks import gate_case
from conversion.cases.small import dense_case
from conversion.graph_file import save_graph
from conversion.placement import Core, Part, Placement
from conversion.placement_file import save_placement
from loihi import lava_available
from sims.bundle.manifest import MANIFEST, digest
from sims.bundle.opened import open_bundle
from sims.inputs_file import load_arrays, save_arrays
from tests.unit.command import contents, depth_snn, refused

ROOT = Path(__file__).resolve().parents[2]
LAVA, WHY = lava_available()
FILES = ["README.txt", "expected.h5", "graph.h5", "inputs.h5", "manifest.json", "run_bundle.py"]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with graph.h5, inputs.h5 and their bundle as folder and zip."""
    folder = tmp_path_factory.mktemp("case")
    graph, inputs = dense_case()
    save_graph(graph, folder / "graph.h5")
    save_arrays(inputs, folder / "inputs.h5")
    for name in ("bundle", "bundle.zip"):
        done = depth_snn("bundle", folder / "graph.h5", folder / "inputs.h5", "--out",
                         folder / name)  # fmt: skip
        assert done.code == 0, done
    return folder


@pytest.fixture
def bundle(case: Path, tmp_path: Path) -> Path:
    """A copy of the bundle that a test may spoil."""
    return Path(shutil.copytree(case / "bundle", tmp_path / "bundle"))


def reseal(bundle: Path, change: Callable[[dict], None] = lambda manifest: None) -> None:
    """Make the manifest fit the files, as somebody who forges a bundle would."""
    manifest = json.loads((bundle / MANIFEST).read_text())
    for row in manifest["files"]:
        data = (bundle / row["name"]).read_bytes()
        row.update(size=len(data), sha256=digest(data))
    change(manifest)
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def test_the_same_files_give_the_same_bytes_and_nothing_but_what_a_bundle_holds(
    case: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.zip"
    done = depth_snn("bundle", case / "graph.h5", case / "inputs.h5", "--out", again)
    assert done.code == 0 and again.read_bytes() == (case / "bundle.zip").read_bytes()
    # An earlier bundle may be replaced.
    assert depth_snn("bundle", case / "graph.h5", case / "inputs.h5", "--out", again).code == 0
    assert contents(case / "bundle") == FILES
    with zipfile.ZipFile(again) as archive:
        assert archive.namelist() == FILES
        assert all((case / "bundle" / n).read_bytes() == archive.read(n) for n in FILES)


@pytest.mark.parametrize("engine", ["fast", "reference"])
@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_both_simulators_verify_it(case: Path, tmp_path: Path, engine: str, name: str) -> None:
    answer = tmp_path / "answer.json"
    done = depth_snn("verify", case / name, "--engine", engine, "--out", answer)
    assert done.code == 0, done
    found = json.loads(answer.read_text())
    graph, inputs = dense_case()
    steps = len(inputs["patch"]) + (max(graph.lags.values()) if engine == "reference" else 0)
    assert found["equal"] and [p["values"] for p in found["ports"]] == [steps * 6 * 4]
    assert found["bundle"] == digest((case / "bundle" / MANIFEST).read_bytes())
    assert found["engine"] == engine and found["chip"] is None


@pytest.mark.skipif(not LAVA, reason=f"running on Lava needs Lava: {WHY}")
def test_the_runner_works_on_lava_from_an_empty_folder_in_a_clean_process(
    case: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(case / "bundle.zip") as archive:
        archive.extractall(tmp_path / "received")
    (tmp_path / "empty").mkdir()
    done = subprocess.run(
        [sys.executable, tmp_path / "received" / "run_bundle.py", "--engine", "lava"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, cwd=tmp_path / "empty",
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert "0 of 168 integers of 1 ports differ on lava" in done.stdout
    answer = json.loads((tmp_path / "received" / "results.json").read_text())
    assert answer["equal"] and answer["versions"]["lava-nc"] and answer["seconds"] > 0
    assert contents(tmp_path / "empty") == []


def test_what_lies_beside_the_runner_is_not_imported_and_refused(bundle: Path) -> None:
    (bundle / "depth_snn.py").write_text("raise SystemExit(7)")
    done = subprocess.run(
        [sys.executable, bundle / "run_bundle.py", "--engine", "fast"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and "holds 'depth_snn.py'" in done.stderr, done
    (bundle / "depth_snn.py").rename(bundle / "more.txt")
    refused(depth_snn("verify", bundle, "--engine", "fast"), "'more.txt'", "no bundle does")
    (bundle / "more.txt").rename(bundle / "board.results.json")
    assert depth_snn("verify", bundle, "--engine", "fast").code == 0
    assert depth_snn("verify", bundle, "--engine", "fast").code == 0


def test_the_runner_says_what_to_install_where_the_package_is_missing(bundle: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", bundle / "run_bundle.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    made = json.loads((bundle / MANIFEST).read_text())
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert f"version {made['version']} (source commit {made['commit']})" in done.stderr
    assert "'.[lava]'" in done.stderr and "Python 3.10" in done.stderr


def test_one_wrong_integer_is_named_and_exits_with_2(bundle: Path) -> None:
    values = load_arrays(bundle / "expected.h5")
    values["0"][3, 2, 1] += 1
    save_arrays(values, bundle / "expected.h5")
    reseal(bundle)
    done = depth_snn("verify", bundle, "--engine", "fast")
    want = values["0"][3, 2, 1]
    assert done.code == 2 and f"out.out: 1 of 144 differ; first at step 3, [2, 1]: expected {want}, got {want - 1}" in done.out  # noqa: E501  # fmt: skip
    answer = json.loads((bundle / "results.json").read_text())
    assert not answer["equal"] and answer["ports"][0]["mismatches"] == 1


def test_ports_frames_and_placement_are_packed_as_asked(tmp_path: Path) -> None:
    graph, inputs = gate_case()
    save_graph(graph, tmp_path / "g.h5")
    save_arrays(inputs, tmp_path / "i.h5")
    words = ("bundle", tmp_path / "g.h5", tmp_path / "i.h5", "--frames", "2")
    assert depth_snn(*words, "--out", tmp_path / "few").code == 0
    few = open_bundle(tmp_path / "few")
    gate = graph.of_kind("RestoreGate")[0].name
    assert {f"{gate}.{port}" for port in ("out", "admitted", "ledger")} <= set(few.expected)
    assert few.manifest.frames == 2 and all(len(array) == 2 for array in few.inputs.values())
    assert depth_snn(*words, "--out", tmp_path / "all", "--all-ports", "--engine", "fast").code == 0
    every = open_bundle(tmp_path / "all")
    assert len(every.expected) > len(few.expected)
    assert all(len(values) == 2 for values in every.expected.values())


def test_a_placement_is_packed_and_must_fit_the_graph(case: Path, tmp_path: Path) -> None:
    words = ("bundle", case / "graph.h5", case / "inputs.h5", "--placement", tmp_path / "p.json")
    good = {"code": (Part(0, 0, 30),), "sum": (Part(0, 0, 24),)}
    save_placement(Placement((Core(0, 0, 0),), good), tmp_path / "p.json")
    assert depth_snn(*words, "--out", tmp_path / "b.zip").code == 0
    placement = open_bundle(tmp_path / "b.zip").placement
    assert placement is not None and placement.parts == good
    save_placement(Placement((Core(0, 0, 0),), {"code": (Part(0, 0, 30),)}), tmp_path / "p.json")
    refused(depth_snn(*words, "--out", tmp_path / "c.zip"), "'sum'", "place it")
    assert not (tmp_path / "c.zip").exists()


@pytest.mark.parametrize("name", sorted(set(FILES) - {MANIFEST}))
def test_a_changed_or_missing_file_is_refused_by_name(bundle: Path, name: str) -> None:
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)
    refused(depth_snn("verify", bundle, "--engine", "fast"), name, "SHA-256", "again")
    (bundle / name).unlink()
    refused(depth_snn("verify", bundle, "--engine", "fast"), name, "missing")
    assert not (bundle / "results.json").exists()


def spoiled(change: str) -> Callable[[dict], None]:
    """A forger's change of the manifest."""

    def apply(manifest: dict) -> None:
        row, port = manifest["files"][0], manifest["ports"][0]
        changes: dict[str, Callable[[], None]] = {
            "parent": lambda: row.update(name="../graph.h5"),
            "twice": lambda: manifest["files"].append(dict(row)),
            "huge": lambda: row.update(size=2**40),
            "digest": lambda: row.update(sha256="x"),
            "port": lambda: port.update(key="nobody.out"),
            "rows": lambda: port.update(rows=5),
            "late": lambda: port.update(first_step=2**30),
            "frames": lambda: manifest.update(frames=7),
            "version": lambda: manifest.update(format_version=2),
            "format": lambda: manifest.update(format="else"),
            "list": lambda: manifest.update(ports={}),
            "bool": lambda: manifest.update(frames=True),
        }
        changes[change]()

    return apply


@pytest.mark.parametrize(
    ("change", "words"),
    [("parent", "'../graph.h5'"), ("twice", "each once"), ("huge", "from 0 to"),
     ("digest", "64 hex"), ("port", "nobody.out"), ("rows", "out.out"), ("late", "out.out"),
     ("frames", "frames"), ("version", "version 2"), ("format", "not that of a bundle"),
     ("list", "list"), ("bool", "whole number")],
)  # fmt: skip
def test_a_forged_manifest_is_refused_in_one_line(bundle: Path, change: str, words: str) -> None:
    reseal(bundle, spoiled(change))
    refused(depth_snn("verify", bundle, "--engine", "fast"), words)


def test_a_folder_with_a_link_in_place_of_a_file_is_refused(bundle: Path) -> None:
    (bundle / "inputs.h5").rename(bundle.parent / "elsewhere.h5")
    (bundle / "inputs.h5").symlink_to(bundle.parent / "elsewhere.h5")
    refused(depth_snn("verify", bundle, "--engine", "fast"), "inputs.h5", "link")


def test_what_cannot_be_packed_is_refused_and_leaves_nothing(case: Path, tmp_path: Path) -> None:
    words = ("bundle", case / "graph.h5", case / "inputs.h5")
    refused(depth_snn(*words, "--out", tmp_path / "b", "--frames", "99"), "6 frames", "99")
    refused(depth_snn(*words, "--out", case), "not empty")
    refused(depth_snn(*words, "--out", case / "graph.h5"), "would replace")
    for name, said in (("other.zip", "is no bundle"), ("other", "is a file; name a new folder")):
        (tmp_path / name).write_text("other")
        refused(depth_snn(*words, "--out", tmp_path / name), said)
        assert (tmp_path / name).read_text() == "other"
        (tmp_path / name).unlink()
    refused(depth_snn("bundle", case / "graph.h5", tmp_path / "no.h5", "--out", tmp_path / "b"),
            "no.h5")  # fmt: skip
    assert contents(tmp_path) == []


def test_a_run_that_fails_leaves_no_older_answer(bundle: Path) -> None:
    assert depth_snn("verify", bundle, "--engine", "fast").code == 0
    inputs = load_arrays(bundle / "inputs.h5")
    save_arrays({**inputs, "more": inputs["patch"]}, bundle / "inputs.h5")
    reseal(bundle)
    refused(depth_snn("verify", bundle, "--engine", "fast"), "more")
    assert not (bundle / "results.json").exists()
