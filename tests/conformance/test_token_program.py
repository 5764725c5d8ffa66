"""The compiled program for networks of tokens: the integers of the bodies, however it is run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from conversion.cases.building import Case, IntArray, balance, edge
from conversion.cases.registry import standard_cases
from conversion.cases.small import block_case
from conversion.graph import Graph
from conversion.nodes import Conv, Delta, Dense, Input, Output, SigmaDelta
from depth_snn.errors import InputError
from sims import fast, reference
from sims.fast import FastSimulator
from sims.fast.spiking.driver import sources_digest
from sims.fast.tokens import driver, layout, products
from sims.fast.tokens.fits import fits
from sims.fast.tokens.tables import KINDS
from sims.result import SimResult
from tests.conformance.depth import depth_case, gate_case
from tests.conformance.same import assert_same

FEWEST = 60
"""Cases of the standard set that are programs of tokens."""


@cache
def cases() -> dict[str, Case]:
    """Those cases of the conformance set that this program takes."""
    every = [c for c in standard_cases() if c.mode == "strict" and c.family != "recorded"]
    built = {case.name: case.build() for case in every}
    return {name: case for name, case in built.items() if fits(case[0])}


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


def test_the_set_has_cases_of_every_kind_and_all_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(cases()) >= FEWEST
    kinds = {node.kind for graph, _ in cases().values() for node in graph.nodes}
    assert kinds == {"Input", *KINDS}
    for graph, inputs in cases().values():
        assert FastSimulator(graph).compiled
        assert_same(by_bodies(graph, inputs, monkeypatch), fast.simulate(graph, inputs))


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_the_length_of_a_chunk_changes_nothing(
    frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for graph, inputs in [*list(cases().values())[::7], depth_case("tiny", 7)]:
        want = fast.simulate(graph, inputs)
        monkeypatch.setattr(layout, "FRAMES_MAX", frames)
        assert_same(want, fast.simulate(graph, inputs))
        assert_same(want, stepped(graph, inputs))
        monkeypatch.undo()


def test_the_size_of_a_block_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, inputs = depth_case("tiny", 5)
    want = fast.simulate(graph, inputs)
    monkeypatch.setattr("sims.fast.tokens.assembly.BLOCK", 1)
    assert_same(want, fast.simulate(graph, inputs))


def test_the_tiny_network_computes_what_the_reference_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph, inputs = depth_case("tiny", 6)
    assert FastSimulator(graph).compiled
    found = fast.simulate(graph, inputs)
    assert found.counts["gate.lif"].spikes.any()
    assert_same(reference.simulate(graph, inputs).result, found)
    assert_same(by_bodies(graph, inputs, monkeypatch), found)


@pytest.mark.parametrize("seed", range(6))
def test_gates_compute_what_the_reference_does(seed: int) -> None:
    graph, inputs = gate_case(seed)
    assert FastSimulator(graph).compiled
    want = reference.simulate(graph, inputs).result
    assert want.values["gate.admitted"].any() and want.counts["lif"].spikes.any()
    assert_same(want, fast.simulate(graph, inputs))
    assert_same(want, stepped(graph, inputs))


def test_the_small_network_computes_what_the_bodies_do(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, inputs = depth_case("small", 3)
    assert FastSimulator(graph).compiled
    assert_same(by_bodies(graph, inputs, monkeypatch), fast.simulate(graph, inputs))


@pytest.mark.slow
def test_the_small_network_computes_what_the_reference_does() -> None:
    graph, inputs = depth_case("small", 2)
    assert_same(reference.simulate(graph, inputs).result, fast.simulate(graph, inputs))


def test_only_probed_ports_are_kept_and_memory_is_used_again() -> None:
    graph, inputs = depth_case("tiny", 5)
    whole, probed = fast.simulate(graph, inputs), fast.simulate(graph, inputs, probes=["embed.out"])
    assert list(probed.values) == ["embed.out"]
    assert np.array_equal(probed.values["embed.out"], whole.values["embed.out"])
    for name, counts in whole.counts.items():
        assert np.array_equal(counts.message_bits, probed.counts[name].message_bits)


def wide_case(top: int, shift: int) -> Case:
    """Messages so large that single precision holds their products only in parts."""
    rng = np.random.default_rng(top)
    rule = {"stage": 0, "gated": False, "threshold": 0}
    nodes = (
        Input(name="x", shape=(12, 20), lo=-top, hi=top),
        Delta(name="code", tokens=12, channels=20, bias=[0] * 20, shift=shift,
              lo=-top >> shift, hi=top >> shift, **rule),
        Dense(name="dense", tokens=12, weight=rng.integers(-127, 128, (7, 10)), repeat=2,
              exponent=0),
        Conv(name="conv", height=3, width=4, stride=1, padding=1, exponent=0,
             weight=rng.integers(-127, 128, (3, 20, 3, 3))),
        SigmaDelta(name="sums", tokens=12, channels=14, bias=rng.integers(-9, 9, (12, 14)),
                   shift=3, lo=-(2**20), hi=2**20, **rule),
        Output(name="end", tokens=12, channels=3),
    )  # fmt: skip
    paths = ("x -> code", "code -> dense", "code -> conv", "dense -> sums", "conv -> end")
    x = rng.integers(-top, top + 1, (6, 12, 20))
    x[2] = rng.choice([-top, top], (12, 20))
    return balance("wide", nodes, map(edge, paths)), {"x": x}


@pytest.mark.parametrize("top", [2**9, 2**13, 2**16])
def test_products_of_large_messages_are_exact(top: int, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, inputs = wide_case(top, 1)
    assert FastSimulator(graph).compiled
    want = reference.simulate(graph, inputs).result
    assert_same(want, fast.simulate(graph, inputs))


@pytest.mark.parametrize("low", [0, 1, -1])
@pytest.mark.parametrize("top", range(4, 31))
@pytest.mark.parametrize("row_sum", [0, 1, 127, 65025, 2**20])
def test_parts_stay_within_a_float(top: int, low: int, row_sum: int) -> None:
    """The largest part of a value times the weights' sum is below 2^24."""
    value = 2**top + low
    for sign in (1, -1):
        rows = np.array([0, sign * value], np.int32)
        count, bits = products.parts_of(rows, row_sum)
        cuts = [products.cut(k, (count, bits)) for k in range(count)]
        parts = [(int(rows[1]) >> int(shift)) & int(mask) for shift, mask in cuts]
        assert sum(p << int(s) for p, (s, _) in zip(parts, cuts, strict=True)) == sign * value
        assert all(
            abs(p) * row_sum < 2**24 and abs(p) < 2**24 for p in parts[:: 1 if row_sum else 9]
        )


