"""The set can fail: an error planted in any part of the fast simulator, or in a rule, is seen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from conversion.cases.case import ConformanceCase
from conversion.cases.registry import select, standard_cases
from conversion.graph import Graph
from conversion.nodes import QUANTISED_NODES, Node
from depth_snn.errors import GraphError
from sims.conformance import fast_engine, reference_engine
from sims.conformance.batch import Task, answers
from sims.conformance.compare import compare
from sims.fast import simulator
from sims.fast.spiking.tables import KINDS
from sims.fast.tokens import token_program_of
from sims.fast.tokens.fits import fits
from sims.fast.tokens.tables import KINDS as TOKEN_KINDS
from tests.conformance.depth import depth_case, gate_case

Change = Callable[[Any], Node]
FAMILIES = ("edge/*", "limit/*", "small/* 0", "spiking/0?", "spiking/* 0", "loop/* 0", "random/0??")
SMALL = 20_000
"""Integers of the cases that are tried, the smallest first."""


def more(field: str, by: int = 1) -> Change:
    """One field off by one."""
    return lambda node: replace(node, **{field: getattr(node, field) + by})


def first_entry(field: str, by: int = 1) -> Change:
    """One number of an array off by one."""

    def change(node: Node) -> Node:
        array = np.array(getattr(node, field))
        if not array.size:
            return node
        array.flat[0] += by if array.flat[0] < 127 else -by
        return replace(node, **{field: array})  # type: ignore[arg-type]

    return change


def doubled(field: str) -> Change:
    """The first number of an array twice as large."""

    def change(node: Node) -> Node:
        array = np.array(getattr(node, field))
        array.flat[0] *= 2
        return replace(node, **{field: array})  # type: ignore[arg-type]

    return change


def other(field: str, value: object) -> Change:
    return lambda node: replace(node, **{field: value})


def swapped(node: Any) -> Node:
    """The first two positions of a Regroup in each other's place."""
    index = np.array(node.index)
    index.flat[:2] = index.flat[:2][::-1]
    return replace(node, index=index)


def shape_kept(field: str, by: int) -> Change:
    """A window moved by one, where that leaves as many outputs."""

    def change(node: Any) -> Node:
        moved = replace(node, **{field: getattr(node, field) + by})
        return moved if moved.output_shape("out") == node.output_shape("out") else node

    return change


ENCODER = {
    "bias": first_entry("bias"), "threshold": more("threshold"), "hi": more("hi"),
    "lo": more("lo", -1), "shift": more("shift"),
}  # fmt: skip
PLANTED: dict[str, dict[str, Change]] = {
    "Delta": ENCODER,
    "SigmaDelta": ENCODER,
    "StockSigmaDelta": {"threshold": more("threshold"), "bias": first_entry("bias"),
                        "state_exp": more("state_exp"), "spike_exp": more("spike_exp")},
    "Dense": {"weight": first_entry("weight"), "exponent": more("exponent")},
    "Conv": {"weight": first_entry("weight"), "exponent": more("exponent"),
             "padding": shape_kept("padding", 1)},
    "Sparse": {"weight": first_entry("weight"), "exponent": more("exponent")},
    "SumPool": {"exponent": more("exponent"), "padding": shape_kept("padding", 1)},
    "Skip": {"exponent": more("exponent")},
    "Regroup": {"exponent": more("exponent"), "index": swapped},
    "LinearAttention": {"state_shift": more("state_shift", -1), "state_max": more("state_max")},
    "HostNorm": {"gain": more("gain", -1), "floor": more("floor")},
    "HostTable": {"table": first_entry("table"), "lo": more("lo")},
    "SoftmaxAttention": {"gain": more("gain", -1), "exp_table": doubled("exp_table"),
                         "exp_shift": more("exp_shift")},
    "LIF": {"dv": more("dv"), "du": more("du"), "vth": more("vth"), "bias": first_entry("bias"),
            "reset to zero": other("reset", "zero"), "reset": other("reset", "subtract"),
            "late reset": other("reset", "subtract_late"),
            "reset_every": more("reset_every"), "warmup": more("warmup")},
    "Delay": {"steps": first_entry("steps")},
    "RestoreGate": {"hold": more("hold"), "cap": more("cap_percent"),
                    "refill": more("refill_percent"), "price": first_entry("price"),
                    "own_price": first_entry("own_price", -1), "capacity": more("capacity")},
    "Output": {"bias": first_entry("bias")},
}  # fmt: skip
"""By kind and what is wrong with it: the node that the fast simulator gets in place of its own."""

