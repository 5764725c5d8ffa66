"""The fast simulator by itself: hand-worked values, exact products, limits, refusals, streaming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from conversion.cases.building import balance, edge
from conversion.cases.overflows import OVERFLOWS
from conversion.cases.small import block_case, dense_case, lif_case
from conversion.graph import Graph
from conversion.nodes import (
    LIF,
    Delta,
    Input,
    Node,
    Output,
    SigmaDelta,
    Skip,
)
from depth_snn.errors import EngineError, GraphError, InputError, OverflowInGraph
from sims import reference
from sims.fast import FastSimulator, simulate
from sims.fast.exact import DOUBLE_EXACT, SINGLE_EXACT, ExactWeight, product
from sims.fast.width import HOST
from sims.result import Difference, SimResult, first_difference


def build(nodes: Sequence[Node], *paths: str) -> Graph:
    return balance("made", nodes, map(edge, paths))


def column(*values: int) -> np.ndarray:
    """One token, one channel, one value per frame: (T, 1, 1)."""
    return np.array(values).reshape(-1, 1, 1)


X, MASK = Input(name="x", shape=(1, 1), lo=-(2**60), hi=2**60), "mask -> code:gate"
GATE = Input(name="mask", shape=(1, 1), lo=0, hi=1)
RULE = {"name": "code", "tokens": 1, "channels": 1, "stage": 0}


def messages(node: Node, values: Sequence[int], mask: Sequence[int]) -> list[int]:
    graph = build((X, GATE, node), "x -> code", MASK)
    run = simulate(graph, {"x": column(*values), "mask": column(*mask)})
    return run.values["code.out"].ravel().tolist()


def test_delta_by_hand() -> None:
    # acts: rshift(x - 1, 1) in -3..3; threshold 2: 3 is sent, 2 is 1 away and dropped, 1 is sent.
    node = Delta(**RULE, bias=[-1], shift=1, lo=-3, hi=3, threshold=2)
    assert messages(node, [99, 4, 2, -9, -9], [1, 1, 1, 0, 1]) == [3, 0, -2, 0, -4]


def test_sigma_delta_by_hand() -> None:
    # sigma 5, 4, 14, 14 plus bias 1, halved with round half up: 3, closed, 8 clipped to 7, 7.
    node = SigmaDelta(**RULE, bias=[1], shift=1, lo=0, hi=7)
    assert messages(node, [5, -1, 10, 0], [1, 0, 1, 1]) == [3, 0, 4, 0]


def test_lif_wraps_decays_and_resets() -> None:
    lif = LIF(name="lif", count=1, du=4095, dv=2048, vth=100, reset="subtract")
    graph = build((Input(name="x", shape=(1,), lo=-(2**20), hi=2**20), lif), "x -> lif")
    drive = [101, -2, 2**17, 2**17 + 1, -(2**17), 2**17]
    run = simulate(graph, {"x": np.array(drive).reshape(-1, 1)})
    expected = [
        6464,  # above 6400: a spike leaves 64
        32 - 128,
        -48 + 2**23,  # a current of 2^23 does not wrap; a spike takes 6400
        (2**23 - 6448) // 2 + 64 - 2**23,  # 2^23 + 64 wraps
        -(2**22 + 3160) // 2 + 2**23,  # and so does -2^23, to 2^23
        2**23 - 1,  # clipped
    ]
    assert run.values["lif.membrane"].ravel().tolist() == expected
    assert run.values["lif.out"].ravel().tolist() == [1, 0, 1, 0, 1, 1]


def test_streaming_gives_what_the_whole_run_gives() -> None:
    graph, inputs = block_case(3)
    whole = simulate(graph, inputs)
    stream = FastSimulator(graph)
    for f in range(whole.frames):
        frame = stream.step({name: array[f] for name, array in inputs.items()})
        assert frame.keys() == whole.values.keys()
        for key, value in frame.items():
            assert np.array_equal(value, whole.values[key][f])
            value[...] = 77  # the caller's own: must not reach the simulator's state
    for name, counts in stream.counts.items():
        assert np.array_equal(counts.messages, whole.counts[name].messages)


def test_probes_limit_what_is_kept_and_change_nothing() -> None:
    graph, inputs = block_case(1)
    seen: list[int] = []
    whole, probed = (
        simulate(graph, inputs),
        simulate(graph, inputs, probes=["head.out.out"], on_frame=seen.append),
    )
    assert list(probed.values) == ["head.out.out"]
    assert first_difference(whole.values, probed.values) is None
    assert np.array_equal(whole.counts["block1.h"].messages, probed.counts["block1.h"].messages)
    assert seen == list(range(whole.frames))


def test_a_frame_with_closed_gates_moves_nothing() -> None:
    graph, inputs = block_case(2)
    inputs["sched"][1:], inputs["drive"][:] = 0, 0
    run = simulate(graph, inputs)
    for counts in run.counts.values():
        assert not counts.messages[1:].any() and not counts.synaptic_operations[1:].any()
    assert run.counts["block1.h"].messages[0] > 0
    out = run.values["head.out.out"]
    assert np.array_equal(out[1:], np.broadcast_to(out[0], out[1:].shape))


@pytest.mark.parametrize("top", [SINGLE_EXACT, DOUBLE_EXACT, 2**61])
@pytest.mark.parametrize("below", [3, 1, 0, -1])
def test_products_are_exact_on_both_sides_of_each_bound(top: int, below: int) -> None:
    weight = np.array([[127, -127, 1], [1, 1, 1], [0, 0, -127]])
    high = (top - below) // 255 + 1
    x = np.array([[high, -high, high - 1], [high - 1, high, 1], [0, 1, -1]])
    exact = np.array((x.astype(object) @ weight.T.astype(object)).tolist(), np.int64)
    assert np.array_equal(ExactWeight(weight, 0).times(x, HOST, "out")[0], exact)
    assert np.array_equal(product(x, np.ascontiguousarray(weight.T), 3, "out"), exact)
    shifted = ExactWeight(weight, 2).times(x // 4, HOST, "out")[0]
    assert np.array_equal(shifted, (x // 4) @ weight.T << 2)


@pytest.mark.parametrize("quantity", OVERFLOWS)
def test_strict_mode_raises_where_the_reference_does(quantity: str) -> None:
    graph, inputs = OVERFLOWS[quantity]()
    first = {name: array[:1] for name, array in inputs.items()}
    simulate(graph, first)
    reference.simulate(graph, first)
    with pytest.raises(OverflowInGraph, match=r"node 'code', frame 1: \w+\[.*\] = "):
        simulate(graph, inputs)
    with pytest.raises(OverflowInGraph, match=r"node 'code'.*at step 1"):
        reference.simulate(graph, inputs)


def test_after_an_overflow_the_simulator_goes_no_further() -> None:
    graph, _ = OVERFLOWS["skip"]()
    simulator = FastSimulator(graph)
    with pytest.raises(OverflowInGraph, match="does not fit 32 bits"):
        simulator.step({"x": [[2**31]]})
    with pytest.raises(EngineError, match="build a new simulator"):
        simulator.step({"x": [[0]]})


def test_what_int64_cannot_hold_raises_in_either_mode() -> None:
    graph, _ = OVERFLOWS["out"]()
    doubled = build((X, replace(graph.by_name["code"], exponent=16)), "x -> code")  # type: ignore[type-var]
    with pytest.raises(OverflowInGraph, match="does not fit 63 bits"):
        simulate(doubled, {"x": column(2**50)}, overflow="unbounded")


def test_refusals_of_graphs() -> None:
    graph, _ = dense_case()
    late = graph.with_edges(replace(e, delay=e.delay + (e.port == "gate")) for e in graph.edges)
    with pytest.raises(GraphError, match=r"not balanced: patch -> code\.in arrives at 0"):
        FastSimulator(late)
    with pytest.raises(GraphError, match="quantise it"):
        FastSimulator(replace(graph, dialect="float"))
    with pytest.raises(GraphError, match=r"no value 'dense\.nothing'"):
        FastSimulator(graph, ["dense.nothing"])
    end = Output(name="end", tokens=1, channels=1, bias=[4])
    after = Skip(name="after", tokens=1, channels=1, exponent=0)
    with pytest.raises(GraphError, match="end -> after: nothing may follow an Output"):
        FastSimulator(build((X, end, after), "x -> end", "end -> after"))


def test_refusals_of_inputs() -> None:
    graph, inputs = lif_case()
    drive = inputs["drive"]
    wrong = {
        "no value for drive": {},
        "unknown extra": {"drive": drive, "extra": drive},
        "expected integers": {"drive": drive.astype(float)},
        "expected shape": {"drive": drive[:, :3]},
        "leaves its range": {"drive": drive + 10**6},
    }
    for message, given in wrong.items():
        with pytest.raises(InputError, match=message):
            simulate(graph, given)
    graph, inputs = dense_case()
    with pytest.raises(InputError, match="numbers of frames differ"):
        simulate(graph, {**inputs, "sched": inputs["sched"][1:]})


def test_first_difference_is_the_earliest() -> None:
    a = {"p.out": np.zeros((4, 2), np.int64), "q.out": np.zeros((4, 3), np.int64)}
    b = {key: value.copy() for key, value in a.items()}
    assert first_difference(a, b) is None
    b["p.out"][3, 0], b["q.out"][1, 2] = 5, -7
    found = first_difference(a, b)
    assert found == Difference(1, "q.out", (2,), 0, -7)
    assert str(found) == "step 1, q.out[2]: left 0, right -7"
    with pytest.raises(EngineError, match="nothing to compare"):
        first_difference(a, {"other.out": a["p.out"]})
    with pytest.raises(EngineError, match="shape"):
        first_difference(a, {"p.out": a["p.out"][:3]})


def test_results_are_read_only_and_checked() -> None:
    graph, inputs = dense_case()
    run = simulate(graph, inputs)
    with pytest.raises(ValueError, match="read-only"):
        run.values["out.out"][0, 0, 0] = 1
    with pytest.raises(EngineError, match="expected int64 with 9 frames"):
        SimResult(frames=9, values=run.values, counts={})
