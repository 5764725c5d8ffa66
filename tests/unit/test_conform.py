"""`depth-snn conform`: verdicts, the ledger, engines of others, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conversion.cases.registry import select, standard_cases
from depth_snn.errors import ConfigError
from sims import fast
from sims.conformance import Answer, Engine, fast_engine, load_ledger, run_set
from sims.conformance.ledger import Entry, Ledger
from tests.unit.command import depth_snn, refused

ONE = "edge/threshold is strict, reset to zero"
EXACT = "tests.unit.test_conform:exact"
DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "conformance.md").read_text("utf-8")
WRONG = "tests.unit.test_conform:wrong"


def exact(graph, inputs, mode):  # type: ignore[no-untyped-def]
    """An engine of somebody else's: a few ports, no counts."""
    values = fast.simulate(graph, inputs, overflow=mode).values
    return {key: array for key, array in values.items() if key.endswith(".out")}


def wrong(graph, inputs, mode):  # type: ignore[no-untyped-def]
    """The same with one integer changed, late in the run."""
    values = {key: np.array(array) for key, array in exact(graph, inputs, mode).items()}
    values["lif.out"][3, 0] += 1
    return values


def cases(*globs: str):  # type: ignore[no-untyped-def]
    return select(standard_cases(), globs)


def test_the_command_tells_what_it_compared(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    words = ("--engine", "reference,fast", "--cases", "edge/threshold*", "recorded/loihi*")
    done = depth_snn("conform", *words, "--json", file)
    assert done.code == 0, done
    assert "not run  fast       recorded/loihi 2 trace" in done.out
    report = json.loads(file.read_text())
    rows = [row for row in report["verdicts"] if row["word"] == "agrees"]
    assert report["cases"] == len({row["case"] for row in rows}) == 6
    assert report["comparisons"] == len(rows) == 12
    assert report["values"] == sum(row["values"] for row in rows) > 100
    assert report["mismatches"] == 0 and report["good"] and report["format"] == 1
    assert f"6 cases, 12 comparisons, {report['values']} integers: 0 differ" in done.out
    assert "reference 6 (cases with a known answer), fast 6" in done.out


def test_an_engine_of_ones_own_is_judged_port_by_port() -> None:
    done = depth_snn("conform", "--engine", EXACT, "--cases", "edge/*", "overflow/*", "--verbose")
    assert done.code == 0, done
    assert f"agrees   {EXACT} {ONE}, 10 integers: 2 of 3 ports" in done.out
    done = depth_snn("conform", "--engine", WRONG, "--cases", ONE)
    assert done.code == 1
    assert "frame 3, node 'lif', neuron [0] out: 2, expected 1" in done.out


def test_only_what_was_compared_passes() -> None:
    done = depth_snn("conform", "--engine", "fast", "--cases", "recorded/loihi*")
    assert done.code == 1 and "0 cases, 0 comparisons, 0 integers" in done.out


def test_names_and_refusals(tmp_path: Path) -> None:
    listed = depth_snn("conform", "--list", "--cases", "limit/*", "depth/*").out.split("\n")
    assert "limit/sigma" in listed and "depth/tiny" in listed
    assert listed[-2:] == [f"{len(listed) - 2} cases", ""]
    refused(depth_snn("conform", "--cases", "nothing/*"), "nothing/*", "edge/*")
    refused(depth_snn("conform", "--engine", "slow"), "'slow'", "fast", "module:function")
    refused(depth_snn("conform", "--engine", "no.such:thing"), "no.such:thing", "importable")
    refused(depth_snn("conform", "--json", tmp_path), "is a folder")


def test_a_ledger_is_strict() -> None:
    broken = Engine("fast", lambda graph, inputs, mode: Answer())
    needed = Ledger((Entry("fast", (ONE,), "it shows nothing"),))
    report = run_set(cases(ONE), [broken], needed)
    assert [v.word for v in report.verdicts] == ["excepted"]
    assert "it shows nothing" in report.verdicts[0].note and report.mismatches == 0
    # The same entry is an error as soon as the engine agrees, and where no case needs it.
    stale = run_set(cases(ONE), [fast_engine()], needed)
    assert [v.word for v in stale.verdicts] == ["stale"] and not stale.good
    other = run_set(cases("edge/threshold 0"), [fast_engine()], needed, whole=True)
    assert other.unused == needed.entries and not other.good


def test_what_an_engine_cannot_run_must_stand_in_the_ledger() -> None:
    unable = Engine("picky", fast_engine().answer, unable=lambda graph, mode: "too edgy")
    report = run_set(cases(ONE), [unable])
    assert [v.word for v in report.verdicts] == ["differs"]
    assert "cannot run it: too edgy; the ledger does not say so" in report.verdicts[0].note


def test_a_failing_engine_is_blamed_for_its_case_alone() -> None:
    def answer(graph, inputs, mode):  # type: ignore[no-untyped-def]
        if any(node.kind == "Conv" for node in graph.nodes):
            raise ValueError("no\nwindows")
        return fast_engine().answer(graph, inputs, mode)

    engine = Engine("shared", answer, partial=True, side_by_side=50)
    report = run_set(cases("small/conv 0", "small/dense 0", "small/dense 1", ONE), [engine])
    words = {v.case: v.word for v in report.verdicts}
    assert words.pop("small/conv 0") == "differs"
    assert set(words.values()) == {"agrees"} and len(words) == 3
    failed = report.of("differs")[0]
    assert failed.note == "failed with ValueError: no windows" and failed.mismatches == 1


def test_an_overflow_that_only_one_side_sees_differs() -> None:
    deaf = Engine("deaf", lambda g, i, _: fast_engine().answer(g, i, "unbounded"))
    [verdict] = run_set(cases("overflow/sigma"), [deaf]).verdicts
    assert verdict.word == "differs" and "does not refuse" in verdict.note
    shy = Engine("shy", lambda g, i, _: fast_engine().answer(g, i, "strict"))
    [verdict] = run_set(cases("unbounded/sigma"), [shy]).verdicts
    assert verdict.word == "differs" and "only this engine refuses" in verdict.note


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("format = 2", "format = 1"),
        ("format = 1\n[[exception]]\nengine = 'a'\ncases = []\nreason = 'r'", "exception 1: cases"),
        ("format = 1\n[[exception]]\nengine = 'a'\ncases = ['x']\nreason = ' '", "reason"),
        ("format = 1\n[[exception]]\nengine = 'a'\ncases = ['x']\nwhy = 'r'", "unknown key 'why'"),
        ("format = 1\n[[exception]]\nengine = 'a'\ncases = ['x']\nreason = 'r'\nwhen = 'never'",
         "when is 'never'"),
    ],
)  # fmt: skip
def test_a_malformed_ledger_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "ledger.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_ledger(file)


def test_every_entry_of_the_ledger_names_cases_that_exist() -> None:
    for entry in load_ledger().entries:
        assert cases(*entry.cases) and entry.reason.endswith(".")
        assert f"| {entry.reason} |" in DOCUMENT, "docs/conformance.md prints the ledger"
