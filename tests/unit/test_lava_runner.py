"""However a Lava run fails, one clear error comes out of it and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import loihi
from conversion.graph import Edge, Graph
from conversion.nodes import Delta, Input, Skip
from depth_snn.errors import EngineError, GraphError, InputError, MissingDependency
from loihi import hardware_available, lava_available, require_hardware, segments, simulate_on_lava
from loihi.failures.cases import CASES, MORE, Case, Outcome, processes_of, run_case
from loihi.integers import IntArray

OK, WHY = lava_available()
needs_lava = pytest.mark.skipif(not OK, reason=f"running on Lava needs Lava: {WHY}")


@needs_lava
@pytest.mark.parametrize("case", (*CASES, *MORE), ids=lambda case: case.name)
def test_each_way_to_fail_is_one_clear_line_and_leaves_nothing(case: Case) -> None:
    outcome = run_case(case)
    assert outcome.handled, outcome
    assert (case.words in outcome.message) if case.words else outcome.message == ""
    assert "\n" not in outcome.message
    assert outcome.processes >= 1 and outcome.processes_left == outcome.segments_left == 0
    if case.deadline_s < 60:
        assert case.deadline_s <= outcome.seconds < case.deadline_s + 20
    else:
        assert outcome.seconds < 50


def test_an_outcome_with_anything_left_or_unsaid_is_not_handled() -> None:
    case = CASES[1]
    said = f"Lava run failed: {case.words}"
    good = Outcome(case, said, 1.0, processes=3, segments=2, processes_left=0, segments_left=0)
    assert good.handled
    changes: list[dict[str, Any]] = [
        {"message": ""}, {"message": f"{said}\nTraceback"}, {"processes": 0},
        {"processes_left": 1}, {"segments_left": 1},
    ]  # fmt: skip
    assert not any(replace(good, **change).handled for change in changes)
    assert not replace(good, case=CASES[0]).handled


PARENT = """
import sys
from pathlib import Path
from loihi.integers import IntArray
from loihi.supervisor import Child, supervise
folder = Path(sys.argv[1])
command = [sys.executable, "-m", "loihi.failures.network", str(folder), "hang"]
supervise(Child(command=command, folder=folder, prefix=sys.argv[2], what="run"), deadline_s=100)
"""


@needs_lava
def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    prefix = segments.new_prefix()
    root = str(Path(loihi.__file__).resolve().parents[1])
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), prefix],
        env={**os.environ, "PYTHONPATH": root},
    )
    (tmp_path / "options.json").write_text(json.dumps({"prefix": prefix, "parent": parent.pid}))
    try:
        _wait_until(lambda: len(processes_of(tmp_path)) >= 4)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    _wait_until(lambda: not processes_of(tmp_path) and not segments.remaining(prefix))


def _wait_until(condition: object, seconds: float = 30) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def _skip_graph(exponent: int) -> tuple[Graph, dict[str, IntArray]]:
    zero = np.zeros(1, np.int64)
    nodes = (
        Input(name="x", shape=(2, 1), lo=-40000, hi=40000),
        Input(name="mask", shape=(1, 2), lo=0, hi=1),
        Delta(name="code", tokens=2, channels=1, stage=0, bias=zero, shift=0, lo=-40000, hi=40000),
        Skip(name="skip", tokens=2, channels=1, exponent=exponent),
    )
    edges = (
        Edge(source="x", target="code"),
        Edge(source="mask", target="code", port="gate"),
        Edge(source="code", target="skip"),
    )
    values = np.array([[[1], [2]], [[3], [40000]]])
    inputs = {"x": values, "mask": np.ones((2, 1, 2), np.int64)}
    return Graph(name="skips", dialect="quantised", nodes=nodes, edges=edges), inputs


@needs_lava
def test_an_overflow_inside_lava_names_node_value_and_step() -> None:
    graph, inputs = _skip_graph(16)
    line = r"graph 'skips' failed: process 'skip' .*out\[1\] = 2621308928 at step 1 is outside"
    with pytest.raises(EngineError, match=line):
        simulate_on_lava(graph, inputs)


@needs_lava
def test_wrong_requests_are_refused_before_anything_starts() -> None:
    graph, inputs = _skip_graph(0)
    with pytest.raises(InputError, match=r"takes inputs mask, x, got x"):
        simulate_on_lava(graph, {"x": inputs["x"]})
    with pytest.raises(InputError, match=r"'x': expected shape \('frames', 2, 1\)"):
        simulate_on_lava(graph, {**inputs, "x": inputs["x"][..., 0]})
    with pytest.raises(InputError, match=r"'x': values 2\.\.80000 leave"):
        simulate_on_lava(graph, {**inputs, "x": inputs["x"] * 2})
    with pytest.raises(InputError, match="'x': expected integers, got float64"):
        simulate_on_lava(graph, {**inputs, "x": inputs["x"] * 1.0})
    with pytest.raises(InputError, match="one number of frames"):
        simulate_on_lava(graph, {**inputs, "x": inputs["x"][:1]})
    with pytest.raises(InputError, match=r"no output port skip\.membrane"):
        simulate_on_lava(graph, inputs, probes=["skip.membrane"])
    with pytest.raises(GraphError, match="is float"):
        simulate_on_lava(Graph(name="f", dialect="float", nodes=(), edges=()), {})


def test_importing_the_package_imports_neither_lava_nor_torch() -> None:
    code = (
        "import loihi, loihi.child, sys; print([m for m in ('lava', 'torch') if m in sys.modules])"
    )
    root = str(Path(loihi.__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_without_lava_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loihi.shim.find_spec", lambda name: None)
    ok, why = lava_available()
    assert not ok and "Python 3.10" in why and "'.[lava]'" in why and "\n" not in why
    graph, inputs = _skip_graph(0)
    with pytest.raises(MissingDependency, match=r"Python 3\.10"):
        simulate_on_lava(graph, inputs)


def test_hardware_is_refused_in_one_line_where_the_extension_is_absent() -> None:
    if hardware_available()[0]:
        require_hardware()
        return
    with pytest.raises(MissingDependency, match=r"lava-loihi .* INRC") as caught:
        require_hardware()
    assert "\n" not in str(caught.value)


@needs_lava
def test_lava_itself_finds_our_models_through_the_shim() -> None:
    code = (
        "from loihi import shim\n"
        "from loihi.processes.token_dense import Skip, PySkipModel\n"
        "from loihi.processes.encoder import SigmaDeltaEncoder, PySigmaDeltaEncoderModel\n"
        "find = shim.ProcGroupDiGraphs._find_proc_models\n"
        "assert find(Skip(size=2, exponent=0, name='s')) == [PySkipModel]\n"
        "s = SigmaDeltaEncoder(tokens=1, channels=1, stages=1, name='e')\n"
        "assert find(s) == [PySigmaDeltaEncoderModel]\n"
        "print('found')\n"
    )
    root = str(Path(loihi.__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "found", done.stderr
