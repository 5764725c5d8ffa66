"""netx files: round trips, refusals by name, hostile files, commands."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversion.cases.building import balance, edge
from conversion.graph import Graph
from conversion.netx import export_netx, import_netx
from conversion.netx.importer import REFUSED
from conversion.netx.synapses import parts_of
from conversion.nodes import LIF, Conv, Delay, Dense, Input, Output, SumPool
from depth_snn.errors import GraphError
from sims.fast import simulate
from tests.unit.command import contents, depth_snn, refused
from tests.unit.netx_files import CUBA, kind, recurrent_layers, small_layers, write_file
from tests.unit.test_graph_file import assert_same


def test_an_export_comes_back_as_the_same_network(tmp_path: Path) -> None:
    path = write_file(tmp_path / "small.net", small_layers(3))
    graph = import_netx(path)
    notes = export_netx(graph, tmp_path / "back.net")
    assert len(notes) == 1 and "layer1.lif, layer3.lif speaks from step 0 on" in notes[0]
    back = import_netx(tmp_path / "back.net")
    assert_same(graph, Graph(name="small", dialect="quantised", nodes=back.nodes, edges=back.edges,
                             meta=back.meta))  # fmt: skip


def test_delays_and_a_readout_come_back(tmp_path: Path) -> None:
    layers = small_layers()
    layers[3]["delay"] = np.array([0, 62, 3, 3, 1])
    for key in [key for key in layers[4] if key.startswith("neuron/")]:
        del layers[4][key]
    graph = import_netx(write_file(tmp_path / "a.net", layers))
    assert [n.kind for n in graph.nodes][-2:] == ["Dense", "Output"]
    assert graph.by_name["layer3.delay"].attributes()["steps"].tolist() == [[0, 62, 3, 3, 1]]
    assert "layer3.delay.low1" in graph.by_name  # beyond ±127, so two connections
    assert "sum of output wraps" in export_netx(graph, tmp_path / "b.net")[-1]
    back = import_netx(tmp_path / "b.net")
    assert [n.name for n in back.nodes] == [n.name for n in graph.nodes]
    integrator = import_netx(tmp_path / "a.net", as_netx=True).by_name["layer4.lif"]
    assert isinstance(integrator, LIF) and (integrator.du, integrator.vth) == (-1, 2**17)


@given(st.lists(st.integers(-600, 600), min_size=1, max_size=6), st.integers(0, 4))
@settings(max_examples=200, derandomize=True, database=None)
def test_parts_of_weights_add_up(values: list[int], shift: int) -> None:
    weight = np.array([values]) << shift
    parts = parts_of(weight)
    assert np.array_equal(sum(part << by for part, by in parts), weight)
    assert all(int(np.abs(part).max()) <= 127 for part, _ in parts)
    small = int(np.abs(weight).max())
    within = small <= 127 or (small <= 254 and not (weight % 2).any())
    assert len(parts) == 1 if within else len(parts) <= 3


def test_all_that_netx_takes_fits_two_connections() -> None:
    assert len(parts_of(np.arange(-256, 255)[None])) == 2


Change = Callable[[list[dict[str, Any]]], object]
FAULTS: dict[str, Change] = {
    r"layer 4 \(dense\): neuron ALIF: netx fails on adaptive": lambda n: n[4].update(
        {"neuron/type": np.bytes_(b"ALIF")}
    ),
    r"neuron RF_PHASE: resonate": lambda n: n[4].update({"neuron/type": np.bytes_(b"RF_PHASE")}),
    r"neuron Magic: known are CUBA": lambda n: n[1].update({"neuron/type": np.bytes_(b"Magic")}),
    "refDelay 2: refractory": lambda n: n[1].update({"neuron/refDelay": 2}),
    "gradedSpike 1": lambda n: n[1].update({"neuron/gradedSpike": True}),
    "vThMant is missing": lambda n: n[1].pop("neuron/vThMant"),
    r"layer 1 \(conv\): node 'layer1.lif' \(LIF\): dv 5000": lambda n: n[1].update(
        {"neuron/vDecay": 5000}
    ),
    r"layer 3 \(dense\): weight holds .*not whole": lambda n: n[3]["weight"].fill(
        0.5
    ),
    "weight holds numbers that are not finite": lambda n: n[3]["weight"].fill(np.nan),
    r"weight has shape \(2, 2\)": lambda n: n[4].update({"weight": np.ones((2, 2))}),
    "layer 2 .*without a flatten": lambda n: n.pop(2),
    r"its shape says \[9, 3, 2\]": lambda n: n[1].update({"shape": np.array([9, 3, 2])}),
    "3 groups does not fit": lambda n: n[1].update({"groups": 3}),
    "stride": lambda n: n[1].update({"stride": np.array([0, 1])}),
    "does not fit the grid": lambda n: n[1].update({"dilation": np.array([9, 9])}),
    "complex": lambda n: n[3].update({"weight/real": n[3].pop("weight")}),
    "only the last layer": lambda n: [n[3].pop(key) for key in CUBA],
    "bias has 3 values": lambda n: n[1].update({"bias": np.ones(3)}),
    "one per synapse": lambda n: n[3].update({"delay": np.ones((5, 24))}),
    "drops the delays of conv": lambda n: n[1].update({"delay": np.ones(4)}),
    "conv layer behind a flatten": lambda n: n.insert(1, n.pop(2)),
    "first layer is no input": lambda n: n.pop(0),
    "input layer in the middle": lambda n: n.append(dict(n[0])),
    r"shape \[4, 5\]": lambda n: n[0].update({"shape": np.array([4, 5])}),
    "is missing; layers are numbered": lambda n: n.insert(2, {}),
    "unknown; known are input": lambda n: n[4].update({"type": kind("magic")}),
    "layer 4 has no type": lambda n: n[4].pop("type"),
    "neither numbers nor one short word": lambda n: n[4].update({"x": np.bytes_(b"y" * 200)}),
}  # fmt: skip


@pytest.mark.parametrize("message", FAULTS)
def test_refused_by_name(message: str, tmp_path: Path) -> None:
    layers = small_layers()
    FAULTS[message](layers)
    path = write_file(tmp_path / "a.net", layers)
    with pytest.raises(GraphError, match=message) as caught:
        import_netx(path)
    assert str(caught.value).startswith(f"{path}: layer ") and "\n" not in str(caught.value)


def test_a_recurrent_layer_brings_its_spikes_back_one_frame_later(tmp_path: Path) -> None:
    graph = import_netx(write_file(tmp_path / "loop.net", recurrent_layers()))
    loops = [e for e in graph.edges if e.recurrent]
    assert [(e.source, e.target, graph.frames_back(e)) for e in loops] == [
        ("layer1.rec", "layer1.lif", 1), ("layer1.rec.low1", "layer1.lif", 1),
        ("layer2.rec", "layer2.lif", 1),
    ]  # fmt: skip
    with pytest.raises(GraphError, match=r"'layer1\.lif' stands in a loop; export"):
        export_netx(graph, tmp_path / "back.net")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"delay": np.array(3)}, r"layer 1 \(dense_rec\): netx delays the spikes that come back"),
        ({"neuron/type": np.bytes_(b"SDNN")}, "recurrence needs spiking neurons"),
        ({"weight_rec": np.ones((6, 5))}, r"weight_rec has shape \(6, 5\), not \(6, 6\)"),
        ({"weight_rec": np.full((6, 6), 0.5)}, "weight_rec holds 0.5"),
        ({"weight_rec": None}, "weight_rec is missing"),
    ],
)
def test_loops_that_cannot_be_imported(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    layers = recurrent_layers()
    layers[1] = {k: v for k, v in (layers[1] | changed).items() if v is not None}
    with pytest.raises(GraphError, match=said):
        import_netx(write_file(tmp_path / "loop.net", layers))


@pytest.mark.parametrize("name", REFUSED)
def test_kinds_of_layers_that_cannot_be_imported(name: str, tmp_path: Path) -> None:
    layers = small_layers()
    layers[4]["type"] = kind(name)
    path = write_file(tmp_path / "a.net", layers)
    with pytest.raises(GraphError, match=rf"layer 4 \({name}\): .*--layers 4 imports"):
        import_netx(path)
    assert import_netx(path, layers=4).nodes[-1].name == "layer3.lif"


def test_groups_and_dilation_are_spread_out_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    kernels = rng.integers(-9, 60, (4, 1, 2, 2))
    conv = {**small_layers()[1], "weight": kernels, "groups": 2, "dilation": np.array([2, 1]),
            "stride": np.array([1, 1]), "padding": np.array([0, 0]),
            "shape": np.array([4, 2, 4])}  # fmt: skip
    graph = import_netx(write_file(tmp_path / "a.net", [small_layers()[0], conv]))
    x = rng.integers(0, 2, (3, 4, 5, 2))
    found = simulate(graph, {"input": x.reshape(3, 20, 2)}).values["layer1.conv.out"]
    want = np.zeros((3, 2, 4, 4), np.int64)
    for y, x_, o, a, b in np.ndindex(2, 4, 4, 2, 2):
        want[:, y, x_, o] += kernels[o, 0, a, b] * x[:, y + 2 * a, x_ + b, o // 2]
    assert np.array_equal(found, want.reshape(3, 8, 4))


def test_fractions_and_large_weights_are_cut_off_only_as_netx(tmp_path: Path) -> None:
    layers = small_layers()
    layers[3]["weight"][1, 0] = -300
    path = write_file(tmp_path / "a.net", layers)

    def total(graph: Graph) -> Any:
        parts = [n for n in graph.nodes if isinstance(n, Conv) and n.name.startswith("layer3")]
        return sum(n.weight << n.exponent for n in parts)[1, 0, 0, 0]

    assert total(import_netx(path)) == -300
    assert total(import_netx(path, as_netx=True)) == -256


def test_hostile_files(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.net", small_layers())
    whole = path.read_bytes()

    def said() -> str:
        with pytest.raises(GraphError) as caught:
            import_netx(path)
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
        return str(caught.value)

    for share in (0.0, 0.1, 0.5, 0.95):
        path.write_bytes(whole[: int(share * len(whole))])
        said()
    path.write_text("hello")
    assert "not an HDF5 file" in said()
    path.unlink()
    assert "no such file" in said()
    attacks: dict[str, Callable[[h5py.File], object]] = {
        "is a link": lambda f: f["layer/1"].__setitem__("x", h5py.SoftLink("/layer")),
        "numbers in arrays": lambda f: f.create_dataset(
            "layer/1/x", (2**20, 2**20), "i1", chunks=(1024, 1024)
        ),
        "layer 1 is missing": lambda f: f.__delitem__("layer/1"),
        "no group 'layer'": lambda f: f.__delitem__("layer"),
        "more than the limit of 1000": lambda f: [
            f.create_group(f"layer/{i + 9}") for i in range(1001)
        ],
    }
    for message, attack in attacks.items():
        path.write_bytes(whole)
        with h5py.File(path, "a") as file:
            attack(file)
        assert message in said()


def chain(*nodes: Any) -> Graph:
    first = Input(name="x", shape=(4, 2), lo=0, hi=1)
    names = ["x", *(n.name for n in nodes)]
    edges = [edge(f"{a} -> {b}") for a, b in pairwise(names)]
    return balance("chain", [first, *nodes], edges)


def test_what_netx_cannot_say_is_refused_by_name(tmp_path: Path) -> None:
    def conv(**fields: Any) -> Conv:
        rule: dict[str, Any] = {"height": 2, "width": 2, "weight": np.ones((3, 2, 1, 1), int),
                                "stride": 1, "padding": 0, "exponent": 0}  # fmt: skip
        return Conv(name="conv", **{**rule, **fields})

    def lif(**fields: Any) -> LIF:
        rule: dict[str, Any] = {"count": 4, "channels": 3, "du": 4095, "dv": 9, "vth": 9,
                                "reset": "zero"}  # fmt: skip
        return LIF(name="lif", **{**rule, **fields})

    pool = SumPool(name="pool", height=2, width=2, channels=2, kernel_down=1, kernel_across=1,
                   stride=1, padding=0, exponent=0)  # fmt: skip
    wrong = {
        "'pool' .*no pooling": chain(pool),
        "no reset 'subtract'": chain(conv(), lif(reset="subtract")),
        "reset_interval": chain(conv(), lif(reset_every=3)),
        "16 bits": chain(conv(), lif(bias=[2**15, 0, 0])),
        "one bias per channel": chain(conv(), lif(bias=np.ones((4, 3), int))),
        "weights span 508..508": chain(conv(weight=np.full((3, 2, 1, 1), 127), exponent=2), lif()),
        "all weights are 0": chain(conv(weight=np.zeros((3, 2, 1, 1), int)), lif()),
        "needs a neuron behind a conv": chain(conv(), Output(name="out", tokens=4, channels=3)),
        "delays of conv": chain(conv(), Delay(name="d", shape=(4, 3), steps=np.array(1)), lif()),
        "at most 62": chain(
            conv(weight=np.ones((3, 2, 2, 2), int)),
            Delay(name="d", shape=(1, 3), steps=np.array(63)), lif(count=1),
        ),
        "one population behind it": chain(conv()),
        "repeated weights": chain(
            Dense(name="dense", tokens=4, weight=np.ones((3, 1), int), exponent=0, repeat=2),
            lif(channels=6),
        ),
    }  # fmt: skip
    for message, graph in wrong.items():
        with pytest.raises(GraphError, match=message):
            export_netx(graph, tmp_path / "a.net")
    assert contents(tmp_path) == []


def test_the_commands(tmp_path: Path) -> None:
    path = write_file(tmp_path / "small.net", small_layers())
    graph, back = tmp_path / "g.h5", tmp_path / "back.net"
    done = depth_snn("import", path, "--from", "netx", "--out", graph)
    assert done.code == 0 and "layer3.conv.low1" in done.out and f"wrote {graph}" in done.out
    done = depth_snn("export", graph, "--to", "netx", "--out", back)
    assert done.code == 0 and "note: in netx the bias of" in done.out
    done = depth_snn("import", back, "--from", "netx", "--layers", "2", "--out", graph)
    assert done.code == 0 and "layer3" not in done.out
    before = contents(tmp_path)
    bad = write_file(tmp_path / "bad.net", small_layers()[1:])
    refused(depth_snn("import", bad, "--from", "netx", "--out", tmp_path / "n.h5"), "bad.net")
    refused(
        depth_snn("import", path, "--from", "netx", "--layers", "0", "--out", graph), "--layers"
    )
    refused(depth_snn("export", path, "--to", "netx", "--out", tmp_path / "n"), "small.net")
    assert contents(tmp_path) == sorted([*before, "bad.net"])
