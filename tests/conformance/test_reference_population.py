"""The reference LIF: what it refuses and counts; its boundaries are cases of the set."""

from __future__ import annotations

import numpy as np
import pytest

from conversion.cases.building import balance, edge
from conversion.graph import Graph
from conversion.nodes import LIF, Input
from depth_snn.errors import OverflowInGraph
from sims.reference import simulate

TOP = 2**23


def lif_graph(**fields: object) -> Graph:
    settings = {"du": 4095, "dv": 0, "vth": 2**17 - 1, "reset": "subtract", **fields}
    lif = LIF(name="lif", count=1, **settings)  # type: ignore[arg-type]
    drive = Input(name="drive", shape=(1,), lo=-(2**30), hi=2**30)
    return balance("lif", [drive, lif], [edge("drive -> lif")])


def test_a_current_that_one_wrap_cannot_bring_back() -> None:
    drive = {"drive": np.array([[0], [3 * 2**18]])}
    with pytest.raises(OverflowInGraph, match=r"'lif' \(LIF\): u\[0\] is 33554432 at step 1"):
        simulate(lif_graph(), drive)
    loose = simulate(lif_graph(), drive, overflow="unbounded")
    assert loose.by_step["lif.membrane"].ravel().tolist() == [0, TOP - 1]


def test_counts_of_a_population() -> None:
    lif = LIF(name="lif", count=3, du=4095, dv=4096, vth=1, reset="zero")
    drive = Input(name="drive", shape=(3,), lo=-9, hi=9)
    graph = balance("lif", [drive, lif], [edge("drive -> lif")])
    counts = simulate(graph, {"drive": np.array([[0, 2, -1], [0, 0, 0]])}).result.counts["lif"]
    assert counts.neurons == 3
    assert counts.spikes.tolist() == [1, 0]
    assert counts.updates_active.tolist() == [2, 0]
    assert counts.updates_idle.tolist() == [1, 3]
