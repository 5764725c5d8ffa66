"""Graph files: what was saved comes back, and no damaged or hostile file does harm."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from conversion.graph import Graph
from conversion.graph_file import FORMAT, FORMAT_VERSION, load_graph, save_graph
from conversion.host_nodes import HOST_NODES
from conversion.nodes import QUANTISED_NODES, Delta, Dense
from depth_snn.errors import DepthError, GraphError
from depth_snn.sealed import seal_of
from sims.fast import simulate
from sims.reference import simulate as simulate_reference
from tests.conformance.building import Inputs
from tests.conformance.cases import block_case, picture_case
from tests.unit.small import random_network

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
DIGESTS = {
    1: "b0e628188e77f001a581deae14c7c3ca5e943ebb257f1f34ca5bc757b9c1b56a",
    2: "3506f464d0523746247598c82ab02c91bb33a1beb8f6604b08a8aac49db845b7",
}
"""SHA-256 of every value of each format's golden graph on the inputs of :func:`golden_case`."""


def golden_case(version: int = 2) -> tuple[Graph, Inputs]:
    """What `graph_v<version>.h5` was written from; every node kind of its format is in it."""
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
    gate = graph.by_name["gate.restore"]
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
    assert np.array_equal(
        reference["head.out.out"], simulate(golden, inputs).values["head.out.out"]
    )


def test_what_a_format_1_file_does_not_say_means_what_it_meant() -> None:
    nodes = load_graph(GOLDEN / "graph_v1.h5").nodes
    assert all(n.gated for n in nodes if isinstance(n, Delta))
    assert all(n.repeat == 1 for n in nodes if isinstance(n, Dense))


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
    assert "no such graph file" in refusal(tmp_path)
    (tmp_path / "text.h5").write_text("hello")
    assert "not a depth-snn-graph file" in refusal(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["nodes"] = [1, 2]
    assert "not a depth-snn-graph file" in refusal(tmp_path / "other.h5")


def reseal(path: Path) -> None:
    """Give an edited file a valid checksum, so that what lies behind it is tested."""
    data = path.read_bytes()
    path.write_bytes(seal_of(path, FORMAT) + data[512:])


def set_fields(file: h5py.File, kind: str, **changes: object) -> None:
    group = next(g for g in file["nodes"].values() if g.attrs["kind"] == kind.encode())
    group.attrs["fields"] = np.bytes_(json.dumps(json.loads(group.attrs["fields"]) | changes))


def replace_array(file: h5py.File, kind: str, key: str, **how: object) -> None:
    group = next(g for g in file["nodes"].values() if g.attrs["kind"] == kind.encode())
    del group[key]
    if "link" in how:
        group[key] = how["link"]
    elif how:
        group.create_dataset(key, **how)


HUGE = {"shape": (2**20, 2**20), "dtype": "i1", "chunks": (2**10, 2**10)}
ATTACKS: dict[str, tuple[Callable[[h5py.File], object], str]] = {
    "newer": (lambda f: f.attrs.__setitem__("format_version", 3), "format version 3"),
    "older": (lambda f: f.attrs.__setitem__("format_version", 0), "format version 0"),
    "version text": (lambda f: f.attrs.__setitem__("format_version", "x"), "not a readable"),
    "format": (lambda f: f.attrs.__setitem__("format", "other"), "not a depth-snn-graph"),
    "dialect": (lambda f: f.attrs.__setitem__("dialect", "float"), "dialect 'float'"),
    "extra field": (lambda f: set_fields(f, "Skip", colour=3), "wrong fields.*colour"),
    "float field": (lambda f: set_fields(f, "Skip", tokens=8.0), "tokens is no int"),
    "bool field": (lambda f: set_fields(f, "Dense", exponent=True), "exponent is no int"),
    "number for bool": (lambda f: set_fields(f, "SigmaDelta", gated=1), "gated is no bool"),
    "no groups": (lambda f: set_fields(f, "Dense", repeat=0), "repeat 0"),
    "many groups": (lambda f: set_fields(f, "Dense", repeat=2**40), "out of range"),
    "no stride": (lambda f: set_fields(f, "Conv", stride=0), "stride 0"),
    "huge padding": (lambda f: set_fields(f, "Conv", padding=2**40), "padding 1099511627776"),
    "wide padding": (lambda f: set_fields(f, "Conv", padding=2**19), "out of range"),
    "flat kernel": (lambda f: replace_array(f, "Conv", "weight", data=np.ones((2, 3), "i1")),
                    "weight has shape"),
    "index outside": (lambda f: replace_array(f, "Regroup", "index", data=np.array([[0, 10**6]])),
                      "outside 0"),
    "index twice": (lambda f: replace_array(f, "Regroup", "index", data=np.array([[3, 3]])),
                    "position 3 twice"),
    "no index": (lambda f: replace_array(f, "Regroup", "index", data=np.zeros((0, 4), "i1")),
                 "index has shape"),
    "text field": (lambda f: set_fields(f, "LIF", dv="3"), "dv is no int"),
    "given twice": (lambda f: set_fields(f, "Dense", weight=[[1]]), "both as text and as an array"),
    "list for array": (lambda f: (replace_array(f, "Dense", "weight"),
                                  set_fields(f, "Dense", weight=[[1]])), "weight is no IntArray"),
    "big weight": (lambda f: replace_array(f, "Dense", "weight", data=np.full((6, 6), 300)),
                   "beyond ±127"),
    "float array": (lambda f: replace_array(f, "Dense", "weight", data=np.ones((6, 6))),
                    "not an array of integers"),
    "no array": (lambda f: replace_array(f, "Dense", "weight"), "wrong fields"),
    "huge array": (lambda f: replace_array(f, "Dense", "weight", **HUGE), "more than the limit"),
    "soft link": (lambda f: replace_array(f, "Dense", "weight", link=h5py.SoftLink("/edges")),
                  "is a link"),
    "outer link": (lambda f: replace_array(f, "Dense", "weight",
                                           link=h5py.ExternalLink("/elsewhere.h5", "/x")),
                   "is a link"),
    "huge shape": (lambda f: set_fields(f, "Input", shape=[2**20, 2**20]), "out of range"),
    "bad edges": (lambda f: f["edges"].__setitem__(0, 255), "not a readable"),
    "no edges": (lambda f: f.__delitem__("edges"), "not a readable"),
    "no nodes": (lambda f: f.__delitem__("nodes"), "not a readable"),
    "kind": (lambda f: f["nodes/000000"].attrs.__setitem__("kind", "Magic"),
             "unknown kind 'Magic'"),
}  # fmt: skip


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
