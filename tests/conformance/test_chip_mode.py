"""Chip mode: values at and beyond ±2^23 and ±2^31 wrap in both simulators as they do in Lava."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from conversion.graph import Graph
from conversion.nodes import (
    LIF,
    Conv,
    Delta,
    Dense,
    HostTable,
    Input,
    LinearAttention,
    Node,
    Output,
    Regroup,
    SigmaDelta,
    Skip,
    StockSigmaDelta,
    SumPool,
)
from depth_snn.errors import OverflowInGraph
from loihi import lava_available, simulate_on_lava
from sims import fast, reference
from sims.fast.width import Width
from sims.reference.integers import wrap
from tests.conformance.building import Case, IntArray, balance, edge, weights
from tests.conformance.random_networks import networks
from tests.conformance.test_agreement import QUICK, assert_same
from tests.conformance.test_lava import differences

OK, WHY = lava_available()
TOP = 2**31 - 1
SHAPE = (4, 3)
SIZE = {"tokens": 4, "channels": 3}
OPEN = {"shift": 0, "lo": -(2**40), "hi": 2**40, "gated": False, "stage": 0}


def edge_values(rng: np.random.Generator, shape: tuple[int, ...]) -> IntArray:
    """Integers on both sides of ±2^23 and ±2^30, at the ends of int32, small ones and zeros."""
    near = [s * (2**b + d) for s in (1, -1) for b in (16, 17, 23, 24, 25, 30) for d in (-1, 0, 1)]
    return rng.choice([*near, TOP, -TOP, TOP - 1, 5, -3, 0, 0, 0], shape).astype(np.int64)


def connections(rng: np.random.Generator) -> list[Node]:
    """One of every kind, on a grid of 2 × 2."""
    grid = {"height": 2, "width": 2}
    return [
        Dense(name="dense", tokens=4, weight=weights(rng, 3, 3, 127), exponent=0),
        Dense(name="shifted", tokens=4, weight=weights(rng, 3, 3, 127), exponent=5),
        Skip(name="skip", exponent=0, **SIZE),
        Skip(name="lifted", exponent=3, **SIZE),
        Conv(name="conv", weight=weights(rng, 3, 27, 127).reshape(3, 3, 3, 3), stride=1,
             padding=1, exponent=0, **grid),
        SumPool(name="pool", channels=3, kernel_down=3, kernel_across=3, stride=1, padding=1,
                exponent=2, **grid),
        Regroup(name="regroup", index=[[1], [3], [0], [2]], positions=4, channels=3, exponent=4),
    ]  # fmt: skip


def neurons() -> list[Node]:
    """LIFs of every reset and current, and Lava's own sigma-delta neurons."""
    rule = {"count": 4, "channels": 3}
    return [
        LIF(name="lif.zero", du=100, dv=200, vth=2**16, reset="zero", **rule),
        LIF(name="lif.keep", du=0, dv=0, vth=2**17, reset="zero", bias=[7, -9, 1], warmup=0,
            **rule),
        LIF(name="lif.take", du=4095, dv=9, vth=40, reset="subtract", **rule),
        LIF(name="lif.late", du=2000, dv=1, vth=900, reset="subtract_late", **rule),
        StockSigmaDelta(name="stock", bias=[4, -4, 60000], threshold=3, **SIZE),
        StockSigmaDelta(name="stock.in", bias=[0, 0, 0], threshold=3, absolute=True, **SIZE),
    ]  # fmt: skip


def overflowing(seed: int, frames: int = 8) -> Case:
    """Every register of a chip, driven beyond its ends."""
    rng = np.random.default_rng(seed)
    heads = LinearAttention(
        name="attention", tokens=4, heads=1, head_dim=3, stage=0, state_shift=2, state_max=2**30,
        gated=False,
    )  # fmt: skip
    joins, cells = connections(rng), neurons()
    nodes = [
        Input(name="x", shape=SHAPE, lo=-TOP, hi=TOP),
        Delta(name="code", bias=[1, -1, 2**20], **SIZE, **OPEN),
        *joins,
        SigmaDelta(name="sum", bias=[0, 3, -3], threshold=2, **SIZE, **OPEN),
        *cells,
        heads,
        Output(name="out", bias=[0, 0, 0], **SIZE),
    ]
    paths = [f"code -> {n.name}" for n in joins] + [f"{n.name} -> sum" for n in joins]
    paths += [f"x -> {n.name}" for n in cells] + [f"conv -> {n.name}" for n in cells[:5]]
    paths += ["x -> code", "sum -> out", *(f"code -> attention:{p}" for p in "qkv")]
    return balance("overflowing", nodes, map(edge, paths)), {
        "x": edge_values(rng, (frames, *SHAPE))
    }


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
    want = reference.simulate(graph, inputs, overflow="chip").by_step
    got = simulate_on_lava(graph, inputs, stock=stock, overflow="chip", deadline_s=120).by_step
    assert len(got) >= len(want) - (2 if stock else 0)
    assert differences(got, want) == []
