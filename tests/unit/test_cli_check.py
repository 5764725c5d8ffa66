"""`depth-snn check` from the command line: exit codes, files, and one line for every fault."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest

from depth_snn.sealed import write_seal
from sims.inputs_file import save_arrays
from sims.junit import junit_text
from sims.record_file import FILE_KIND, load_record
from sims.verdict import load_verdict
from tests.unit.command import contents, depth_snn, refused

KEPT = 'format = 1\n[network]\nmacs_ratio_max = 9\n[layers."block*"]\nfiring_rate_max = 9\n'
BROKEN = 'format = 1\ntitle = "tight <&>"\n[network]\nmacs_ratio_max = 9\nmessages_mean_max = 1\n'


@pytest.fixture
def budgets(tmp_path: Path) -> Path:
    (tmp_path / "kept.toml").write_text(KEPT, encoding="utf-8")
    (tmp_path / "broken.toml").write_text(BROKEN, encoding="utf-8")
    return tmp_path


def test_several_budgets_one_verdict_and_one_junit_file(finished: Path, budgets: Path) -> None:
    out = budgets / "deep"
    words = ("--json", out / "v.json", "--junit", out / "j.xml")
    both = ("--budget", budgets / "kept.toml", "--budget", budgets / "broken.toml")
    done = depth_snn("check", finished / "run.h5", *both, *words)
    assert done.code == 2 and not done.err
    assert "PASS: all" in done.out and "FAIL: network.messages_mean_max exceeded" in done.out
    verdict = load_verdict(out / "v.json")
    assert (verdict["format"], verdict["passed"], verdict["exit_code"]) == (2, False, 2)
    assert [b["passed"] for b in verdict["budgets"]] == [True, False]
    cases = same_as_limits(out / "j.xml", verdict)
    (failed,) = [case for case in cases if case.find("failure") is not None]
    assert failed.get("name") == "network.messages_mean_max"
    limit = next(x for x in verdict["limits"] if not x["passed"])
    message = failed.find("failure").get("message")  # type: ignore[union-attr]
    assert message is not None and limit["observed_text"] in message
    assert f"worst frame {limit['worst_frame']}" in message and "allowed <= 1" in message
    assert depth_snn("check", finished / "run.h5", *both[:2]).code == 0


def same_as_limits(path: Path, verdict: dict) -> list[ElementTree.Element]:  # type: ignore[type-arg]
    """The cases of a JUnit file, after holding its numbers against the verdict's limits."""
    root = ElementTree.parse(path).getroot()
    suites = root.findall("testsuite")
    assert [s.get("name") for s in suites] == [
        b["title"] or b["source"] for b in verdict["budgets"]
    ]
    for suite, budget in zip(suites, verdict["budgets"], strict=True):
        limits = [x for x in verdict["limits"] if x["budget"] == budget["source"]]
        assert int(suite.get("tests", "-1")) == len(suite.findall("testcase")) == len(limits)
        failed = sum(not x["passed"] for x in limits)
        assert int(suite.get("failures", "-1")) == len(suite.findall("testcase/failure")) == failed
        assert suite.get("errors") == suite.get("skipped") == "0"
        names = {c.get("name") for c in suite.findall("testcase")}
        assert len(names) == len(limits), "services tell cases apart by name"
        assert all(any(x["layer"] in str(n) for n in names) for x in limits)
    return root.findall("testsuite/testcase")


def test_junit_has_the_elements_and_attributes_that_pytest_writes(
    finished: Path, budgets: Path
) -> None:
    body = "def test_a(): print('x')\ndef test_b(): assert 0\ndef test_c(missing): pass\n"
    (budgets / "test_theirs.py").write_text(body, encoding="utf-8")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly",
             "--junitxml", "theirs.xml", "-o", "junit_logging=all", "test_theirs.py"]  # fmt: skip
    subprocess.run(words, cwd=budgets, capture_output=True, check=False)
    theirs = allowed(ElementTree.parse(budgets / "theirs.xml").getroot())
    depth_snn("check", finished / "run.h5", "--budget", budgets / "broken.toml",
              "--junit", budgets / "ours.xml")  # fmt: skip
    error = ElementTree.fromstring(junit_text((), "run.h5", "why \x1b[1m & <b>"))
    for ours in (ElementTree.parse(budgets / "ours.xml").getroot(), error):
        for tag, attributes in allowed(ours).items():
            # pytest gives a failure no type; the schema that services read has it.
            assert attributes - {"type"} <= theirs[tag], tag
    assert error.find("testsuite/testcase/error").get("message") == "why \\x1b[1m & <b>"  # type: ignore[union-attr]


