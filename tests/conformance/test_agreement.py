"""The reference and the fast simulator on networks beyond the fixed set, and on reopened gates."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversion.cases.building import Case, balance, edge
from conversion.cases.hypothesis_networks import networks
from conversion.graph import Graph
from conversion.nodes import (
    Delta,
    Dense,
    Input,
    Node,
    Output,
    SigmaDelta,
)
from sims import fast, reference
from sims.conformance import Answer, fast_engine, reference_engine
from sims.conformance.compare import compare

QUICK = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def assert_same(graph: Graph, left: Answer, right: Answer) -> None:
    found = compare(graph, left, right)
    assert found.mismatches == 0, found.first


def after_the_end(graph: Graph, frames: int, refusal: str) -> bool:
    """Whether an overflow belongs to no frame, so that an engine by frame never computes it."""
    found = re.match(r"node '(?P<node>.*?)' .* at step (?P<step>\d+),", refusal)
    assert found is not None, refusal
    node = graph.by_name[found["node"]]
    return int(found["step"]) >= frames + graph.lags[node.name] - node.latency


@given(networks())
@QUICK
def test_random_networks(case: Case) -> None:
    """A search beside the fixed set: every value, every count, both modes."""
    graph, inputs = case
    expected, found = (
        e.answer(graph, inputs, "strict") for e in (reference_engine(), fast_engine())
    )
    frames = len(next(iter(inputs.values())))
    late = expected.overflow and not found.overflow
    if not late:
        assert_same(graph, found, expected)
    assert not late or after_the_end(graph, frames, expected.overflow)
    loose = fast_engine().answer(graph, inputs, "unbounded")
    # Beyond 62 bits the fast simulator raises in either mode, where Python's integers go on.
    assert not loose.overflow or found.overflow
    if not loose.overflow:
        assert_same(graph, loose, reference_engine().answer(graph, inputs, "unbounded"))


def gated(stages: int, rule: Callable[..., list[Node]], paths: list[str], tokens: int) -> Graph:
    """A graph of one gated encoder whose messages an Output sums: its ``sent``."""
    nodes = [
        Input(name="x", shape=(tokens, 2), lo=-900, hi=900),
        Input(name="mask", shape=(stages, tokens), lo=0, hi=1),
        *rule(tokens=tokens, channels=2, shift=2, lo=-127, hi=127, bias=np.array([5, -40])),
        Output(name="out", tokens=tokens, channels=2),
    ]
    return balance("gated", nodes, map(edge, paths))


def delta_alone(**rule: object) -> list[Node]:
    return [Delta(name="code", stage=0, **rule)]  # type: ignore[arg-type]


def delta_then_sigma(**rule: object) -> list[Node]:
    weight = np.array([[3, -2], [1, 5]])
    return [
        Delta(name="first", stage=1, **rule),  # type: ignore[arg-type]
        Dense(name="dense", tokens=rule["tokens"], weight=weight, exponent=1),  # type: ignore[arg-type]
        SigmaDelta(name="code", stage=0, **rule),  # type: ignore[arg-type]
    ]


GATED = {
    "delta": (1, delta_alone, ["x -> code", "mask -> code:gate", "code -> out"]),
    "sigma": (2, delta_then_sigma, ["x -> first", "mask -> first:gate", "first -> dense",
                                    "dense -> code", "mask -> code:gate", "code -> out"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", GATED)
@given(seed=st.integers(0, 10**6), before=st.integers(0, 3), closed=st.integers(1, 5))
@settings(QUICK, max_examples=25)
def test_a_reopened_encoder_has_sent_what_one_never_closed_has(
    kind: str, seed: int, before: int, closed: int
) -> None:
    rng = np.random.default_rng(seed)
    stages, rule, paths = GATED[kind]
    graph = gated(stages, rule, paths, tokens=3)
    frames = before + closed + 2
    x = rng.integers(-900, 901, (frames, 3, 2))
    always = np.ones((frames, stages, 3), np.int64)
    gap = always.copy()
    gap[before : before + closed, 0] = 0
    for run in (lambda i: reference.simulate(graph, i).result, lambda i: fast.simulate(graph, i)):
        never, reopened = run({"x": x, "mask": always}), run({"x": x, "mask": gap})
        sent = "out.out"
        after = before + closed
        assert np.array_equal(never.values[sent][after:], reopened.values[sent][after:])
        assert np.array_equal(never.values[sent][:before], reopened.values[sent][:before])
        assert not reopened.counts["code"].messages[before:after].any()
