"""The conformance set: both simulators on all of it, Lava on a part; the whole set is slow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conversion.cases.case import ConformanceCase
from conversion.cases.registry import select, standard_cases
from conversion.nodes import QUANTISED_NODES
from depth_snn.cli.conform import TRACE_VARIABLE
from depth_snn.cli.conformance.cases import all_cases
from depth_snn.cli.conformance.engines import engine_by_name
from loihi import lava_available
from sims.conformance import Engine, Report, fast_engine, load_ledger, reference_engine, run_set

OK, WHY = lava_available()
needs_lava = pytest.mark.skipif(not OK, reason=f"the Lava target needs Lava: {WHY}")
FAMILIES = (
    "small", "spiking", "loop", "edge", "limit", "overflow", "unbounded", "random", "hypothesis",
)  # fmt: skip
ON_LAVA = (
    "small/dense 1", "small/lif, reset to zero, with current 1", "small/encoder 1",
    "small/attention, threshold 9 1", "small/gate 1", "small/conv 1",
    "small/conv, padding beyond the kernel 1", "small/conv 3, stride 1, threshold 3 1",
    "small/conv, stride beyond the kernel 1", "small/cells, groups across positions 1",
    "small/picture 1", "small/softmax 1", "small/softmax, no gates 1", "spiking/0[345]",
    "spiking/vector 1", "spiking/encoded 1", "spiking/stock 1", "loop/spiking 0[13]",
    "loop/coder 1", "random/00[0-5]",
    "edge/decay du ?* dv 1", "edge/an edge of 62 steps", "edge/current wraps*",
    "edge/threshold is*", "overflow/out",
)  # fmt: skip
"""One of every kind of node, delay, reset and register end; each node costs Lava a process."""
ON_STOCK = (
    "small/dense 1", "small/dense, threshold 5 1", "small/lif*1", "small/encoder 1",
    "small/attention 1", "spiking/stock 1", "loop/spiking 0[13]", "loop/coder 1", "spiking/awake ?",
)  # fmt: skip
"""Where stock processes can stand in for ours."""


def judged(cases: list[ConformanceCase], *engines: Engine, whole: bool = False) -> Report:
    report = run_set(cases, engines, load_ledger(), whole=whole)
    assert report.good, "\n".join(map(str, report.of("differs", "stale") or report.summary()))
    return report


@pytest.mark.parametrize("family", FAMILIES)
def test_the_simulators_agree(family: str) -> None:
    cases = select(standard_cases(), [f"{family}/*"])
    report = judged(cases, reference_engine(), fast_engine())
    assert not report.of("not run")
    assert len(report.of("agrees", "excepted")) >= len(cases)


@needs_lava
def test_recorded_networks() -> None:
    cases = select(standard_cases(), ["recorded/tinynet", "recorded/pilotnet sigma-delta"])
    assert len(judged(cases, reference_engine(), fast_engine()).of("agrees")) == 4


def test_what_is_not_at_hand_is_not_run_and_never_agrees(tmp_path: Path) -> None:
    for trace in (None, tmp_path / "none.csv"):
        cases = select(standard_cases(trace), ["recorded/loihi 2 trace"])
        report = run_set(cases, [reference_engine(), fast_engine()])
        assert [v.word for v in report.verdicts] == ["not run", "not run"]
        assert not report.good and report.cases == 0


def test_the_trace_of_a_loihi_2_chip(shared_data: Path) -> None:
    file = shared_data / "loihi2_lif_trace.csv"
    if not file.is_file():
        pytest.skip("loihi2_lif_trace.csv is not at hand")
    cases = select(standard_cases(file), ["recorded/loihi 2 trace"])
    assert len(judged(cases, reference_engine(), fast_engine()).of("agrees")) == 2


@needs_lava
@pytest.mark.parametrize(
    ("engine", "globs"), [("lava", ON_LAVA), ("lava-stock", ON_STOCK)], ids=["own", "stock"]
)
def test_lava_agrees(engine: str, globs: tuple[str, ...]) -> None:
    cases = select(standard_cases(), globs)
    kinds = {node.kind for case in cases for node in case.build()[0].nodes}
    assert kinds == set(QUANTISED_NODES) or engine != "lava"
    report = judged(cases, engine_by_name(engine, 150))
    assert not report.of("not run")
    if engine == "lava":
        assert len(report.of("agrees")) >= 35


def test_names_are_unique_and_cases_are_repeatable_and_balanced() -> None:
    cases = standard_cases()
    assert len({case.name for case in cases}) == len(cases)
    for case in select(cases, ["small/* 0", "spiking/* 3", "edge/*", "hypothesis/00?"]):
        (graph, inputs), (again, same) = case.build(), case.build()
        assert [n.name for n in graph.nodes] == [n.name for n in again.nodes]
        assert inputs.keys() == same.keys()
        assert all((inputs[key] == same[key]).all() for key in inputs)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_whole_set_on_every_engine() -> None:
    trace = os.environ.get(TRACE_VARIABLE)
    engines = [reference_engine(), fast_engine()]
    if OK:
        engines += [engine_by_name(name, 300) for name in ("lava",)]
    judged(list(all_cases(Path(trace) if trace else None)), *engines, whole=OK)
