"""Counts by node and by core against a counter that loops over every synapse and message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from conversion.cases.building import Case, balance, edge, footage
from conversion.cases.loops import coder_loop_case, spiking_loop_case
from conversion.cases.small import CASES
from conversion.cases.spiking import encoded_case, spiking_case, stock_case, vector_case
from conversion.graph import Graph
from conversion.nodes import Delta, Input, Output, SigmaDelta, SumPool
from conversion.placement import PLACED_KINDS, Core, Part, Placement
from sims import fast, reference
from sims.core_counts import CoreCounts, count_cores
from sims.core_work import LOAD_FIELDS, WORK_FIELDS
from sims.flows import LINK_FIELDS
from sims.mesh_traffic import traffic_of
from tests.conformance.brute_force import BruteForce

CORES = tuple(Core(chip, x, y) for chip, x, y in ((0, 0, 0), (0, 3, 1), (0, 1, 4), (1, 0, 0)))
NAMES = (
    "dense", "lif", "encoder", "attention", "gate", "block", "conv", "cells", "picture", "softmax",
    "conv, padding beyond the kernel", "conv, stride beyond the kernel",
    "cells, groups across positions", "softmax, no gates",
)  # fmt: skip


def pool_case(seed: int) -> Case:
    """An ungated encoder, sums over overlapping windows with a border, and an encoder behind."""
    rng = np.random.default_rng(seed)
    pool = SumPool(name="pool", height=5, width=4, channels=3, kernel_down=3, kernel_across=2,
                   stride=2, padding=1, exponent=0)  # fmt: skip
    places = pool.grid[0] * pool.grid[1]
    rule = {"channels": 3, "stage": 0, "shift": 1, "lo": -99, "hi": 99, "gated": False,
            "bias": np.zeros(3, np.int64)}  # fmt: skip
    nodes = (
        Input(name="x", shape=(20, 3), lo=0, hi=255), Delta(name="code", tokens=20, **rule), pool,
        SigmaDelta(name="sum", tokens=places, **rule),
        Output(name="out", tokens=places, channels=3),
    )  # fmt: skip
    paths = ("x -> code", "code -> pool", "pool -> sum", "sum -> out")
    return balance("pool", nodes, map(edge, paths)), {"x": footage(rng, 5, 20, 3)}


EVERY: dict[str, Callable[[int], Case]] = {
    **{name: CASES[name] for name in NAMES},
    "pool": pool_case,
    "loops": spiking_loop_case, "coder loop": coder_loop_case,
    "spiking": spiking_case, "vector": vector_case, "stock": stock_case, "encoded": encoded_case,
}  # fmt: skip


def scattered(graph: Graph, seed: int) -> Placement:
    """Neurons and unplaceable connections in random parts on four cores of two chips."""
    rng = np.random.default_rng(seed)
    parts = {}
    follower = {e.source: e.target for e in reversed(graph.edges)}
    for node in graph.nodes:
        behind = follower.get(node.name)
        alone = behind is None or graph.by_name[behind].runs_on != "neurocore"
        shape = None if behind is None else graph.by_name[behind].output_shape("out")
        alone = alone or shape != node.output_shape("out")
        connection = node.runs_on == "neurocore" and node.kind not in ("Delay", *PLACED_KINDS)
        if node.kind in PLACED_KINDS or (connection and alone):
            size = int(np.prod(node.output_shape("out")))
            cuts = np.unique(rng.integers(1, size, 3)) if size > 1 else np.zeros(0, int)
            ends = [0, *cuts.tolist(), size]
            parts[node.name] = tuple(
                Part(int(rng.integers(len(CORES))), first, last) for first, last in pairwise(ends)
            )
    return Placement(CORES, parts)


def counted_by_core(case: Case, placement: Placement) -> CoreCounts:
    graph, inputs = case
    return count_cores(graph, placement, inputs)


@pytest.mark.parametrize("name", EVERY)
def test_counts_are_those_of_counting_one_by_one(name: str) -> None:
    graph, inputs = case = EVERY[name](1)
    placement = scattered(graph, 7)
    run = reference.simulate(graph, inputs).result
    brute = BruteForce(graph, run.values, placement)
    cores = counted_by_core(case, placement)
    quick = fast.simulate(graph, inputs, probes=()).counts
    for f in range(run.frames):
        on_cores: dict[str, Counter[int]] = {}
        for node in graph.nodes:
            work = brute.work(node.name, f)
            for field in WORK_FIELDS:
                expected = sum(work.get(field, Counter()).values())
                for counts in (run.counts, quick):
                    found = int(getattr(counts[node.name], field)[f])
                    assert found == expected, f"{node.name} {field}, frame {f}"
            for field, by_core in (work | brute.links(node.name, f)).items():
                on_cores.setdefault(field, Counter()).update(by_core)
        tables = {**cores.work, **cores.links, **cores.loads}
        for field in WORK_FIELDS + LINK_FIELDS + LOAD_FIELDS:
            want = [on_cores.get(field, Counter())[core] for core in range(len(CORES))]
            assert tables[field][f].tolist() == want, f"{field}, frame {f}"


def test_something_of_every_kind_was_counted() -> None:
    """The cases above would prove nothing about a count that is 0 in all of them."""
    seen: Counter[str] = Counter()
    kinds, fields = set(), (*WORK_FIELDS, *LINK_FIELDS, *LOAD_FIELDS)
    for build in EVERY.values():
        graph, inputs = case = build(1)
        kinds |= {node.kind for node in graph.nodes}
        counts = counted_by_core(case, scattered(graph, 7))
        seen.update({f: int(counts.per_frame(f).sum()) for f in fields})
        assert inputs
    assert min(seen[field] for field in fields) > 0, seen
    expected = {"Dense", "Sparse", "Conv", "SumPool", "Skip", "Regroup", "Delay", *PLACED_KINDS}
    assert expected <= kinds, expected - kinds


def test_bytes_lie_where_the_values_lie() -> None:
    graph, _ = case = CASES["dense"](0)
    placement = scattered(graph, 3)
    counts = counted_by_core(case, placement)
    quick = fast.simulate(*case, probes=()).counts
    mesh = [n.name for n in graph.nodes if n.runs_on == "neurocore"]
    assert int(counts.state_bytes.sum()) == sum(quick[n].state_bytes or 0 for n in mesh)
    one = Placement(CORES, {n: (Part(2, 0, p[-1].last),) for n, p in placement.parts.items()})
    alone = counted_by_core(case, one)
    assert int(alone.weight_bytes[2]) == sum(quick[n].weight_bytes or 0 for n in mesh)
    assert not alone.per_frame("hops_east_west").any() and not alone.weight_bytes[:2].any()
    assert int(counts.weight_bytes.sum()) >= int(alone.weight_bytes.sum())


@pytest.mark.parametrize("name", ["dense", "attention", "pool", "spiking"])
def test_links_carry_every_hop_of_every_message(name: str) -> None:
    graph, inputs = case = EVERY[name](1)
    placement = scattered(graph, 7)
    counts = counted_by_core(case, placement)
    traffic = traffic_of(counts.flows, placement)
    hops = counts.per_frame("hops_east_west") + counts.per_frame("hops_north_south")
    assert traffic.messages.sum(axis=1).tolist() == hops.tolist() and hops.any()
    run = reference.simulate(graph, inputs).result
    brute = BruteForce(graph, run.values, placement)
    for f in range(run.frames):
        messages, bits = brute.traffic(f)
        for found, wanted in ((traffic.messages, messages), (traffic.bits, bits)):
            shown = {(k.start, k.end): int(n) for k, n in zip(traffic.links, found[f], strict=True)}
            assert {link: n for link, n in shown.items() if n} == dict(wanted), f"frame {f}"
