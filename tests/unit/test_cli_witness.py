"""Second opinions on a run: what they cover, and that a wrong engine fails the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_snn.cli.chain import engines, loop, witness
from depth_snn.cli.chain.setup import Setup, load_policy, prepare
from depth_snn.data.classes import CLASS_NAMES
from depth_snn.data.frames import Frame, open_frames
from depth_snn.errors import EngineError
from loihi import lava_available
from sims.fast import simulate
from sims.result import SimResult
from sims.verdict import load_verdict
from tests.unit.command import TINY, contents, depth_snn, refused
from tests.unit.small import TINY as TINY_CONFIG

LAVA, WHY = lava_available()


@pytest.fixture(scope="module")
def tiny() -> Setup:
    """The tiny network under its default policy."""
    return prepare("tiny", load_policy(None, "tiny"))


def frames_of(setup: Setup, count: int) -> list[Frame]:
    """The first frames of the built-in driving scene."""
    size = {"height": setup.config.height, "width": setup.config.width}
    return list(open_frames("scene:driving", limit=count, **size))


def wrong_value(result: SimResult) -> SimResult:
    """A result with one integer changed."""
    values = dict(result.values)
    values["head.out.out"] = values["head.out.out"].copy()
    values["head.out.out"].flat[0] += 1
    return replace(result, values=values)


def wrong_count(result: SimResult) -> SimResult:
    """A result with two event counts changed."""
    node = result.counts["block1.mid"]
    changed = replace(node, messages=node.messages + np.array([1, 1, 0]))
    return replace(result, counts={**result.counts, "block1.mid": changed})


@pytest.mark.parametrize(
    ("fault", "said"),
    [(wrong_value, "1 mismatches in"), (wrong_count, "2 event counts differ")],
)
def test_a_wrong_engine_invalidates_the_run(
    fault: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = simulate
    monkeypatch.setattr(witness, "simulate_fast", lambda *a: fault(real(*a)))
    budget, figures = tmp_path / "loose.toml", tmp_path / "figures.json"
    budget.write_text("format = 1\n[network]\nmacs_ratio_max = 100\n", encoding="utf-8")
    words = ("--out", tmp_path / "out", "--frames", "4", "--budget", budget, "--json", figures)
    done = depth_snn("run", "scene:driving", *words, *TINY)
    refused(done, "witnesses disagree: reference_vs_fast")
    assert said in done.out
    verdict = load_verdict(tmp_path / "out" / "verdict.json")
    assert (verdict["valid"], verdict["passed"], verdict["exit_code"]) == (False, False, 1)
    assert verdict["broken_witnesses"] == ["reference_vs_fast"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Witnesses disagree: reference_vs_fast" in page
    assert "figures.json" not in contents(tmp_path)


def test_the_witness_of_a_run_says_what_its_frames_held(tmp_path: Path) -> None:
    done = depth_snn("run", "scene:driving", "--out", tmp_path, "--frames", "3", *TINY)
    assert done.code == 0, done
    found = load_verdict(tmp_path / "verdict.json")["witnesses"]["reference_vs_fast"]
    assert found["restored_regions"] > 0 and found["closed_tokens"] > 0
    held = f"{found['restored_regions']} restored regions and {found['closed_tokens']} closed"
    assert held in done.out


@pytest.mark.parametrize(
    ("port", "recovery", "body", "expected"),
    [
        ("gate.restore.out", True, "loihi", 1),
        ("gate.restore.ledger", False, "loihi", 1),
        ("gate.restore.admitted", False, "norse", 1),
        ("gate.lif.out", True, "norse", 1),
        ("gate.lif.out", False, "loihi", 0),
        ("gate.lif.membrane", True, "loihi", 1),
        ("gate.lif.membrane", True, "norse", 0),
        ("gate.lif.membrane", False, "loihi", 0),
    ],
)
def test_every_value_a_gate_decides_by_is_compared(
    tiny: Setup, port: str, recovery: bool, body: str, expected: int
) -> None:
    chain = loop.Chain(tiny, keep_inputs=0)
    frame = frames_of(tiny, 1)[0]
    decision = chain.pipeline.step(frame.rgb).decision
    assert chain.fast is not None
    values = dict(chain.fast.step(loop.graph_inputs(decision, recovery=True)))
    assert loop.gate_differences(decision, values, tiny.policy) == 0
    values[port] = values[port].copy()
    values[port].flat[0] += 1
    gate = replace(tiny.policy.gate, body=body)
    policy = replace(tiny.policy, recovery=recovery, gate=gate)
    assert loop.gate_differences(decision, values, policy) == expected


def test_eval_fails_when_the_gates_of_the_graph_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    real = loop.graph_inputs

    def shifted(*args: Any, **options: Any) -> loop.Inputs:
        inputs = real(*args, **options)
        return inputs | {"fixed": inputs["fixed"] + 1}

    monkeypatch.setattr(loop, "graph_inputs", shifted)
    words = ("--scenes", "driving", "--seeds", "1", "--first-seed", "5", "--frames", "2")
    refused(depth_snn("eval", *TINY, *words), "scene:driving of seed 5", "differ", "2 values")


def test_a_port_that_one_side_lacks_is_named() -> None:
    one = np.zeros((2, 3), np.int64)
    same = witness.compare("a against b", {"x.out": one}, {"x.out": one + 1}, 2)
    assert (same["ports"], same["values"], same["mismatches"]) == (1, 6, 6)
    with pytest.raises(EngineError, match=r"second has no port 'y\.out'"):
        witness.compare("a against b", {"x.out": one, "y.out": one}, {"x.out": one}, 2)
    with pytest.raises(EngineError, match=r"first has no port 'w\.out'"):
        witness.compare("a against b", {"x.out": one}, {"x.out": one, "w.out": one}, 2)


def test_a_node_that_one_side_did_not_count_is_named(tiny: Setup) -> None:
    frames = [frame.rgb for frame in frames_of(tiny, 1)]
    inputs = witness.stack_inputs(engines.record_inputs(tiny, frames))
    result = simulate(tiny.graph, inputs)
    assert witness.count_differences(result, result) == 0
    fewer = {k: v for k, v in result.counts.items() if k != "gate.lif"}
    with pytest.raises(EngineError, match=r"'gate\.lif'"):
        witness.count_differences(result, replace(result, counts=fewer))


def test_dense_networks_take_turns_after_a_warm_up(
    tiny: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real = loop.dense_step

    def noted(model: Any, rgb: Any, attention: str) -> Any:
        order.append(attention)
        return real(model, rgb, attention)

    monkeypatch.setattr(loop, "dense_step", noted)
    out = loop.run_chain(loop.Chain(tiny, keep_inputs=0), frames_of(tiny, 3), 3)
    one, other = ["linear", "sdpa"], ["sdpa", "linear"]
    assert order == [*one, *one, *other, *one]
    assert len(out.times_ms["dense_linear"]) == len(out.times_ms["dense_sdpa"]) == 3
    for index, frame in enumerate(frames_of(tiny, 3)):
        np.testing.assert_array_equal(out.dense_map[index], real(tiny.dense, frame.rgb, "linear"))


def test_a_silent_lava_check_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "load_policy", lambda *a: replace(load_policy(*a), recovery=False))
    with pytest.raises(EngineError, match="hold no gate_spikes"):
        engines.small_lava_witness(engines.LAVA_SPEAKS)


@pytest.mark.skipif(not LAVA, reason=f"needs Lava: {WHY}")
def test_lava_checks_gates_that_fire_and_restore() -> None:
    found = engines.small_lava_witness(8)
    assert (found["frames"], found["mismatches"]) == (8, 0)
    assert min(found[k] for k in ("gate_spikes", "restored_regions", "closed_tokens")) > 0


def test_camvids_classes_are_shown_as_those_of_streets() -> None:
    config = replace(TINY_CONFIG, classes=11)
    logits = np.zeros((config.tokens, config.outputs), np.float32)
    logits[:, 10 :: config.classes] = 1  # bicyclist everywhere
    assert (loop.street_map(logits, config) == CLASS_NAMES.index("pedestrian")).all()
    eight = np.zeros((TINY_CONFIG.tokens, TINY_CONFIG.outputs), np.float32)
    eight[:, 7 :: TINY_CONFIG.classes] = 1
    assert (loop.street_map(eight, TINY_CONFIG) == 7).all()
