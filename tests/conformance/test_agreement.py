"""The reference and the fast simulator agree on every value of every port and on every count."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversion.cases.building import Case, balance, edge
from conversion.cases.hypothesis_networks import networks
from conversion.cases.small import CASES
from conversion.graph import Graph
from conversion.nodes import (
    Delta,
    Dense,
    Input,
    Node,
    Output,
    SigmaDelta,
)
from depth_snn.errors import OverflowInGraph
from sims import fast, reference
from sims.counts import COUNT_FIELDS
from sims.result import SimResult, first_difference

QUICK = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def assert_same(left: SimResult, right: SimResult) -> None:
    assert left.values.keys() == right.values.keys()
    difference = first_difference(left.values, right.values)
    assert difference is None, str(difference)
    assert left.counts.keys() == right.counts.keys()
    for field in COUNT_FIELDS:
        of_left = {name: getattr(c, field) for name, c in left.counts.items()}
        of_right = {name: getattr(c, field) for name, c in right.counts.items()}
        counted = first_difference(of_left, of_right)
        assert counted is None, f"{field}: {counted}"
    for name, counts in left.counts.items():
        other = right.counts[name]
        assert (counts.kind, counts.runs_on, counts.neurons) == (
            other.kind,
            other.runs_on,
            other.neurons,
        )


def outcome(run: Callable[[], SimResult]) -> SimResult | None:
    """The result, or None where a register overflowed."""
    try:
        return run()
    except OverflowInGraph:
        return None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", CASES)
def test_cases(name: str, seed: int) -> None:
    graph, inputs = CASES[name](seed)
    assert_same(reference.simulate(graph, inputs).result, fast.simulate(graph, inputs))


@given(networks())
@QUICK
def test_random_networks(case: Case) -> None:
    graph, inputs = case
    expected = outcome(lambda: reference.simulate(graph, inputs).result)
    found = outcome(lambda: fast.simulate(graph, inputs))
    assert (expected is None) == (found is None), "one simulator overflows where the other does not"
    loose = outcome(lambda: fast.simulate(graph, inputs, strict=False))
    if expected is not None and found is not None:
        assert_same(expected, found)
        assert loose is not None
    # Beyond 62 bits the fast simulator raises in either mode, where Python's integers go on.
    if loose is not None:
        assert_same(reference.simulate(graph, inputs, strict=False).result, loose)


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
