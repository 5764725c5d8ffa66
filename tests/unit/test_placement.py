"""Placements: what is refused, homes of every value, and the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conversion.placement import NOWHERE, Core, Part, Placement, followers_of, homes
from conversion.placement_file import load_placement, save_placement
from conversion.reach import synapses_of
from depth_snn.errors import ConfigError, GraphError
from tests.conformance.building import matrix_of, sparse
from tests.conformance.cases import dense_case
from tests.conformance.loops import spiking_loop_case

CORES = (Core(0, 0, 0), Core(0, 1, 0), Core(1, 0, 2))


def two_parts() -> Placement:
    """The dense case (6 tokens of 5, then of 4 channels) on three cores."""
    return Placement(CORES, {"code": (Part(0, 0, 10), Part(1, 10, 30)), "sum": (Part(2, 0, 24),)})


def test_homes_of_neurons_of_their_synapses_and_of_what_is_off_the_mesh() -> None:
    graph, _ = dense_case()
    found = homes(graph, two_parts())
    assert found["code"].tolist() == [0] * 10 + [1] * 20
    assert found["dense"].tolist() == [2] * 24
    assert set(found["out"].tolist()) == set(found["patch"].tolist()) == {NOWHERE}
    assert two_parts().used == (0, 1, 2) and two_parts().chips == (0, 1)


def test_a_connection_may_be_placed_by_itself() -> None:
    graph, _ = dense_case()
    parts = {**two_parts().parts, "dense": (Part(0, 0, 24),)}
    assert homes(graph, Placement(CORES, parts))["dense"].tolist() == [0] * 24


@pytest.mark.parametrize(
    ("node", "parts", "message"),
    [
        ("code", (Part(3, 0, 30),), "placement of 'code': core 3, there are 3"),
        ("code", (Part(0, 0, 4), Part(1, 5, 30)), "'code': a part holds values 5 to 30"),
        ("code", (Part(0, 0, 4), Part(1, 3, 30)), "expected one that begins at 4"),
        ("code", (Part(0, 0, 0),), "a part holds values 0 to 0"),
        ("code", (), "no parts; leave the node out"),
        ("code", (Part(0, 0, 29),), "'code': 29 values, the node has 30"),
        ("out", (Part(0, 0, 24),), "placement of 'out': it runs on the host"),
        ("else", (Part(0, 0, 1),), "'else': there is no such node"),
    ],
)
def test_a_wrong_placement_is_named(node: str, parts: tuple[Part, ...], message: str) -> None:
    graph, _ = dense_case()
    with pytest.raises(GraphError, match=message):
        homes(graph, Placement(CORES, {**two_parts().parts, node: parts}))


def test_what_holds_state_must_be_placed() -> None:
    graph, _ = dense_case()
    with pytest.raises(GraphError, match=r"node 'sum' \(SigmaDelta\) holds state; place it"):
        homes(graph, Placement(CORES, {"code": (Part(0, 0, 30),)}))
    with pytest.raises(GraphError, match="core: x is -1"):
        Core(0, -1, 0)


def test_the_file_gives_the_same_placement(tmp_path: Path) -> None:
    path = save_placement(two_parts(), tmp_path / "p.json")
    assert load_placement(path) == two_parts()
    assert [p.name for p in tmp_path.iterdir()] == ["p.json"]
    assert np.array_equal(load_placement(path).cores_of("code"), two_parts().cores_of("code"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "not a placement of format 1"),
        ({"cores": [[0, 0]]}, "cores must be a list of three whole numbers each"),
        ({"parts": []}, "'parts' must map"),
        ({"parts": {"code": [[0, 0, True]]}}, "parts of 'code' must be a list of three"),
        ({"parts": {"code": [[7, 0, 5]]}}, "placement of 'code': core 7"),
        ({"cores": []}, "placement: 0 cores"),
    ],
)
def test_a_wrong_file_is_named(change: dict[str, object], message: str, tmp_path: Path) -> None:
    path = save_placement(two_parts(), tmp_path / "p.json")
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, **change}))
    with pytest.raises(ConfigError, match=message) as caught:
        load_placement(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_reach_of_stored_synapses() -> None:
    rng = np.random.default_rng(3)
    node = sparse(rng, "s", 9, 7, share=0.4)
    home = rng.integers(0, 3, 7)
    found = synapses_of(node, home)
    there = matrix_of(node) != 0
    seen = np.zeros((9, 3), np.int64)
    seen[found.unit, found.core] = found.synapses
    stored = np.zeros((9, 7), np.int64)
    stored[np.repeat(np.arange(9), np.diff(node.starts)), node.targets] = 1
    assert there.sum() <= stored.sum() == node.synapses
    assert np.array_equal(seen, stored @ (home[:, None] == np.arange(3)))


def test_the_reader_over_a_loop_comes_last() -> None:
    graph, _ = spiking_loop_case(1)
    loops = {edge.source for edge in graph.edges if edge.recurrent}
    plain = {edge.source: edge.target for edge in reversed(graph.edges) if not edge.recurrent}
    found = followers_of(graph)
    assert loops and plain.items() <= found.items()
    assert set(found) == loops | set(plain)