def test_what_does_not_provably_fit_runs_on_the_bodies() -> None:
    graph, _ = wide_case(2**16, 1)
    x, code, *others = graph.nodes
    assert isinstance(code, Delta)
    wide = replace(code, lo=-(2**23), hi=2**23)
    assert not FastSimulator(replace(graph, nodes=(x, wide, *others))).compiled
    far = Input(name="x", shape=(12, 20), lo=-(2**40), hi=2**40)
    assert not FastSimulator(replace(graph, nodes=(far, code, *others))).compiled
    for overflow in ("chip", "unbounded"):
        assert not FastSimulator(graph, overflow=overflow).compiled  # type: ignore[arg-type]
    assert not FastSimulator(graph, observer=lambda _: None).compiled
    # What is no message may add up without end.
    sums = SigmaDelta(name="sums", tokens=12, channels=20, bias=[0] * 20, shift=0, lo=0, hi=9,
                      stage=0, gated=False)  # fmt: skip
    assert not FastSimulator(balance("sum", (x, sums), [edge("x -> sums")])).compiled


def test_inputs_are_refused_as_the_bodies_refuse_them(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, inputs = block_case(1)
    name = next(iter(inputs))
    wrong = inputs[name].copy()
    wrong[-1].flat[0] = 2**40
    with pytest.raises(InputError) as caught:
        fast.simulate(graph, {**inputs, name: wrong})
    with pytest.raises(InputError) as expected:
        by_bodies(graph, {**inputs, name: wrong}, monkeypatch)
    assert str(caught.value) == str(expected.value)


def test_changed_sources_are_compiled_anew(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    shutil.copytree(Path(driver.__file__).parent, folder)
    before = sources_digest(folder)
    with (folder / "products.py").open("a") as file:
        file.write("# changed\n")
    assert sources_digest(folder) != before
