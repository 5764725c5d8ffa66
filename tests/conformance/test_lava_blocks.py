"""Blocks as one Lava process: both models against the reference, step by step."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import loihi
from conversion.cases.building import Case
from conversion.cases.merging import merged
from conversion.cases.small import CASES, block_case, picture_case
from conversion.graph import Edge, Graph
from conversion.nodes import Dense, Input
from depth_snn.errors import EngineError, InputError
from loihi import lava_available, simulate_on_lava
from loihi.block_plan import ATTENTION_ROLES, MLP_ROLES, find_blocks, outer_edges
from loihi.request import Blocks
from sims import reference
from sims.result import first_difference

OK, WHY = lava_available()
needs_lava = pytest.mark.skipif(not OK, reason=f"the Lava target needs Lava: {WHY}")


def two_networks() -> Case:
    """Two blocks that send all, and one of another shape that sends changes from 4 up."""
    first = block_case(21, layers=2, frames=6, grid=(2, 4), hidden=7)
    second = block_case(22, frames=4, grid=(2, 2), heads=3, head_dim=2, hidden=9, threshold=4)
    return merged({"a": first, "b": second})


@needs_lava
@pytest.mark.parametrize("blocks", ["leaf", "sub"])
def test_both_models_show_the_reference_at_every_step(blocks: Blocks) -> None:
    graph, inputs = two_networks()
    assert len(find_blocks(graph)) == 6
    want = reference.simulate(graph, inputs).by_step
    got = simulate_on_lava(graph, inputs, blocks=blocks, deadline_s=150).by_step
    assert set(got) == set(want)
    assert sum(bool(array.any()) for array in got.values()) > len(got) * 0.9
    assert first_difference(got, want) is None
    weak = graph.by_name["1:block1.fc1"]
    assert isinstance(weak, Dense)
    weaker = replace(weak, weight=weak.weight // 2)
    nodes = tuple(weaker if node is weak else node for node in graph.nodes)
    other = reference.simulate(replace(graph, nodes=nodes), inputs).by_step
    assert (got["1:block1.fc1.out"] != other["1:block1.fc1.out"]).any()


@needs_lava
def test_only_the_end_of_a_block_may_be_recorded() -> None:
    graph, inputs = block_case(23, frames=3, grid=(2, 2), hidden=5)
    wanted = ["block1.out.out", "block1.attention.out"]
    want = reference.simulate(graph, inputs, probes=wanted).by_step
    for blocks in ("leaf", "sub"):
        got = simulate_on_lava(graph, inputs, blocks=blocks, probes=wanted).by_step
        assert first_difference(got, want) is None and set(got) == set(wanted)


@needs_lava
def test_an_overflow_inside_a_leaf_names_the_node() -> None:
    graph, inputs = block_case(24, frames=3, grid=(2, 2), hidden=5)
    fc2 = graph.by_name["block1.fc2"]
    assert isinstance(fc2, Dense)
    wide = replace(fc2, weight=fc2.weight * 0 + 127, exponent=16)
    nodes = tuple(wide if node is fc2 else node for node in graph.nodes)
    with pytest.raises(EngineError, match=r"'block1\.out' failed .*node 'block1\.fc2': out\["):
        simulate_on_lava(replace(graph, nodes=nodes), inputs, blocks="leaf")


def test_blocks_are_found_by_their_shape() -> None:
    graph, _ = block_case(25, layers=2)
    plans = find_blocks(graph)
    found = [(plan.kind, plan.name) for plan in plans]
    assert sorted(found) == [
        ("attention", "block1.mid"), ("attention", "block2.mid"),
        ("mlp", "block1.out"), ("mlp", "block2.out"),
    ]  # fmt: skip
    attention = next(plan for plan in plans if plan.name == "block2.mid")
    assert tuple(attention.parts) == ATTENTION_ROLES
    assert attention.entry.source == "block1.out"
    assert attention.parts["k_syn"].name == "block2.qkv.k"
    mlp = next(plan for plan in plans if plan.name == "block1.out")
    assert tuple(mlp.parts) == MLP_ROLES and mlp.gate is not None
    assert mlp.gate.source == "gate.restore" and mlp.entry.source == "block1.mid"
    inside = {node.name for plan in plans for node in plan.parts.values()}
    assert not {edge.source for edge in outer_edges(graph, plans)} & (
        inside - {n for _, n in found}
    )


def test_real_networks_have_an_mlp_and_an_attention_in_each_block() -> None:
    graph, _ = picture_case(3)
    kinds = sorted(plan.kind for plan in find_blocks(graph))
    assert kinds == ["attention", "mlp"]


def test_what_is_read_from_outside_is_no_block() -> None:
    graph, _ = block_case(26)
    skip = graph.by_name["block1.skip2"]
    leak = replace(skip, name="leak", channels=12)
    edges = (*graph.edges, Edge(source="block1.h", target="leak"))
    open_graph = Graph(name="g", dialect="quantised", nodes=(*graph.nodes, leak), edges=edges)
    assert [plan.kind for plan in find_blocks(open_graph)] == ["attention"]
    mask = graph.by_name["sched"]
    assert isinstance(mask, Input)
    second = replace(mask, name="second")
    moved = tuple(
        replace(e, source="second") if (e.target, e.port) == ("block1.h", "gate") else e
        for e in graph.edges
    )
    two_masks = Graph(name="g", dialect="quantised", nodes=(*graph.nodes, second), edges=moved)
    assert [plan.kind for plan in find_blocks(two_masks)] == ["attention"]
    assert find_blocks(CASES["dense"](1)[0]) == []


def test_an_unknown_word_for_blocks_is_refused() -> None:
    graph, inputs = block_case(27, frames=1)
    if OK:
        with pytest.raises(InputError, match="blocks 'one': expected apart, leaf, sub"):
            simulate_on_lava(graph, inputs, blocks="one")  # type: ignore[arg-type]


SUB = """
from conversion.cases.small import block_case
from loihi.block_models import part_process
from loihi.block_plan import find_blocks
for plan in find_blocks(block_case(28)[0]):
    for role in plan.parts:
        kind = type(part_process(plan, role)[0])
        print(role, kind.__module__.split(".")[0], kind.__name__)
"""


@needs_lava
def test_connections_of_the_sub_model_are_stock() -> None:
    root = str(Path(loihi.__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "-c", SUB], env={**os.environ, "PYTHONPATH": root}, cwd=root,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    made = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert set(made) == {*MLP_ROLES, *ATTENTION_ROLES}
    for role in ("fc1", "fc2", "skip", "q_syn", "k_syn", "v_syn", "proj"):
        assert made[role] == ["lava", "Dense"], role
    for role in ("h", "out", "q", "k", "v", "mid"):
        assert made[role] == ["loihi", "SigmaDeltaEncoder"], role
    assert made["y"] == ["loihi", "DeltaEncoder"]
    assert made["attention"] == ["loihi", "LinearAttention"]
