"""Thresholds of encoders: the search for them, the yardstick of work, the command line's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from conversion.cases.small import CASES, attention_case
from conversion.convert import PASSES
from conversion.dense_operations import dense_operations
from conversion.graph import Graph
from conversion.graph_file import load_graph
from conversion.nodes import Input
from conversion.pass_error import PassError
from conversion.passes.set_thresholds import set_thresholds
from conversion.tune_thresholds import Measured, groups_of, tune_thresholds
from depth_snn.cli.chain.footage import open_footage, reduction, replay
from depth_snn.cli.chain.tuning import Trial, tune
from depth_snn.cli.thresholds import read_thresholds, write_thresholds
from depth_snn.data.frames import Frame
from depth_snn.errors import ConfigError, GraphError
from sims.fast import simulate
from tests.unit.command import TINY as NETWORK
from tests.unit.command import depth_snn, refused
from tests.unit.converting import network_of
from tests.unit.small import TINY, scene_frames
from tests.unit.test_conversion import converted

# ------------------------------------------------------------------ dense operations


DENSE_CASES = ("dense", "encoder", "cells", "cells, groups across positions", "conv",
               "conv 3, stride 1, threshold 3", "conv, padding beyond the kernel",
               "conv, stride beyond the kernel", "attention")  # fmt: skip


@pytest.mark.parametrize("which", DENSE_CASES)
def test_closed_form_is_what_a_frame_of_messages_everywhere_counts(which: str) -> None:
    """Inputs on which every encoder in front of a connection has to speak, in the first frame."""
    graph, inputs = CASES[which](0)
    rng = np.random.default_rng(1)
    for node in graph.nodes:
        if isinstance(node, Input):
            shape = inputs[node.name][:1].shape
            mask = node.name == "sched" or node.hi == 1
            full = np.ones(shape, np.int64) if mask else rng.integers(140, 256, shape)
            inputs[node.name] = full.clip(node.lo, node.hi)
    run = simulate(set_thresholds(graph, 0), inputs)
    found, checked = dense_operations(graph), 0
    for name, count in found.items():
        sources = [e.source for e in graph.incoming[name] if e.port != "gate"]
        if all(run.values[f"{s}.out"].all() for s in sources):
            assert run.counts[name].synaptic_operations[0] == count, name
            checked += 1
    assert checked, "some connection must have met messages everywhere"
    for name, counts in run.counts.items():
        assert counts.synaptic_operations.max() <= found.get(name, 0), name


def test_attention_counts_all_tokens_out_in_and_read() -> None:
    graph, _ = attention_case(tokens=6, heads=2, head_dim=3)
    assert dense_operations(graph) == {"attention": 6 * 3 * 2 * 9}


# ------------------------------------------------------------------ the search


def model_of_costs(thresholds: Mapping[str, int]) -> Measured:
    """Work and error that add up over encoders: what each saves and what each costs is known."""
    work, error = 100.0, 0.0
    for name, (saves, costs) in {"block1.h": (20, 1), "stem1": (30, 5), "embed": (1, 4)}.items():
        level = int(np.log2(thresholds[name])) if thresholds[name] else 0
        work -= saves * (1 - 0.5**level)
        error += costs * level
    return Measured(work, error)


def test_the_walk_takes_the_cheapest_saving_first() -> None:
    graph = converted("uneven")
    settings = list(tune_thresholds(graph, model_of_costs, limit=8))
    works, errors = ([getattr(s.measured, k) for s in settings] for k in ("work", "error"))
    assert works == sorted(works, reverse=True) and len(set(works)) == len(works)
    assert errors == sorted(errors) and errors[0] == 0 and errors[-1] <= 8
    # 10 saved for 1, then 15 for 5 loses against 5 for 1; then 2.5 for 1 against 3 for 1.
    taken = [(s.thresholds["block1.h"], s.thresholds["stem1"]) for s in settings]
    assert taken[:4] == [(0, 0), (2, 0), (4, 0), (4, 2)]
    assert settings[-1].thresholds["embed"] == 0
    first, last = settings[0], settings[-1]
    assert set(first.thresholds.values()) == {0}
    assert last.thresholds["block1.h"] == last.thresholds["block2.h"], "a group shares a threshold"


def test_a_limit_of_nothing_keeps_everything_that_costs() -> None:
    (only,) = tune_thresholds(converted("uneven"), model_of_costs, limit=0)
    assert set(only.thresholds.values()) == {0}


def test_groups_and_what_cannot_be_tuned() -> None:
    groups = groups_of(converted("deep"))
    assert {n.name for n in groups["stem"]} == {"stem1", "stem2", "stem3"}
    assert set(groups) >= {"pixels.code", "block.h", "embed", "decoder.hidden"}
    lone = Graph(
        name="lone", dialect="quantised", nodes=(Input(name="x", shape=(1,), lo=0, hi=1),), edges=()
    )
    with pytest.raises(GraphError, match="no encoder whose threshold"):
        list(tune_thresholds(lone, model_of_costs, limit=1))


def test_tuning_a_real_graph_saves_work_within_the_limit() -> None:
    graph, config = converted("scene"), network_of("scene").config
    label = np.zeros((config.height, config.width), np.uint8)
    clip = open_footage(config, [Frame(rgb, label) for rgb in scene_frames(TINY, 4)])
    settings = tune(graph, [clip], limit=2.0)
    last = settings[-1]
    assert last.measured.work < 0.9 and last.measured.error <= 2.0
    again = Trial(graph, [clip])(last.thresholds)
    assert again == last.measured, "the same thresholds measure the same"
    dense, quiet = replay(graph, clip), replay(set_thresholds(graph, last.thresholds), clip)
    saved = reduction(graph, graph, [quiet]) / reduction(graph, graph, [dense])
    assert saved == pytest.approx(1 / last.measured.work)
    assert reduction(graph, graph, [dense]) > 1, "static values are silent even at threshold 0"


# ------------------------------------------------------------------ error of a pass


def test_errors_are_in_units_of_each_node() -> None:
    error = PassError({"a": 0.5, "b": 2.0})
    with pytest.raises(GraphError, match="no frame"):
        error.worst()
    error.add({"a": np.array([0.0, 1.0]), "b": np.zeros(1)},
              {"a": np.array([0.0, 2.5]), "b": np.ones(1)})  # fmt: skip
    error.add({"a": np.zeros(2), "b": np.zeros(1)}, {"a": np.zeros(2), "b": np.ones(1)})
    assert (
        error.worst() == ("a", 3.0)
        and error.worst(without="a") == ("b", 0.5)
        and error.largest["b"] == 0.5
    )
    assert error.mean("a") == 0.75 and error.mean("b") == 0.5
    with pytest.raises(GraphError, match="'b': no value"):
        error.add({"a": np.zeros(2)}, {"a": np.zeros(2)})
    with pytest.raises(GraphError, match="'a': values"):
        error.add({"a": np.zeros(2), "b": np.zeros(1)}, {"a": np.zeros(3), "b": np.zeros(1)})


# ------------------------------------------------------------------ files


def test_thresholds_come_from_a_number_or_a_file(tmp_path: Path) -> None:
    assert read_thresholds("3") == 3
    assert read_thresholds(None) == 0
    with pytest.raises(ConfigError, match="expected a whole number"):
        read_thresholds("")
    file = tmp_path / "t.toml"
    write_thresholds(file, {"block1.h": 4, "stem": 1}, "made here\nby hand")
    assert read_thresholds(str(file)) == {"block1.h": 4, "stem": 1}
    assert file.read_text(encoding="utf-8").startswith("# made here\n# by hand\n[thresholds]\n")
    assert list(tmp_path.iterdir()) == [file]
    for text, said in (
        ("x = 1", "expected one table"),
        ("[thresholds]\na = -1", "'a' is -1"),
        ("[thresholds]\na = 1.5", "'a' is 1.5"),
        ("[thresholds]\na = true", "'a' is True"),
        ("[thresholds", "not valid TOML"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=said):
            read_thresholds(str(file))
    with pytest.raises(ConfigError, match=r"none\.toml: no such file"):
        read_thresholds(str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match="-4: expected a whole number from 0 up"):
        read_thresholds("-4")


# ------------------------------------------------------------------ the command


def test_convert_takes_thresholds_and_shows_what_each_pass_costs(tmp_path: Path) -> None:
    out, file = tmp_path / "tiny.h5", tmp_path / "t.toml"
    write_thresholds(file, {"stem": 3, "block1.h": 4}, "by hand")
    done = depth_snn("convert", *NETWORK, "--thresholds", file, "--errors", "--out", out)
    assert done.code == 0, done.err
    found = {n.name: n.attributes().get("threshold") for n in load_graph(out).nodes}
    assert found["stem1"] == 3 and found["block1.h"] == 4 and found["block2.h"] == 0
    lines = done.out.splitlines()
    rows = {line.split()[0]: line.split() for line in lines[-len(PASSES) :]}
    assert tuple(rows) == PASSES
    error = {name: float(row[1]) for name, row in rows.items()}
    assert error["build"] == 0 and error["fold_norms"] < 0.01 < error["round_weights"]
    assert error["set_thresholds"] > error["insert_sigma_delta"] > 0.5
    assert rows["lower"][1:] == rows["set_thresholds"][1:], "gates and delays cost nothing"
    assert any(line.startswith("converted in ") for line in lines)


def test_convert_finds_thresholds(tmp_path: Path) -> None:
    out, file = tmp_path / "tiny.h5", tmp_path / "tuned.toml"
    words = ("--tune", file, "--tune-frames", "2", "--tune-error", "0.5", "--out", out)
    done = depth_snn("convert", *NETWORK, *words)
    assert done.code == 0, done.err
    given = read_thresholds(str(file))
    assert isinstance(given, dict) and max(given.values()) > 1
    for node in load_graph(out).nodes:
        assert getattr(node, "threshold", 0) == given.get(node.name, 0)


def test_convert_refuses_what_cannot_work_before_it_works(tmp_path: Path) -> None:
    out, file = tmp_path / "x.h5", tmp_path / "t.toml"
    write_thresholds(file, {"block9.h": 4}, "by hand")
    for words, said in (
        (("--thresholds", file), "no such encoder"),
        (("--thresholds", tmp_path / "none.toml"), "no such file"),
        (("--thresholds", "3", "--tune", file), "choose one of both"),
        (("--tune", file, "--tune-frames", "1"), "give 2 or more"),
    ):
        refused(depth_snn("convert", *NETWORK, *words, "--out", out), said)
        assert not out.exists()
    refused(depth_snn("convert", "--network", "camvid", "--errors", "--out", out), "11 classes")


def test_numbers_of_thousands_of_digits_are_one_line(tmp_path: Path) -> None:
    digits = "9" * 5000
    (tmp_path / "long.toml").write_text(f"[thresholds]\nstem1 = {digits}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="5000 digits"):
        read_thresholds(digits)
    with pytest.raises(ConfigError, match=r"long\.toml: not valid TOML"):
        read_thresholds(str(tmp_path / "long.toml"))