RULES: dict[str, tuple[str, Callable[..., Any]]] = {
    "a decay that rounds down": ("sims.reference.population.decay",
                                 lambda x, m: (x * (4096 - m)) >> 12),
    "a current that does not wrap": ("sims.reference.population.wrap_once", lambda u: u),
    "-2^23 that does not wrap": ("sims.reference.population.wrap_once",
                                 lambda u: u - 2**24 if u > 2**23 else
                                 u + 2**24 if u < -(2**23) else u),
    "2^23 that wraps": ("sims.reference.population.wrap_once",
                        lambda u: u - 2**24 if u >= 2**23 else u + 2**24 if u <= -(2**23) else u),
    "a potential that is not clipped": ("sims.reference.population.clip", lambda x, lo, hi: x),
    "a shift that rounds down": ("sims.reference.encoders.rshift", lambda x, shift: x >> shift),
    "a value that is not clipped": ("sims.reference.encoders.clip", lambda x, lo, hi: x),
    "a state that is not clipped": ("sims.reference.attention.clip", lambda x, lo, hi: x),
    "a division that rounds down": ("sims.reference.host.divide", lambda n, d: n // d),
}  # fmt: skip
"""By what is wrong: a rule of the reference, and what stands in its place."""

NO_ERROR_OF_TOKENS = {("LIF", "warmup")}
"""A graph with frames before frame 0 is no program of tokens."""


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    """Small cases with the reference's answers, the smallest first."""
    found = []
    for case in select(standard_cases(), FAMILIES):
        graph, inputs = case.build()
        shown = sum(int(np.prod(n.output_shape(p))) for n in graph.nodes for p in n.outputs)
        size = shown * len(next(iter(inputs.values())))
        if size < SMALL:
            answer = reference_engine().answer(graph, inputs, case.mode)
            found.append((size, Task(case, graph, inputs, answer)))
    return [task for _, task in sorted(found, key=lambda pair: pair[0])]


def caught_by(tasks: list[Task], kind: str) -> str:
    """The first case that sees the planted error; empty if none does."""
    for task in tasks:
        if not task.graph.of_kind(kind):
            continue
        [(answer, _)] = answers(fast_engine(), [task])
        # A node that cannot be built shows nothing about the rule.
        if isinstance(answer, str):
            continue
        if compare(task.graph, answer, task.expected).mismatches:
            return task.case.name
    return ""


def test_every_kind_has_a_planted_error() -> None:
    assert set(PLANTED) == set(QUANTISED_NODES) - {"Input"}


@pytest.mark.parametrize(
    ("kind", "what"), [(kind, what) for kind, wrong in PLANTED.items() for what in wrong]
)
def test_an_error_in_a_node_is_caught(
    kind: str, what: str, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the bodies of nodes, which run whatever is no program."""
    real = simulator.body_of
    monkeypatch.setattr(simulator, "program_of", lambda *_, **__: None)

    def wrong_body(node: Node, *rest: Any) -> Any:
        if node.kind == kind:
            with suppress(GraphError):  # at the end of its range
                node = PLANTED[kind][what](node)
        return real(node, *rest)

    monkeypatch.setattr(simulator, "body_of", wrong_body)
    assert caught_by(tasks, kind)


@pytest.mark.parametrize(
    ("kind", "what"), [(kind, what) for kind in ("LIF", *KINDS) for what in PLANTED[kind]]
)
def test_an_error_in_a_program_is_caught(
    kind: str, what: str, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = simulator.program_of

    def wrong(node: Node) -> Node:
        with suppress(GraphError):  # at the end of its range
            return PLANTED[kind][what](node) if node.kind == kind else node
        return node

    def wrong_program(graph: Graph, *rest: Any, **options: Any) -> Any:
        try:
            planted = replace(graph, nodes=tuple(wrong(node) for node in graph.nodes))
        except GraphError:  # the error is none that a program could have
            planted = graph
        return real(planted, *rest, **options)

    monkeypatch.setattr(simulator, "program_of", wrong_program)
    assert caught_by(tasks, kind)


@pytest.fixture(scope="module")
def token_tasks(tasks: list[Task]) -> list[Task]:
    """Those that are programs of tokens, gates by themselves, and a whole network."""
    found = [task for task in tasks if fits(task.graph)]
    for name, built in [(f"gate/{k}", gate_case(k)) for k in range(3)] + [
        ("whole/tiny", depth_case("tiny", 6))
    ]:
        case = ConformanceCase(name, partial(tuple, built))
        found.append(Task(case, *built, reference_engine().answer(*built, case.mode)))
    return found


@pytest.mark.parametrize(
    ("kind", "what"), [(kind, what) for kind in TOKEN_KINDS for what in PLANTED[kind]
                       if (kind, what) not in NO_ERROR_OF_TOKENS]
)  # fmt: skip
def test_an_error_in_a_program_of_tokens_is_caught(
    kind: str, what: str, token_tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(node: Node) -> Node:
        with suppress(GraphError):  # at the end of its range
            return PLANTED[kind][what](node) if node.kind == kind else node
        return node

    def wrong_program(graph: Graph, shown: Any, **_: Any) -> Any:
        planted = graph
        with suppress(GraphError):  # the error is none that a program could have
            planted = replace(graph, nodes=tuple(wrong(node) for node in graph.nodes))
        return token_program_of(planted, shown)

    monkeypatch.setattr(simulator, "program_of", wrong_program)
    assert caught_by(token_tasks, kind)


@pytest.mark.parametrize("what", RULES)
def test_an_error_in_a_rule_is_caught(
    what: str, tasks: list[Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, rule = RULES[what]
    monkeypatch.setattr(target, rule)
    for task in tasks:
        wrong = reference_engine().answer(task.graph, task.inputs, task.case.mode)
        if compare(task.graph, wrong, task.expected).mismatches:
            return
    pytest.fail("no case sees it")
