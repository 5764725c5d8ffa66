"""netx networks against the golden traces inside lava-dl, and against lava-dl's own netx."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conversion.bounds import verify
from conversion.netx import export_netx, import_netx, pilotnet
from conversion.nodes import Delta
from depth_snn.figures import load_figures
from loihi import lava_available
from sims import reference
from sims.fast import simulate
from tests.unit.netx_files import netx_spikes, recurrent_layers, small_layers, write_file

OK, WHY = lava_available()
needs_lava = pytest.mark.skipif(not OK, reason=f"lava-dl's files and netx need Lava: {WHY}")


@needs_lava
def test_pilotnet_reproduces_its_golden_traces() -> None:
    graph = pilotnet.network()
    verify(graph)
    frames = np.repeat(pilotnet.picture()[None], pilotnet.STEPS, axis=0)
    values = simulate(graph, {"input": frames}).values
    compared = 0
    for layer in pilotnet.LAYERS:
        lag, found = graph.lags[f"{layer}.lif"], pilotnet.traces(graph, values, layer)
        for key, want in pilotnet.golden(layer).items():
            assert want[lag:].any()
            assert np.array_equal(found[key][: len(want) - lag], want[lag:]), (layer, key)
            compared += 1
    assert compared == 25  # spikes, current and potential; of the input only spikes


@needs_lava
def test_the_measuring_script_finds_no_mismatch(tmp_path: Path) -> None:
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "measure_pilotnet.py"
    words = [sys.executable, str(script), "--quick", "--json", str(tmp_path / "f.json")]
    env = {**os.environ, "PYTHONPATH": str(script.parents[1])}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = load_figures(tmp_path / "f.json")
    assert found["pilotnet_lif_mismatches"].value == 0
    assert found["pilotnet_lif_values"].value > 8_000_000


@needs_lava
def test_another_reset_would_be_noticed() -> None:
    path = pilotnet.folder() / "network.net"
    graph = import_netx(path, reset_every=16, layers=2)
    frames = np.repeat(pilotnet.picture()[None], pilotnet.STEPS, axis=0)
    found = simulate(graph, {"input": frames}).values["layer1.lif.out"]
    assert (found[:23] != pilotnet.golden("layer1")["out"][1:]).any()


@needs_lava
def test_tinynet_reproduces_its_golden_spikes() -> None:
    folder = pilotnet.folder("tinynet")
    graph = import_netx(folder.parent.parent / "tiny.net")
    image = pilotnet.frames_of(np.load(folder / "input_bias.npy")[..., None])
    values = simulate(graph, {"input": np.repeat(image, 15, axis=0)}).values
    for layer, name in (("layer1", "layer1.npy"), ("layer2", "output.npy")):
        stored = np.load(folder / name)[0].transpose(2, 1, 0, 3)  # (channels, rows, columns, T)
        golden = pilotnet.frames_of(stored)[1:]
        assert golden.any() and np.array_equal(values[f"{layer}.lif.out"], golden)


@needs_lava
def test_ntidigits_with_axonal_delays_reproduces_its_golden_spikes() -> None:
    folder = pilotnet.folder("ntidigits")
    graph = import_netx(folder / "ntidigits.net", layers=5)
    assert len(graph.of_kind("Delay")) == 2
    spikes = np.load(folder / "input.npy").astype(np.int64).T[:, :, None]
    found = simulate(graph, {"input": spikes}, probes=["layer4.lif.out"]).values["layer4.lif.out"]
    golden = np.load(folder / "output.npy").astype(np.int64).T
    # The golden run logs its output four steps late.
    assert golden.sum() > 20000 and np.array_equal(found[:-4, 0], golden[4:])


@needs_lava
def test_sigma_delta_pilotnet_as_netx_reproduces_its_golden_output() -> None:
    folder = pilotnet.folder("pilotnet_sdnn")
    graph = import_netx(folder / "network.net", as_netx=True)
    verify(graph)
    inputs = {"input": pilotnet.frames_of(np.load(folder / "input.npy"))}
    golden = np.load(folder / "output.npy").astype(np.int64)[0]
    by_step = reference.simulate(graph, inputs, probes=["output.out"]).by_step["output.out"]
    assert np.array_equal(by_step[:, 0, 0], golden)  # all nine steps, before frame 0 too
    assert simulate(graph, inputs).values["output.out"][0, 0, 0] == golden[-1]


@needs_lava
def test_corrected_sigma_delta_pilotnet_does_not_drift() -> None:
    """On a still picture the readout is that of the dense network, whatever came before."""
    folder = pilotnet.folder("pilotnet_sdnn")
    graph = import_netx(folder / "network.net")
    assert not graph.of_kind("StockSigmaDelta")
    still = pilotnet.frames_of(np.load(folder / "input.npy"))[0]
    rng = np.random.default_rng(0)
    moving = still + rng.integers(-9, 10, (12, *still.shape))
    loose = [replace(n, threshold=0) if isinstance(n, Delta) else n for n in graph.nodes]
    graph = replace(graph, nodes=tuple(loose))
    run = simulate(graph, {"input": np.concatenate([still[None], moving, still[None]])})
    first, *_, last = run.values["output.out"][:, 0, 0]
    assert first == last != run.values["output.out"][5, 0, 0]


@needs_lava
def test_lava_dl_runs_the_same_network_and_reads_what_is_exported(tmp_path: Path) -> None:
    path = write_file(tmp_path / "small.net", small_layers())
    rng = np.random.default_rng(0)
    spikes = (rng.random((5, 4, 2, 30)) < 0.3).astype(np.int64)
    graph = import_netx(path, as_netx=True)
    inputs = {"input": pilotnet.frames_of(spikes)}
    found = reference.simulate(graph, inputs).by_step["layer4.lif.out"][:30, 0]
    assert np.array_equal(netx_spikes(path, spikes, tmp_path), found)
    assert export_netx(graph, tmp_path / "back.net") == []
    assert found.sum() > 50
    assert np.array_equal(netx_spikes(tmp_path / "back.net", spikes, tmp_path), found)


@needs_lava
def test_lava_dl_runs_the_same_recurrent_network(tmp_path: Path) -> None:
    path = write_file(tmp_path / "loop.net", recurrent_layers())
    graph = import_netx(path, as_netx=True)
    verify(graph)
    spikes = (np.random.default_rng(0).random((7, 60)) < 0.3).astype(np.int64)
    run = reference.simulate(graph, {"input": spikes.T[:, None]})
    found = run.by_step["layer3.lif.out"][:60, 0]
    assert np.array_equal(netx_spikes(path, spikes, tmp_path), found)
    cut = graph.with_edges([e for e in graph.edges if not e.recurrent])
    alone = reference.simulate(cut, {"input": spikes.T[:, None]}).by_step["layer3.lif.out"]
    assert (alone[:60, 0] != found).any() and 30 < found.sum() < 150
