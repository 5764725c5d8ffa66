"""The compiled program for spiking networks: the integers of the bodies, however it is run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversion.cases.building import Case, IntArray, balance, edge
from conversion.cases.loops import spiking_loop_case
from conversion.cases.spiking import RESETS, spiking_case, vector_case
from conversion.graph import Edge, Graph
from conversion.nodes import LIF, Conv, Delay, Dense, Input, Output, Sparse
from depth_snn.errors import EngineError, InputError, OverflowInGraph
from sims import fast, reference
from sims.fast import FastSimulator
from sims.fast.spiking import driver, layout, program
from sims.result import SimResult
from tests.conformance.same import assert_same

CASES = {
    **{f"spiking {seed}": (spiking_case, seed) for seed in range(8)},
    **{f"vectors {seed}": (vector_case, seed) for seed in range(3)},
    **{f"loops {seed}": (spiking_loop_case, seed) for seed in range(8)},
}
EACH = pytest.mark.parametrize("name", CASES)


def case(name: str) -> Case:
    builder, seed = CASES[name]
    return builder(seed)


def by_bodies(graph: Graph, inputs: dict[str, IntArray], patch: pytest.MonkeyPatch) -> SimResult:
    """The same simulator without the program."""
    with patch.context() as without:
        without.setattr("sims.fast.simulator.program_of", lambda *_, **__: None)
        assert not FastSimulator(graph).compiled
        return fast.simulate(graph, inputs)


def stepped(graph: Graph, inputs: dict[str, IntArray]) -> SimResult:
    simulator, frames = FastSimulator(graph), len(next(iter(inputs.values())))
    shown = [simulator.step({k: a[f] for k, a in inputs.items()}) for f in range(frames)]
    values = {key: np.stack([frame[key] for frame in shown]) for key in shown[0]}
    return SimResult(frames=frames, values=values, counts=simulator.counts)


@EACH
def test_a_program_computes_what_the_reference_does(name: str) -> None:
    graph, inputs = case(name)
    assert FastSimulator(graph).compiled
    assert_same(reference.simulate(graph, inputs).result, fast.simulate(graph, inputs))


@EACH
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_the_length_of_a_chunk_changes_nothing(
    name: str, frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, inputs = case(name)
    want = fast.simulate(graph, inputs)
    monkeypatch.setattr(layout, "FRAMES_MAX", frames)
    assert_same(want, fast.simulate(graph, inputs))


@EACH
def test_frame_by_frame_is_the_same(name: str) -> None:
    graph, inputs = case(name)
    assert_same(fast.simulate(graph, inputs), stepped(graph, inputs))


def large_case() -> Case:
    """Populations of several blocks, and every way in which threads divide work."""
    rng = np.random.default_rng(5)
    count, held = 9001, 40
    starts = np.arange(count + 1) * 7
    targets = np.sort(rng.integers(0, count // 7, (count, 7)) * 7 + np.arange(7), axis=1)
    nodes = (
        Input(name="drive", shape=(count,), lo=-90, hi=99),
        LIF(name="first", count=count, du=1000, dv=300, vth=60, reset="subtract_late",
            bias=rng.integers(-3, 9, count), reset_every=5),
        Sparse(name="some", count=count, starts=starts, targets=targets.reshape(-1),
               weight=rng.integers(-90, 100, 7 * count), exponent=1),
        LIF(name="second", count=count, du=4095, dv=300, vth=200, reset="zero"),
        Delay(name="late", shape=(count,), steps=rng.integers(0, 4, count)),
        LIF(name="third", count=count, du=-1, dv=4096, vth=0, reset="subtract"),
    )  # fmt: skip
    paths = ("drive -> first", "first -> some", "some -> second", "second -> late",
             "late -> third")  # fmt: skip
    drive = rng.integers(-90, 100, (held, count)).astype(np.int32)
    return balance("large", nodes, map(edge, paths)), {"drive": drive}


@pytest.mark.parametrize("threads", [2, 4])
def test_the_number_of_threads_changes_nothing(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, inputs = large_case()
    want = by_bodies(graph, inputs, monkeypatch)
    monkeypatch.setattr(program, "SHARED", 0)
    assert_same(want, fast.simulate(graph, inputs))
    assert_same(want, fast.simulate(graph, inputs, threads=threads))
    small, given = spiking_case(3)
    assert_same(fast.simulate(small, given), fast.simulate(small, given, threads=threads))


@pytest.mark.parametrize("threads", [1, 2])
def test_sums_wider_than_the_cache(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Synapses are put aside by target; more of them than a lane holds."""
    rng = np.random.default_rng(8)
    count, fan_out = 2**18 + 77, 8
    part = count // fan_out
    targets = rng.integers(0, part, (count, fan_out)) + np.arange(fan_out) * part
    nodes = (
        Input(name="drive", shape=(count,), lo=-5, hi=30),
        LIF(name="lif", count=count, du=4095, dv=0, vth=100, reset="zero"),
        Sparse(name="wire", count=count, starts=np.arange(count + 1) * fan_out, exponent=1,
               targets=targets.reshape(-1), weight=rng.integers(-40, 41, count * fan_out)),
    )  # fmt: skip
    edges = (Edge(source="drive", target="lif"), Edge(source="lif", target="wire"),
             Edge(source="wire", target="lif", recurrent=True))  # fmt: skip
    graph = Graph(name="wide", dialect="quantised", nodes=nodes, edges=edges)
    inputs = {"drive": rng.integers(-5, 31, (14, count), np.int32)}
    want = by_bodies(graph, inputs, monkeypatch)
    assert want.counts["wire"].synaptic_operations.max() > 12 * 2**14
    assert_same(want, fast.simulate(graph, inputs, threads=threads))


