"""However a Lava run fails, one clear error comes out of it and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import loihi
from conversion.graph import Edge, Graph
from conversion.nodes import Delta, Input, Skip
from depth_snn.errors import EngineError, GraphError, InputError, MissingDependency
from loihi import hardware_available, lava_available, require_hardware, segments, simulate_on_lava
from loihi.integers import IntArray
from loihi.supervisor import Child, supervise

OK, WHY = lava_available()
needs_lava = pytest.mark.skipif(not OK, reason=f"running on Lava needs Lava: {WHY}")

FAULTY = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from loihi import shim
from loihi.drive import Network, drive

MODE = sys.argv[2]

class Front(shim.AbstractProcess):
    def __init__(self):
        super().__init__(name="front")
        if MODE == "process constructor":
            raise ValueError("no such neuron")
        self.out = shim.OutPort(shape=(2,))

class Back(shim.AbstractProcess):
    def __init__(self):
        super().__init__(name="back")
        self.a_in = shim.InPort(shape=(2,))

def at_fault(step):
    if step < 3:
        return False
    if MODE == "exception":
        raise ZeroDivisionError("in the middle")
    if MODE == "killed actor":
        os.kill(os.getpid(), signal.SIGKILL)
    if MODE == "exit":
        os._exit(7)
    if MODE == "killed child":
        os.kill(os.getppid(), signal.SIGKILL)
    if MODE == "hang":
        time.sleep(1000)
    return MODE == "missing send"

@shim.implements(proc=Front, protocol=shim.LoihiProtocol)
@shim.requires(shim.CPU)
@shim.tag("fixed_pt")
class FrontModel(shim.PyLoihiProcessModel):
    out = shim.LavaPyType(shim.PyOutPort.VEC_DENSE, np.int32)
    def __init__(self, params):
        super().__init__(params)
        if MODE == "model constructor":
            raise ValueError("no such model")
    def run_spk(self):
        if not at_fault(self.time_step):
            self.out.send(np.zeros(3 if MODE == "wrong shape" else 2, np.int32))

@shim.implements(proc=Back, protocol=shim.LoihiProtocol)
@shim.requires(shim.CPU)
@shim.tag("fixed_pt")
class BackModel(shim.PyLoihiProcessModel):
    a_in = shim.LavaPyType(shim.PyInPort.VEC_DENSE, np.int32)
    def run_spk(self):
        self.a_in.recv()

def build(folder):
    front, back = Front(), Back()
    front.out.connect(back.a_in)
    models = {front: FrontModel, back: BackModel}
    cfg = shim.Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=models)
    return Network(start=front, run_cfg=cfg, steps=6)

drive(build, Path(sys.argv[1]))
"""


def _run_faulty(folder: Path, mode: str, deadline_s: float) -> tuple[float, str]:
    script = folder / "faulty.py"
    script.write_text(FAULTY)
    prefix = segments.new_prefix()
    (folder / "options.json").write_text(json.dumps({"prefix": prefix, "parent": os.getpid()}))
    command = [sys.executable, str(script), str(folder), mode]
    child = Child(command=command, folder=folder, prefix=prefix, what="Lava run")
    try:
        return supervise(child, deadline_s=deadline_s), ""
    except EngineError as error:
        return 0.0, str(error)
    finally:
        assert segments.remaining(prefix) == []
        assert _alive(folder) == []


def _alive(folder: Path) -> list[str]:
    """Processes, not yet reaped ones apart, that carry the run's folder in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TMPDIR={folder}\0".encode() in path.read_bytes():
                found.append((path.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@needs_lava
@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("exception", "process 'front' failed with ZeroDivisionError: in the middle"),
        ("wrong shape", "process 'front' failed with AssertionError"),
        ("killed actor", "process 'front' ended by itself, killed by SIGKILL"),
        ("exit", "process 'front' ended by itself, exit code 7"),
        ("killed child", "ended without a result: killed by SIGKILL"),
        ("process constructor", "ValueError: no such neuron"),
        ("model constructor", "ValueError: no such model"),
    ],
)
def test_each_failure_is_one_clear_line(tmp_path: Path, mode: str, words: str) -> None:
    began = time.monotonic()
    _, message = _run_faulty(tmp_path, mode, deadline_s=60)
    assert words in message and "\n" not in message
    assert time.monotonic() - began < 50


@needs_lava
@pytest.mark.parametrize("mode", ["hang", "missing send"])
def test_a_run_that_stands_still_ends_at_its_deadline(tmp_path: Path, mode: str) -> None:
    began = time.monotonic()
    _, message = _run_faulty(tmp_path, mode, deadline_s=3)
    assert "did not finish within 3 s" in message and "\n" not in message
    assert 3 <= time.monotonic() - began < 20


@needs_lava
def test_a_clean_run_leaves_nothing_behind(tmp_path: Path) -> None:
    seconds, message = _run_faulty(tmp_path, "none", deadline_s=60)
    assert message == "" and 0 < seconds < 60


PARENT = """
import sys
from pathlib import Path
from loihi.integers import IntArray
from loihi.supervisor import Child, supervise
folder = Path(sys.argv[1])
command = [sys.executable, str(folder / "faulty.py"), str(folder), "hang"]
supervise(Child(command=command, folder=folder, prefix=sys.argv[2], what="run"), deadline_s=100)
"""


@needs_lava
def test_the_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(FAULTY)
    prefix = segments.new_prefix()
    root = str(Path(loihi.__file__).resolve().parents[1])
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), prefix],
        env={**os.environ, "PYTHONPATH": root},
    )
    (tmp_path / "options.json").write_text(json.dumps({"prefix": prefix, "parent": parent.pid}))
    try:
        _wait_until(lambda: len(_alive(tmp_path)) >= 4)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    _wait_until(lambda: not _alive(tmp_path) and not segments.remaining(prefix))


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
