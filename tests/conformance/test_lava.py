"""What a Lava run records and tells; that its integers are the reference's is in test_set.py."""

from __future__ import annotations

import numpy as np
import pytest

from conversion.cases.building import edge
from conversion.cases.small import block_case
from conversion.graph import Graph
from conversion.nodes import LIF, Input
from loihi import lava_available, simulate_on_lava
from sims import reference
from sims.result import first_difference

OK, WHY = lava_available()
pytestmark = pytest.mark.skipif(not OK, reason=f"the Lava target needs Lava: {WHY}")


def test_two_blocks_and_only_the_ports_asked_for() -> None:
    graph, inputs = block_case(12, layers=2, threshold=4, frames=4)
    wanted = [f"{node.name}.out" for node in graph.nodes if node.kind in ("SigmaDelta", "Output")]
    seen: list[int] = []
    result = simulate_on_lava(graph, inputs, probes=wanted, on_progress=seen.append)
    want = reference.simulate(graph, inputs).by_step
    assert set(result.by_step) == set(wanted)
    assert first_difference(result.by_step, want) is None
    assert seen == sorted(set(seen)) and seen[-1] <= len(result.by_step[wanted[0]])
    assert result.lava_version == WHY


def test_an_edge_that_is_there_twice_counts_twice() -> None:
    x = Input(name="x", shape=(1, 2), lo=-9, hi=9)
    lif = LIF(name="lif", count=1, channels=2, du=4095, dv=0, vth=99, reset="zero")
    twice = [edge("x -> lif"), edge("x -> lif"), edge("x -> lif", 2), edge("x -> lif", 2)]
    graph = Graph(name="twice", dialect="quantised", nodes=(x, lif), edges=tuple(twice))
    inputs = {"x": np.array([[[1, -2]], [[3, 0]], [[0, 4]]])}
    want = reference.simulate(graph, inputs).by_step
    assert want["lif.membrane"][0].tolist() == [[2 * 64, -4 * 64]]
    assert first_difference(simulate_on_lava(graph, inputs).by_step, want) is None
