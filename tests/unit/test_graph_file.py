"""Graph files: what was saved comes back, and no damaged or hostile file does harm."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import pytest

from conversion import graph_file
from conversion.cases.building import Inputs
from conversion.cases.loops import spiking_loop_case
from conversion.cases.merging import merged
from conversion.cases.small import block_case, picture_case
from conversion.cases.spiking import spiking_case, stock_case
from conversion.graph import Edge, Graph
from conversion.graph_file import FORMAT_VERSION, load_graph, save_graph
from conversion.host_nodes import HOST_NODES
from conversion.nodes import LIF, QUANTISED_NODES, Conv, Delta, Dense, Input, Node, Skip
from depth_snn.errors import DepthError, GraphError
from sims.fast import simulate
from sims.reference import simulate as simulate_reference
from tests.unit.hostile_graphs import ATTACKS, reseal
from tests.unit.small import random_network

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
DIGESTS = {
    1: "b0e628188e77f001a581deae14c7c3ca5e943ebb257f1f34ca5bc757b9c1b56a",
    2: "3506f464d0523746247598c82ab02c91bb33a1beb8f6604b08a8aac49db845b7",
    3: "125cabfb6214b9c3185e31116364b4f99fb811dab598cebae8542843d3313f53",
    4: "174749d0f8d015f2cd9027f3f222720865b8dfc61bcc67aaa297b04b9db31829",
}
"""SHA-256 of every value of each format's golden graph on the inputs of :func:`golden_case`."""


def golden_case(version: int = 4) -> tuple[Graph, Inputs]:
    """What `graph_v<version>.h5` was written from; every node kind of its format is in it."""
    if version == 4:
        return merged({"v3": golden_case(3), "loops": spiking_loop_case(1, frames=3)})
    if version == 3:
        return merged(
            {
                "picture": golden_case(2),
                "spiking": spiking_case(2, length=6, frames=3),
                "stock": stock_case(2, frames=3),
            }
        )
    if version == 1:
        return block_case(
            11, frames=3, grid=(2, 4), patch=6, heads=2, head_dim=3, hidden=5, classes=3
        )
    return picture_case(
        11, frames=3, grid=(2, 2), stem=(2, 3), heads=2, head_dim=3, hidden=5, decoder=2, classes=3
    )


def digest(graph: Graph, inputs: Inputs) -> str:
    values = simulate(graph, inputs).values
    sha = hashlib.sha256()
    for key in sorted(values):
        sha.update(key.encode())
        sha.update(values[key].astype("<i8").tobytes())
    return sha.hexdigest()


def assert_same(a: Graph, b: Graph) -> None:
    assert (a.name, a.dialect, dict(a.meta)) == (b.name, b.dialect, dict(b.meta))
    assert a.edges == b.edges
    assert [n.name for n in a.nodes] == [n.name for n in b.nodes]
    for left, right in zip(a.nodes, b.nodes, strict=True):
        assert type(left) is type(right)
        assert left.attributes().keys() == right.attributes().keys()
        for key, value in left.attributes().items():
            other = getattr(right, key)
            assert type(value) is type(other), (left.name, key)
            if isinstance(value, np.ndarray):
                assert value.dtype == other.dtype and np.array_equal(value, other)
                assert not other.flags.writeable
            else:
                assert value == other, (left.name, key)


def test_round_trip(tmp_path: Path) -> None:
    case, _ = golden_case()
    apart = {cls.kind for cls in HOST_NODES}  # tests/unit/test_host_nodes.py
    assert {n.kind for n in case.nodes} == set(QUANTISED_NODES) - apart
    meta = {"scales": {"a": 0.1, "b": 2**-30}, "names": ["x", "ü"], "deep": {"n": [1, None, True]}}
    graph = Graph(name="näme", dialect=case.dialect, nodes=case.nodes, edges=case.edges, meta=meta)
    path = tmp_path / "new" / "graph.h5"
    save_graph(graph, path)
    first = load_graph(path)
    assert_same(graph, first)
    save_graph(first, path)
    assert_same(graph, load_graph(path))
    assert [p.name for p in path.parent.iterdir()] == ["graph.h5"]


def test_wide_integers_come_back(tmp_path: Path) -> None:
    graph, _ = golden_case()
    gate = graph.by_name["0:0:gate.restore"]
    wide = type(gate)(**{"name": gate.name, **gate.attributes(), "capacity": 2**50,
                         "price": np.array([2**40, 3]),
                         "own_price": np.array([2**39, 3])})  # fmt: skip
    nodes = tuple(wide if n is gate else n for n in graph.nodes)
    changed = Graph(name="wide", dialect="quantised", nodes=nodes, edges=graph.edges)
    save_graph(changed, tmp_path / "g.h5")
    assert_same(changed, load_graph(tmp_path / "g.h5"))


@pytest.mark.parametrize("version", DIGESTS)
def test_old_formats_stay_readable(version: int) -> None:
    graph, inputs = golden_case(version)
    path = GOLDEN / f"graph_v{version}.h5"
    with h5py.File(path, "r") as file:
        assert file.attrs["format_version"] == version
    golden = load_graph(path)
    assert_same(graph, golden)
    assert digest(golden, inputs) == DIGESTS[version]
    reference = simulate_reference(golden, inputs).result.values
    head = {3: "0:head.out.out", 4: "0:0:head.out.out"}.get(version, "head.out.out")
    assert np.array_equal(reference[head], simulate(golden, inputs).values[head])


