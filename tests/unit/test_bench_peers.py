"""The benchmarks against peers: what they share, and each in its quick form, ours alone."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import peer_environment
from benchmarks.chain import SHARE, make_chain
from benchmarks.copy_bandwidth import copy_bytes_per_s
from benchmarks.peer_environment import OWN, PEERS, python_of
from benchmarks.random_network import VTH, make_random
from benchmarks.timing import Times, interleave, percent, ratio
from benchmarks.worker import Worker
from depth_snn.errors import EngineError, MissingDependency
from depth_snn.figures import load_figures
from sims import reference
from sims.fast import FastSimulator

ROOT = Path(__file__).resolve().parents[2]


def bench(name: str, out: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run a benchmark's quick form here; its figures' values."""
    words = [f"bench_{name}.py", "--quick", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(ROOT / "benchmarks" / words[0]), run_name="__main__")
    return {name: figure.value for name, figure in load_figures(out).items()}


def test_quick_lif(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = bench("lif", tmp_path / "f.json", monkeypatch)
    assert found["lif_steps_per_s"] > 0 and found["bandwidth_fraction_lif"] > 0
    assert "lif_vs_best_torch" not in found, "nobody else took part"


def test_quick_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = bench("layers", tmp_path / "f.json", monkeypatch)
    assert found["layer_step_us_64"] > 0 and found["depth4_step_us"] > 0


def test_quick_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench("random", tmp_path / "f.json", monkeypatch)["random_synops_per_s"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["network", "growth"])
def test_quick_slow_ones(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = bench(name, tmp_path / "f.json", monkeypatch)
    assert found and all(value >= 0 for value in found.values())


def test_the_random_network_obeys_the_rule_it_states() -> None:
    """numpy, as the peers compute it; so a peer that agrees with ours agrees with the rule."""
    network, steps = make_random(96, 8, mean_drive=20), 30
    frames = {"drive": np.broadcast_to(network.drive, (steps, 96))}
    got = FastSimulator(network.graph(), ("lif.out",)).run(frames)["lif.out"]
    v, arriving = np.zeros(96, np.int64), np.zeros(96, np.int64)
    for t in range(steps):
        v += network.drive + arriving
        spikes = v > VTH
        assert np.array_equal(got[t], spikes), t
        v[spikes] = 0
        arriving[:] = 0
        chosen = network.targets[spikes], network.weights[spikes]
        np.add.at(arriving, *chosen)
    assert got.any()


def test_the_layers_fire_about_as_often_as_asked() -> None:
    chain = make_chain(48, 3, 500)
    frames = {"in": chain.spikes[:, None, :].astype(np.int64)}
    values = FastSimulator(chain.graph(), (chain.last,)).run(frames)[chain.last]
    assert SHARE / 3 < values.mean() < SHARE * 3
    few = {"in": frames["in"][:20]}
    want = reference.simulate(chain.graph(), few).result.values[chain.last]
    assert np.array_equal(values[:20], want)


def test_a_contender_that_fails_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> float:
        raise EngineError("out of\nwork")

    times = interleave({"good": lambda: 2.0, "bad": fail}, 3)
    assert list(times) == ["good"] and times["good"].median == 2
    assert "bad: does not take part: out of work" in capsys.readouterr().out


def test_a_ratio_is_of_the_runs_of_one_round() -> None:
    value, spread = ratio(Times((10.0, 20.0, 30.0)), Times((1.0, 2.0, 3.0)))
    assert value == 10 and spread == 0
    once = Times((2.0,))
    assert ratio(once, once) == (1, None) and once.spread is once.spread_of(5) is None
    assert (percent(once.share), percent(Times((1.0, 1.0)).share)) == ("–", "0%")


def test_bandwidth_is_more_than_nothing() -> None:
    assert 1e8 < copy_bytes_per_s(1 << 16, repetitions=1) < 1e13


def test_pins_are_exact_and_name_no_place() -> None:
    files = sorted(PEERS.glob("*.txt"))
    assert len(files) >= 4
    for file in files:
        lines = [x for x in file.read_text(encoding="utf-8").splitlines() if x[:1] != "#"]
        assert lines and all(x.count("==") == 1 and "/" not in x for x in lines), file.name


def test_an_environment_that_does_not_install_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No package has this name, whatever index is asked; without any, the reason is another."""
    (tmp_path / "none.txt").write_text("./there-is-no-such-folder\n", encoding="utf-8")
    monkeypatch.setattr(peer_environment, "PEERS", tmp_path)
    monkeypatch.setenv("DEPTH_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MissingDependency, match="environment none does not install") as error:
        python_of("none")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "cache" / "peers" / "none" / peer_environment.STAMP).exists()


def test_a_worker_answers_fails_and_ends(tmp_path: Path) -> None:
    with Worker(OWN, "torch_dense.py", tmp_path, deadline_s=60) as worker:
        with pytest.raises(EngineError, match=r"load: GraphError: .*no such"):
            worker.ask("load", folder=str(tmp_path), form="eager", threads=1)
        with pytest.raises(EngineError, match="KeyError"):
            worker.ask("juggle")
    with pytest.raises(EngineError, match="the worker ended"):
        worker.ask("load")
