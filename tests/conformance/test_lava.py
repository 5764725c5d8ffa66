"""Lava's fixed-point models show the reference's integers on every port at every step."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from conversion.nodes import Dense
from depth_snn.errors import OverflowInGraph
from loihi import lava_available, simulate_on_lava
from sims import reference
from tests.conformance.building import Case, IntArray
from tests.conformance.cases import CASES
from tests.conformance.merging import merged
from tests.conformance.random_networks import seeded

OK, WHY = lava_available()
pytestmark = pytest.mark.skipif(not OK, reason=f"the Lava target needs Lava: {WHY}")

LARGE = "two blocks, threshold 4"
# A process for each node, so what other cases or the random networks show is left out.
LEFT_OUT = (
    LARGE, "block", "picture, three levels", "conv, one position changes",
    "conv, all positions change", "conv 1, no padding", "conv as large as the grid",
    "cells, one group, threshold 4", "softmax, threshold 7",
    "loops of encoders, no gates",
)  # fmt: skip
RANDOM_NETWORKS = 8


def differences(got: Mapping[str, IntArray], want: Mapping[str, IntArray]) -> list[str]:
    """First differing step and value of every port that differs."""
    found = []
    for key, values in got.items():
        right = np.asarray(want[key])
        if values.shape != right.shape:
            found.append(f"{key}: shape {values.shape} against {right.shape}")
        elif (values != right).any():
            at = tuple(int(i) for i in np.argwhere(values != right)[0])
            found.append(f"{key} at step {at[0]}{list(at[1:])}: {values[at]} against {right[at]}")
    return found


@pytest.mark.parametrize("stock", [False, True], ids=["own processes", "stock processes"])
def test_lava_equals_the_reference_at_every_step(stock: bool) -> None:
    small = {n: build(11) for n, build in CASES.items() if n not in LEFT_OUT}
    if stock:  # of a convolution nothing would be stock
        small = {n: case for n, case in small.items() if not n.startswith("conv")}
    graph, inputs = merged(small)
    want = reference.simulate(graph, inputs).by_step
    got = simulate_on_lava(graph, inputs, stock=stock, deadline_s=150).by_step
    hidden = set(want) - set(got)
    zeroing = {n.name for n in graph.of_kind("LIF") if getattr(n, "reset", None) == "zero"}
    assert zeroing
    assert hidden == ({f"{name}.membrane" for name in zeroing} if stock else set())
    assert sum(bool(array.any()) for array in got.values()) > len(got) * 0.9
    assert differences(got, want) == []


def test_random_networks() -> None:
    cases: dict[str, Case] = {}
    seed = 0
    while len(cases) < RANDOM_NETWORKS:
        graph, inputs = seeded(seed)
        seed += 1
        if len(set(graph.edges)) < len(graph.edges):
            continue  # Lava connects the same two ports once
        with suppress(OverflowInGraph):
            reference.simulate(graph, inputs)
            cases[str(seed)] = graph, inputs
    graph, inputs = merged(cases)
    assert {"Conv", "Regroup", "LinearAttention"} <= {node.kind for node in graph.nodes}
    want = reference.simulate(graph, inputs).by_step
    got = simulate_on_lava(graph, inputs).by_step
    assert differences(got, want) == []


def test_two_blocks_and_only_the_ports_asked_for() -> None:
    graph, inputs = CASES[LARGE](12)
    wanted = [f"{node.name}.out" for node in graph.nodes if node.kind in ("SigmaDelta", "Output")]
    seen: list[int] = []
    result = simulate_on_lava(graph, inputs, probes=wanted, on_progress=seen.append)
    want = reference.simulate(graph, inputs).by_step
    assert set(result.by_step) == set(wanted)
    assert differences(result.by_step, want) == []
    assert seen == sorted(set(seen)) and seen[-1] <= len(result.by_step[wanted[0]])
    assert result.lava_version == WHY


def test_one_changed_weight_would_be_noticed() -> None:
    graph, inputs = CASES["dense"](13)
    dense = graph.by_name["dense"]
    assert isinstance(dense, Dense)
    weight = dense.weight.copy()
    weight[0, 0] += 1 if weight[0, 0] < 127 else -1
    nodes = [replace(n, weight=weight) if n is dense else n for n in graph.nodes]
    changed = reference.simulate(replace(graph, nodes=tuple(nodes)), inputs).by_step
    found = differences(changed, reference.simulate(graph, inputs).by_step)
    assert found and found[0].startswith("dense.out at step")
