"""`depth-snn place` and `check --target`: what they print, write and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conversion.graph_file import load_graph, save_graph
from conversion.placement_file import load_placement
from loihi.placing.usage import check_limits
from loihi.target import TARGET_FOLDER, load_target
from tests.conformance.host_cases import softmax_case
from tests.unit.command import depth_snn, refused


def own_target(folder: Path, **values: int) -> Path:
    """Loihi 2 with some values changed, as a file."""
    text = (TARGET_FOLDER / "loihi2.toml").read_text(encoding="utf-8")
    lines = text.splitlines()
    for name, value in values.items():
        at = lines.index(f'limit = "{name}"')
        lines[at + 1] = f"value = {value}"
    path = folder / "own.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_place_writes_what_keeps_every_limit(finished: Path, tmp_path: Path) -> None:
    out, facts = tmp_path / "p.json", tmp_path / "facts.json"
    words = ("place", finished / "graph.h5", "--traffic", finished / "run.h5")
    done = depth_snn(*words, "--out", out, "--json", facts)
    assert done.code == 0, done
    placement, graph = load_placement(out), load_graph(finished / "graph.h5")
    usage = check_limits(graph, placement, load_target("loihi2"), serial=False)
    found = json.loads(facts.read_text(encoding="utf-8"))
    ours, baseline, serial = found["rows"]
    assert ours["cores"] == len(placement.cores) < baseline["cores"]
    assert ours["hops"] < baseline["hops"] and ours["least_cores"] <= ours["cores"]
    assert ours["state_bytes"] == usage.state_bytes.sum() and serial["mapping"] == "serial"
    again = depth_snn(*words, "--out", tmp_path / "again.json")
    assert load_placement(tmp_path / "again.json") == placement
    assert done.out.splitlines()[1:5] == again.out.splitlines()[1:5]


def test_counts_of_a_run_change_the_traffic(finished: Path, tmp_path: Path) -> None:
    small = own_target(tmp_path, neurons_per_core=1000)
    hops = []
    for more in ((), ("--traffic", finished / "run.h5")):
        facts = tmp_path / "facts.json"
        words = ("place", finished / "graph.h5", "--target", small, "--json", facts, *more)
        assert depth_snn(*words).code == 0
        hops.append(json.loads(facts.read_text(encoding="utf-8"))["rows"][0]["hops"])
    assert hops[0] > hops[1] > 0, "a pruned run sends less than one message from each neuron"


def test_the_serial_mapping_takes_a_neuron_for_each_channel(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "p.json"
    done = depth_snn("place", finished / "graph.h5", "--mapping", "serial", "--out", out)
    assert done.code == 0, done
    graph = load_graph(finished / "graph.h5")
    check_limits(graph, load_placement(out), load_target("loihi2"), serial=True)


def test_targets_are_listed_with_their_sources() -> None:
    done = depth_snn("place", "--targets")
    assert done.code == 0 and "Davies et al." in done.out and "unknown" in done.out
    assert all(name in done.out for name in ("loihi1:", "loihi2:", "loihi2x8:", "hala_point:"))


def test_check_says_used_and_max_and_exits_with_2(finished: Path, tmp_path: Path) -> None:
    done = depth_snn("check", finished / "graph.h5", "--target", "loihi2")
    assert done.code == 0 and "on loihi2: no limit broken" in done.out, done
    assert "runs on the embedded: gate.restore" in done.out
    facts = tmp_path / "found.json"
    done = depth_snn("check", finished / "graph.h5", "--target", "loihi1", "--json", facts)
    assert done.code == 2 and "binary spikes only" in done.out
    found = json.loads(facts.read_text(encoding="utf-8"))
    assert {fault["limit"] for fault in found["violations"]} == {"payload_bits"}
    assert found["summary"]["payload_bits"][1] == 1


@pytest.mark.parametrize(("values", "said"), [
    ({"synaptic_bytes_per_core": 64}, ("synaptic_bytes_per_core needs", "the target has 64")),
    ({"delay_max": 1}, ("delay_max needs", "the target has 1", "shorten the other branch")),
    ({"neurons_per_core": 100}, ("cores (by neurons_per_core) needs", "the other mapping")),
    ({"embedded_processors_per_chip": 0}, ("node 'gate.restore'", "run it on the host")),
    ({"weight_bits": 4}, ("weight_bits needs 8 bits, the target has 4",)),
])  # fmt: skip
def test_place_refuses_with_the_true_reason(
    finished: Path, tmp_path: Path, values: dict[str, int], said: tuple[str, ...]
) -> None:
    done = depth_snn("place", finished / "graph.h5", "--target", own_target(tmp_path, **values))
    refused(done, "cannot hold this graph", *said)


def test_what_stays_on_the_host_is_said(tmp_path: Path) -> None:
    path = tmp_path / "softmax.h5"
    save_graph(softmax_case()[0], path)
    done = depth_snn("check", path, "--target", "loihi2")
    assert "runs on the host" in done.out and "softmax" in done.out.lower(), done


def test_options_that_do_not_go_together_are_refused(finished: Path) -> None:
    refused(depth_snn("place"), "give a graph file to place, or --targets")
    words = ("check", finished / "graph.h5", "--target", "loihi2", "--budget", "street")
    refused(depth_snn(*words), "leave out --budget")