def alone(top: int, **fields: int | str) -> Graph:
    x = Input(name="x", shape=(64,), lo=-top, hi=top)
    rule = {"du": 4095, "dv": 0, "vth": 2**17, "reset": "zero", **fields}
    return balance("alone", [x, LIF(name="lif", count=64, **rule)], [edge("x -> lif")])


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    du=st.sampled_from([-1, 0, 1, 2047, 4094, 4095]),
    dv=st.sampled_from([0, 1, 163, 4095, 4096]),
    vth=st.sampled_from([0, 1, 2**17 - 1, 2**17]),
    reset=st.sampled_from(RESETS),
    shown=st.booleans(),
)
def test_registers_at_their_ends(
    seed: int, du: int, dv: int, vth: int, reset: str, shown: bool
) -> None:
    """Drives whose shifted value lies at ±2^23, and currents that wrap."""
    graph = alone(2**18, du=du, dv=dv, vth=vth, reset=reset)
    rng = np.random.default_rng(seed)
    edges = np.array([0, 1, -1, 2**17 - 1, 2**17, 2**17 + 1, -(2**17), -(2**17) - 1, 1 - 2**17])
    x = rng.choice(edges, (6, 64)) // rng.choice([1, 1, 2, 64], (6, 64))
    probes = None if shown else ("lif.out",)
    assert FastSimulator(graph, probes).compiled
    want = reference.simulate(graph, {"x": x}, probes=probes).result
    assert_same(want, fast.simulate(graph, {"x": x}, probes=probes))


def message(run: Callable[[], object]) -> str:
    with pytest.raises(OverflowInGraph) as caught:
        run()
    return str(caught.value)


@pytest.mark.parametrize("du", [4095, 2047, -1])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shown", [None, ("lif.out",)])
def test_overflow_names_what_the_bodies_name(
    du: int, sign: int, shown: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = alone(2**23, du=du)
    x = np.random.default_rng(1).integers(-(2**17), 2**17, (9, 64))
    x[5, [7, 30]] = sign * 2**20, -sign * 2**21  # beyond what one wrap brings back
    x[7, 3] = sign * 2**22
    found = message(lambda: fast.simulate(graph, {"x": x}, probes=shown))
    assert "node 'lif', frame 5: u[7] = " in found
    assert found == message(lambda: by_bodies(graph, {"x": x}, monkeypatch))
    simulator = FastSimulator(graph, shown)
    assert message(lambda: [simulator.step({"x": row}) for row in x]) == found
    assert (simulator.frames, simulator.counts["lif"].frames) == (5, 5)
    with pytest.raises(EngineError, match="an earlier frame failed"):
        simulator.step({"x": x[0]})


def test_the_earliest_of_two_overflows_is_named_whichever_layer_runs_first() -> None:
    x = [Input(name=f"x{k}", shape=(4,), lo=-(2**23), hi=2**23) for k in range(2)]
    lifs = [LIF(name=f"lif{k}", count=4, du=4095, dv=0, vth=9, reset="zero") for k in range(2)]
    graph = balance("two", [*x, *lifs], [edge("x0 -> lif0"), edge("x1 -> lif1")])
    drives = {f"x{k}": np.zeros((9, 4), np.int64) for k in range(2)}
    drives["x0"][6, 0] = drives["x1"][4, 3] = 2**21
    assert "node 'lif1', frame 4: u[3]" in message(lambda: fast.simulate(graph, drives))


def test_inputs_are_refused_as_the_bodies_refuse_them(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = alone(2**20)
    wrong = [
        np.full((3, 64), 2**20 + 1), np.zeros((3, 64)), np.zeros((3, 63), np.int64),
        np.full((3, 64), 2**63, np.uint64),
    ]  # fmt: skip
    # Out of range in a late frame, behind a frame that overflows.
    wrong.append(np.zeros((900, 64), np.int64))
    wrong[-1][1, 1], wrong[-1][899, 0] = 2**20, -(2**20) - 1
    for array in wrong:
        with pytest.raises(InputError) as caught:
            fast.simulate(graph, {"x": array})
        with pytest.raises(InputError) as expected:
            by_bodies(graph, {"x": array}, monkeypatch)
        assert str(caught.value) == str(expected.value)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int8, np.int32, np.int64])