def allowed(root: ElementTree.Element) -> dict[str, set[str]]:
    """Attributes by element."""
    found: dict[str, set[str]] = {}
    for element in root.iter():
        found.setdefault(element.tag, set()).update(element.keys())
    return found


def test_quiet_prints_what_is_exceeded_and_nothing_else(finished: Path, budgets: Path) -> None:
    kept, broken = ("--budget", budgets / "kept.toml"), ("--budget", budgets / "broken.toml")
    done = depth_snn("check", finished / "run.h5", *kept, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")
    done = depth_snn("check", finished / "run.h5", *kept, *broken, "--quiet")
    assert done.code == 2 and len(done.out.splitlines()) == 1 and done.out.startswith("FAIL: ")


def test_propose_then_pass_then_refuse_to_overwrite(finished: Path, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "mine.toml"
    words = ("check", finished / "run.h5", "--propose", target)
    assert depth_snn(*words).code == 0
    text = target.read_text(encoding="utf-8")
    assert "plus 10 %" in text and "latency_ms_max" in text and "cores_max" in text
    assert depth_snn("check", finished / "run.h5", "--budget", target).code == 0
    refused(depth_snn(*words), "exists already", "--force")
    assert target.read_text(encoding="utf-8") == text
    assert depth_snn(*words, "--force", "--margin", "0").code == 0
    assert target.read_text(encoding="utf-8") != text
    assert depth_snn("check", finished / "run.h5", "--budget", target).code == 0
    assert contents(target.parent) == ["mine.toml"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), ("give --budget FILE",)),
        (("--budget", "kept.toml", "--margin", "5"), ("belong to --propose",)),
        (("--budget", "kept.toml", "--force"), ("belong to --propose",)),
        (("--propose", "p.toml", "--budget", "kept.toml"), ("leave out --budget",)),
        (("--propose", "p.toml", "--margin", "-5"), ("expected a percentage", "'-5'")),
        (("--propose", "p.toml", "--margin", "nan"), ("expected a percentage",)),
        (("--propose", "p.toml", "--margin", "ten"), ("expected a percentage",)),
        (("--propose", "."), ("is a folder",)),
        (("--budget", "kept.toml", "--junit", "."), ("is a folder",)),
        (("--budget", "kept.toml", "--junit", "a.out", "--json", "a.out"), ("is --json too",)),
        (("--budget", "kept.toml", "--budget", "kept.toml"), ("kept.toml: is given twice",)),
        (("--budget", "kept.toml", "--json", "kept.toml"), ("would replace kept.toml",)),
        (("--budget", "."), (".: is a folder",)),
        (("--budget", "none.toml"), ("none.toml: no such file",)),
        (("--budget", "bytes.toml"), ("bytes.toml: not UTF-8",)),
        (("--budget", "deep.toml"), ("deep.toml: not valid TOML",)),
        (("--budget", "empty.toml"), ("empty.toml: format is None",)),
        (("--budget", "bare.toml"), ("bare.toml: no limit in the file",)),
        (("--budget", "nan.toml"), ("nan.toml: network.macs_ratio_max is nan",)),
        (("--budget", "typo.toml"), ("did you mean 'macs_ratio_max'",)),
        (("--budget", "labels.toml", "--graph", "none.h5"), ("none.h5",)),
        (("--budget", "kept.toml", "--placement", "kept.toml"), ("kept.toml",)),
        (("--budget", "layer.toml"), ("no layer matches",)),
    ],
)  # fmt: skip
def test_every_fault_is_one_line(
    words: tuple[str, ...], said: tuple[str, ...], finished: Path, budgets: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name, text in (
        ("empty", ""), ("bare", "format = 1\n"), ("deep", "a = " + "[" * 5000 + "]" * 5000),
        ("nan", "format = 1\n[network]\nmacs_ratio_max = nan"),
        ("typo", "format = 1\n[network]\nmacs_ratio_mx = 1"),
        ("labels", "format = 1\n[network]\nlatency_ms_max = 1"),
        ("layer", 'format = 1\n[layers."blok"]\nfiring_rate_max = 1'),
    ):  # fmt: skip
        (budgets / f"{name}.toml").write_text(text, encoding="utf-8")
    (budgets / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    monkeypatch.chdir(budgets)
    before = contents(budgets)
    refused(depth_snn("check", finished / "run.h5", *words), *said)
    assert contents(budgets) == before


def test_what_is_no_run_is_one_line(finished: Path, budgets: Path) -> None:
    kept = ("--budget", budgets / "kept.toml")
    refused(depth_snn("check", budgets / "none.h5", *kept), "none.h5: no such file")
    refused(depth_snn("check", budgets, *kept), str(budgets))
    refused(depth_snn("check", finished / "graph.h5", *kept), "graph.h5: not a readable run file")
    other = budgets / "later.h5"
    other.write_bytes((finished / "run.h5").read_bytes())
    with h5py.File(other, "r+") as file:
        file.attrs["format"] = 99
    write_seal(other, FILE_KIND)
    refused(depth_snn("check", other, *kept), "later.h5: format")
    two = (finished / "run.h5", finished / "run.h5")
    refused(depth_snn("check", *two, *kept), "2 runs given")


def test_a_run_that_cannot_be_judged_leaves_no_older_result(finished: Path, budgets: Path) -> None:
    old, xml = budgets / "v.json", budgets / "j.xml"
    words = ("--json", old, "--junit", xml)
    kept = ("--budget", budgets / "kept.toml")
    assert depth_snn("check", finished / "run.h5", *kept, *words).code == 0
    assert json.loads(old.read_text(encoding="utf-8"))["passed"]
    (budgets / "kept.toml").write_text(KEPT.replace("block", "blok"), encoding="utf-8")
    done = depth_snn("check", finished / "run.h5", *kept, *words)
    refused(done, "no layer matches")
    said = json.loads(old.read_text(encoding="utf-8"))
    assert (said["format"], said["passed"], said["exit_code"]) == (2, None, 1)
    assert "no layer matches" in said["error"]
    suite = ElementTree.parse(xml).getroot().find("testsuite")
    assert suite is not None and (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert "no layer matches" in str(suite.find("testcase/error").get("message"))  # type: ignore[union-attr]


def test_counts_of_a_graph_are_judged_like_those_of_a_run(finished: Path, budgets: Path) -> None:
    record, counts = load_record(finished / "run.h5"), budgets / "counts.h5"
    arrays = {
        f"{name}.{field}": getattr(node, field)
        for name, node in record.counts.items()
        for field in node.counted
        if name != "host.decide"
    }
    arrays |= {f"{n}.neurons": np.array([c.neurons]) for n, c in record.counts.items()
               if n != "host.decide"}  # fmt: skip
    save_arrays(arrays, counts)
    graph = ("--graph", finished / "graph.h5")
    proposal, out = budgets / "mine.toml", budgets / "limits.json"
    assert depth_snn("check", counts, *graph, "--propose", proposal).code == 0
    judged = ("--budget", proposal, "--json", out)
    assert depth_snn("check", counts, *graph, *judged).code == 0
    # Host decisions are outside the graph, and known to cost no priced event.
    assert depth_snn("check", finished / "run.h5", "--budget", proposal).code == 0
    limits = json.loads(out.read_text(encoding="utf-8"))["limits"]
    assert len(limits) > 80 and any("latency" in limit["name"] for limit in limits)
    done = depth_snn("check", counts, *graph, "--budget", budgets / "kept.toml")
    refused(done, "network.macs_ratio_max", "no MACs")
    refused(depth_snn("check", counts, "--budget", proposal), "--graph")
    del arrays["block1.q.neurons"]
    save_arrays(arrays, counts)
    refused(depth_snn("check", counts, *graph, "--budget", proposal), "block1.q.neurons")
    save_arrays(arrays | {"block1.q.neurons": np.array([4]), "z.spikes": np.array([1])}, counts)
    refused(depth_snn("check", counts, *graph, "--budget", proposal), "z.spikes")


def budget(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "budget.toml"
    path.write_text(f"format = 1\n{text}\n", encoding="utf-8")
    return path


def test_check_passes_fails_and_errs(finished: Path, tmp_path: Path) -> None:
    run, said = finished / "run.h5", tmp_path / "said.json"
    loose = budget(tmp_path, "[network]\nmacs_ratio_max = 100\n[quality]\nmiou_min = 0")
    done = depth_snn("check", run, "--budget", loose, "--json", said)
    assert done.code == 0 and "PASS: all 2 limits" in done.out
    assert json.loads(said.read_text())["passed"] is True
    tight = budget(tmp_path, "[network]\nsynaptic_operations_per_frame_max = 1")
    done = depth_snn("check", run, "--budget", tight, "--json", said)
    assert done.code == 2 and json.loads(said.read_text())["exit_code"] == 2
    fault = done.out.splitlines()[-1]
    assert fault.startswith("FAIL: network.synaptic_operations_per_frame_max")
    assert "(network, frame " in fault
    nobody = budget(tmp_path, '[layers."nobody.*"]\nfiring_rate_max = 1')
    refused(depth_snn("check", run, "--budget", nobody), "nobody")
