"""The reference and the fast simulator agree on every value of every port and on every count."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversion.graph import Graph
from conversion.nodes import (
    LIF,
    Delta,
    Dense,
    Input,
    LinearAttention,
    Node,
    Output,
    RestoreGate,
    SigmaDelta,
    Skip,
)
from depth_snn.errors import OverflowInGraph
from sims import fast, reference
from sims.counts import COUNT_FIELDS
from sims.result import SimResult, first_difference
from tests.conformance.building import Case, Inputs, IntArray, balance, edge
from tests.conformance.cases import CASES

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


class Builder:
    """Grows a random graph: every new node reads values that are already there."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int], bits: int) -> None:
        self._draw = draw
        self.rng = np.random.default_rng(self.number(0, 2**31))
        self.frames, self.tokens, self.stages = (
            self.number(1, 6),
            self.number(1, 5),
            self.number(1, 3),
        )
        self.bits = bits
        self.nodes: list[Node] = []
        self.paths: list[str] = []
        self.inputs: Inputs = {}
        self.values: list[tuple[str, int]] = []
        self.gate = "sched"

    def number(self, lo: int, hi: int) -> int:
        return self._draw(st.integers(lo, hi))

    def pick(self, *options: int) -> int:
        return options[self.number(0, len(options) - 1)]

    def integers(self, lo: int, hi: int, *shape: int) -> IntArray:
        """Integers in lo … hi with the ends and zero drawn often."""
        plain = self.rng.integers(lo, hi, shape, endpoint=True)
        ends = self.rng.choice([lo, hi, int(np.clip(0, lo, hi))], shape)
        return np.where(self.rng.random(shape) < 0.3, ends, plain).astype(np.int64)

    def source(self, shape: tuple[int, ...], lo: int, hi: int, name: str = "") -> str:
        name = name or f"n{len(self.nodes)}"
        self.nodes.append(Input(name=name, shape=shape, lo=lo, hi=hi))
        values = self.integers(lo, hi, self.frames, *shape)
        still = self.rng.random((self.frames, *shape[:1])) < 0.4
        for f in range(1, self.frames):
            values[f][still[f]] = values[f - 1][still[f]]
        self.inputs[name] = values
        return name

    def add_gate(self) -> None:
        """The masks: an Input, or a whole gate population that opens more of them."""
        self.source((self.stages, self.tokens), 0, 1, "sched")
        if self.pick(0, 1):
            return
        regions = self.number(1, 3)
        drive = self.source((regions,), *((-(2**17), 2**17), (-30, 200))[self.pick(0, 1)])
        fixed = self.source((1,), 0, 60)
        price = self.integers(0, 50, self.stages)
        self.nodes += [
            LIF(name="lif", count=regions, du=self.pick(-1, 0, 700, 4095),
                dv=self.pick(0, 1, 163, 4095, 4096), vth=self.pick(0, 5, 100, 2**17 - 1),
                reset=("zero", "subtract")[self.pick(0, 1)]),
            RestoreGate(name="restore", region_of=self.integers(0, regions - 1, self.tokens),
                        price=price, own_price=price // self.pick(1, 2), regions=regions,
                        hold=self.number(1, 3), cap_percent=self.number(0, 150),
                        refill_percent=self.number(0, 80), capacity=self.number(0, 400)),
        ]  # fmt: skip
        self.paths += [f"{drive} -> lif", "lif -> restore:spikes", f"{fixed} -> restore:fixed",
                       "lif:membrane -> restore:membrane", "sched -> restore:sched"]  # fmt: skip
        self.gate = "restore"

    def add_value(self) -> None:
        """One more node that gives a value (N, C), of a random kind."""
        grow = (self.encoder, self.encoder, self.sigma, self.dense, self.skip, self.attention)
        name = f"n{len(self.nodes)}"
        node, feeds = grow[self.number(0, len(grow) - 1)](name)
        self.nodes.append(node)
        self.paths += [f"{source} -> {name}:{port}" for source, port in feeds]
        if "gate" in node.inputs:
            self.paths.append(f"{self.gate} -> {name}:gate")
        self.values.append((name, node.output_shape("out")[1]))

    def any_value(self, channels: int | None = None) -> tuple[str, int]:
        fit = [value for value in self.values if channels in (None, value[1])]
        return fit[self.number(0, len(fit) - 1)]

    def _coder(self, cls: type[Delta], name: str, channels: int) -> Delta:
        reach = self.pick(0, 1, 7, 127, 2**14, 2**22)
        shape = (channels,) if self.pick(0, 1) else (self.tokens, channels)
        size = self.pick(0, 3, 300, 2**20)
        return cls(name=name, tokens=self.tokens, channels=channels,
                   bias=self.integers(-size, size, *shape), stage=self.number(0, self.stages - 1),
                   shift=self.pick(0, 0, 1, 7, 30), lo=-reach * self.pick(0, 1), hi=reach,
                   threshold=self.pick(0, 0, 1, 2, 9))  # fmt: skip

    def encoder(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        source, channels = self.any_value()
        return self._coder(Delta, name, channels), [(source, "in")]

    def sigma(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        source, channels = self.any_value()
        more = [self.any_value(channels)[0] for _ in range(self.number(0, 2))]
        return self._coder(SigmaDelta, name, channels), [(s, "in") for s in (source, *more)]

    def dense(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        source, channels = self.any_value()
        weight = self.integers(-127, 127, self.number(1, 4), channels)
        exponent = self.pick(0, 1, 4)
        return Dense(name=name, tokens=self.tokens, weight=weight, exponent=exponent), [
            (source, "in")
        ]

    def skip(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        source, channels = self.any_value()
        exponent = self.pick(0, 1, 4)
        return Skip(name=name, tokens=self.tokens, channels=channels, exponent=exponent), [
            (source, "in")
        ]

    def attention(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        source, channels = self.any_value()
        divisors = [h for h in range(1, channels + 1) if channels % h == 0]
        heads = divisors[self.number(0, len(divisors) - 1)]
        node = LinearAttention(name=name, tokens=self.tokens, heads=heads,
                               head_dim=channels // heads, stage=self.number(0, self.stages - 1),
                               state_shift=self.pick(0, 1, 6, 30),
                               state_max=self.pick(1, 20, 255, 2**20))  # fmt: skip
        feeds = [(source, "q"), *((self.any_value(channels)[0], port) for port in "kv")]
        return node, feeds

    def finish(self) -> Graph:
        name, channels = self.values[-1]
        bias = self.integers(-9, 9, channels)
        self.nodes.append(Output(name="out", tokens=self.tokens, channels=channels, bias=bias))
        self.paths.append(f"{name} -> out")
        return balance("random", self.nodes, map(edge, self.paths))


@st.composite
def networks(draw: Callable[[st.SearchStrategy[int]], int]) -> Case:
    """A small random network with random inputs, some of them far beyond what fits."""
    builder = Builder(draw, bits=draw(st.sampled_from([2, 8, 8, 8, 14, 22, 30])))
    builder.add_gate()
    top = 2**builder.bits
    for _ in range(builder.number(1, 2)):
        channels = builder.number(1, 4)
        name = builder.source((builder.tokens, channels), -top, top)
        builder.values.append((name, channels))
    for _ in range(builder.number(1, 8)):
        builder.add_value()
    return builder.finish(), builder.inputs


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