def test_what_a_format_1_file_does_not_say_means_what_it_meant() -> None:
    nodes = load_graph(GOLDEN / "graph_v1.h5").nodes
    assert all(n.gated for n in nodes if isinstance(n, Delta))
    assert all(n.repeat == 1 for n in nodes if isinstance(n, Dense))


def test_what_a_format_2_file_does_not_say_means_what_it_meant() -> None:
    for node in load_graph(GOLDEN / "graph_v2.h5").nodes:
        if isinstance(node, LIF):
            assert (node.channels, node.biased, node.reset_every, node.warmup) == (0, False, 0, 0)
        if isinstance(node, Conv):
            assert node.strides == (node.stride,) * 2 and node.paddings == (node.padding,) * 2


def test_the_newest_format_has_a_golden_file() -> None:
    assert max(DIGESTS) == FORMAT_VERSION


def test_a_float_graph_is_not_saved_and_leaves_nothing(tmp_path: Path) -> None:
    from conversion.from_torch import build_float_graph

    with pytest.raises(GraphError, match="quantise it before saving"):
        save_graph(build_float_graph(random_network()), tmp_path / "g.h5")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    graph, _ = golden_case()
    path = tmp_path / "g.h5"
    save_graph(graph, path)
    before = path.read_bytes()
    broken = Graph(name="x", dialect="quantised", nodes=graph.nodes, edges=graph.edges,
                   meta={"bad": object()})  # fmt: skip
    with pytest.raises(TypeError):
        save_graph(broken, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["g.h5"]


def refusal(path: Path) -> str:
    with pytest.raises(GraphError) as caught:
        load_graph(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "g.h5"
    save_graph(golden_case()[0], path)
    return path


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_truncated(saved: Path, share: float) -> None:
    data = saved.read_bytes()
    saved.write_bytes(data[: int(share * len(data))])
    refusal(saved)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    assert "no such graph file" in refusal(tmp_path / "none.h5")
    assert "is a folder; give the name of a file" in refusal(tmp_path)
    (tmp_path / "text.h5").write_text("hello")
    assert "not a depth-snn-graph file" in refusal(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["nodes"] = [1, 2]
    assert "not a depth-snn-graph file" in refusal(tmp_path / "other.h5")


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_files(saved: Path, attack: str) -> None:
    change, said = ATTACKS[attack]
    with h5py.File(saved, "a") as file:
        change(file)
    reseal(saved)
    assert saved.stat().st_size < 2**20
    message = refusal(saved)
    assert re.search(said, message), message


def test_random_damage_is_refused(saved: Path) -> None:
    """Single bits and dozens of bytes, anywhere: HDF5 itself would crash on some of these."""
    original, rng = saved.read_bytes(), np.random.default_rng(0)
    for trial in range(200):
        data = bytearray(original)
        for place in rng.integers(0, len(data), 1 if trial % 2 else 12):
            data[place] ^= 1 << int(rng.integers(0, 8))
        if bytes(data) != original:
            saved.write_bytes(bytes(data))
            refusal(saved)


def test_the_page_names_every_kind_and_field_and_limit() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "graph.md").read_text(encoding="utf-8")
    rows = {
        kind: row
        for row in page.splitlines()
        if row.startswith("| ")
        for kind in row.split("|")[1].strip().split(", ")
    }
    for kind, cls in QUANTISED_NODES.items():
        for field in fields(cls):
            assert field.name == "name" or f"`{field.name}`" in rows[kind], (kind, field.name)
    for limit in (n for n in vars(graph_file) if n.startswith("MAX_")):
        assert f"`{limit}`" in page


def test_numbers_are_counted_before_they_are_read(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conversion.graph_file.MAX_VALUES", 10)
    assert "more than the limit of 10" in refusal(saved)


def test_many_nodes_are_put_in_order_in_time() -> None:
    """A file may name 100,000 nodes; looking for each among all the others would take hours."""
    count = 20_000
    nodes: list[Node] = [Input(name="0", shape=(1, 1), lo=0, hi=1)]
    nodes += [Skip(name=str(i), tokens=1, channels=1, exponent=0) for i in range(1, count)]
    edges = tuple(Edge(source=str(i - 1), target=str(i)) for i in range(1, count))
    began = time.process_time()
    graph = Graph(name="long", dialect="quantised", nodes=tuple(nodes[::-1]), edges=edges)
    assert [node.name for node in graph.order] == [str(i) for i in range(count)]
    assert time.process_time() - began < 10


ODD_VALUES = (-1, 0, 1, 3, 2**31, 2**70, 1.5, "x", "", None, True, [], [1, 2], {"a": 1})


def test_random_fields_are_refused_or_make_a_graph_that_runs(saved: Path) -> None:
    (_, inputs), rng = golden_case(), np.random.default_rng(2)
    original, refused, ran = saved.read_bytes(), 0, 0
    for _ in range(60):
        saved.write_bytes(original)
        with h5py.File(saved, "a") as file:
            group = file["nodes"][sorted(file["nodes"])[rng.integers(len(file["nodes"]))]]
            values = json.loads(group.attrs["fields"])
            key = sorted(values)[rng.integers(len(values))] if values else "odd"
            values[key] = ODD_VALUES[rng.integers(len(ODD_VALUES))]
            group.attrs["fields"] = np.bytes_(json.dumps(values))
        reseal(saved)
        try:
            graph = load_graph(saved)
        except GraphError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        try:
            simulate(graph, inputs)
            ran += 1
        except DepthError:
            continue
    assert refused > 20 and ran > 0