@pytest.mark.parametrize("rate", [0.0, 0.05, 0.6, 1.0])
def test_dense_takes_spikes_of_every_rate_and_type(
    kind: type, rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    nodes = (
        Input(name="x", shape=(2, 75), lo=0, hi=1),
        Dense(name="dense", tokens=2, weight=rng.integers(-127, 128, (33, 75)), exponent=2),
        LIF(name="lif", count=2, channels=33, du=4095, dv=99, vth=900, reset="subtract"),
        Dense(name="last", tokens=2, weight=rng.integers(-127, 128, (5, 33)), exponent=0),
        Output(name="out", tokens=2, channels=5, bias=rng.integers(-9, 9, 5)),
    )  # fmt: skip
    paths = ("x -> dense", "dense -> lif", "lif -> last", "last -> out")
    graph = balance("dense", nodes, map(edge, paths))
    x = (rng.random((20, 2, 75)) < rate).astype(kind)
    x[::2, :, 50:] = 0
    want = by_bodies(graph, {"x": x.astype(np.int64)}, monkeypatch)
    assert_same(want, fast.simulate(graph, {"x": x}))
    one_token = Graph(name="one", dialect="quantised", edges=(Edge(source="x", target="dense"),
                      Edge(source="dense", target="lif")), nodes=(
        Input(name="x", shape=(1, 75), lo=0, hi=1),
        Dense(name="dense", tokens=1, weight=nodes[1].weight, exponent=2),
        LIF(name="lif", count=1, channels=33, du=4095, dv=99, vth=900, reset="subtract"),
    ))  # fmt: skip
    drive = {"x": x[:, :1]}
    want = by_bodies(one_token, {"x": drive["x"].astype(np.int64)}, monkeypatch)
    assert_same(want, fast.simulate(one_token, drive))


def test_what_does_not_provably_fit_runs_on_the_bodies() -> None:
    assert not FastSimulator(alone(2**25)).compiled
    assert not FastSimulator(alone(2**20), overflow="unbounded").compiled
    conv = Conv(name="conv", height=2, width=2, weight=np.full((1, 1, 1, 1), 127), stride=1,
                padding=0, exponent=16)  # fmt: skip
    x = Input(name="x", shape=(4, 1), lo=-(2**12), hi=2**12)
    lif = LIF(name="lif", count=4, channels=1, du=4095, dv=0, vth=9, reset="zero")
    graph = balance("wide", [x, conv, lif], [edge("x -> conv"), edge("conv -> lif")])
    assert not FastSimulator(graph).compiled


def test_only_probed_ports_are_kept() -> None:
    graph, inputs = spiking_case(2)
    simulator = FastSimulator(graph, ())
    assert simulator.run(inputs) == {}
    want = fast.simulate(graph, inputs).counts
    assert all((simulator.counts[n].spikes == c.spikes).all() for n, c in want.items())


def test_changed_sources_are_compiled_anew(tmp_path: Path) -> None:
    folder = tmp_path / "spiking"
    shutil.copytree(Path(driver.__file__).parent, folder)
    before = driver.sources_digest(folder)
    assert before == driver.sources_digest(Path(driver.__file__).parent)
    with (folder / "neurons.py").open("a") as file:
        file.write("# changed\n")
    assert driver.sources_digest(folder) != before
