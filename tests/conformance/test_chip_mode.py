"""Chip mode: values at and beyond ±2^23 and ±2^31 wrap in both simulators as they do in Lava."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from conversion.cases.building import IntArray, balance, edge
from conversion.cases.hypothesis_networks import networks
from conversion.cases.wrapping import SHAPE, TOP, overflowing
from conversion.graph import Graph
from conversion.nodes import (
    HostTable,
    Input,
)
from depth_snn.errors import OverflowInGraph
from loihi import lava_available, simulate_on_lava
from sims import fast, reference
from sims.fast.width import Width
from sims.reference.integers import wrap
from sims.result import first_difference
from tests.conformance.same import assert_same
from tests.conformance.test_agreement import QUICK

OK, WHY = lava_available()


@pytest.mark.parametrize("seed", range(12))
def test_both_simulators_wrap_alike(seed: int) -> None:
    graph, inputs = overflowing(seed)
    slow = reference.simulate(graph, inputs, overflow="chip").result
    assert_same(slow, fast.simulate(graph, inputs, overflow="chip"))
    free = reference.simulate(graph, inputs, overflow="unbounded").result
    wrapped = {key for key in slow.values if (slow.values[key] != free.values[key]).any()}
    assert wrapped >= {
        f"{n}.out"
        for n in ("code", "dense", "shifted", "skip", "lifted", "conv", "pool", "regroup", "sum",
                  "attention", "stock", "stock.in", "out")
    }  # fmt: skip
    assert any(key.startswith("lif.") for key in wrapped)
    for run in (reference.simulate, fast.simulate):
        with pytest.raises(OverflowInGraph, match="node '"):
            run(graph, inputs)


@given(networks())
@QUICK
def test_where_nothing_overflows_nothing_changes(case: tuple[Graph, dict[str, IntArray]]) -> None:
    graph, inputs = case
    try:
        strict = fast.simulate(graph, inputs)
    except OverflowInGraph:
        return
    assert_same(strict, fast.simulate(graph, inputs, overflow="chip"))


def test_off_the_chip_nothing_wraps() -> None:
    table = HostTable(name="table", lo=0, table=[0, 1], tokens=4, channels=3, stage=0, gated=False)
    source = Input(name="x", shape=SHAPE, lo=-TOP, hi=TOP)
    graph = balance("host", [source, table], [edge("x -> table")])
    inputs = {"x": np.full((1, *SHAPE), TOP)}
    for run in (reference.simulate, fast.simulate):
        with pytest.raises(OverflowInGraph, match="table"):
            run(graph, inputs, overflow="chip")


@pytest.mark.parametrize("bits", [24, 31, 32, 63])
def test_a_register_that_wraps_is_twos_complement(bits: int) -> None:
    half = 2 ** (bits - 1)
    values = [half - 1, half, half + 1, -half, -half - 1, 0, -1, 2 * half - 1, -2 * half]
    kept = Width(bits, wraps=True).keep("x", np.array(values, np.int64)).tolist()
    assert kept == [wrap(x, bits) for x in values]
    assert kept[:5] == [half - 1, -half, 1 - half, -half, half - 1]


@pytest.mark.skipif(not OK, reason=f"the Lava target needs Lava: {WHY}")
@pytest.mark.parametrize("stock", [False, True], ids=["own processes", "stock processes"])
def test_lava_wraps_alike_at_every_step(stock: bool) -> None:
    graph, inputs = overflowing(3)
    want = dict(reference.simulate(graph, inputs, overflow="chip").by_step)
    got = simulate_on_lava(graph, inputs, stock=stock, overflow="chip", deadline_s=120).by_step
    assert len(got) >= len(want) - (2 if stock else 0)
    assert first_difference(dict(got), {key: want[key] for key in got}) is None
