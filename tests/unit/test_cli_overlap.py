"""No command replaces what it reads, by whatever name, and no file is written twice."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from depth_snn.cli.main import COMMANDS, build_parser, load_command
from depth_snn.cli.overlap import NAMES, WRITTEN, refuse_overlap
from tests.unit.command import depth_snn, refused

READ = frozenset(
    {"graph", "inputs", "compare", "placement", "record", "records", "traffic", "spatial",
     "serial", "timing", "bundle", "file", "files", "figures", "benchmarks", "data", "trace",
     "ledger", "raft"}
)  # fmt: skip
"""Every other argument that is a path."""
NO_FILES = ("doctor", "scene", "fuzz")
"""Commands that read no file."""
WORDS = """
simulate graph.h5 inputs.h5 --out graph.h5
simulate graph.h5 inputs.h5 --counts inputs.h5
simulate graph.h5 inputs.h5 --compare v.h5 --out ./d/../v.h5
simulate graph.h5 d/a.h5 inputs.h5 --out d
simulate graph.h5 inputs.h5 --out link.h5
simulate graph.h5 inputs.h5 --out hard.h5
energy run.h5 --json run.h5
energy run.h5 --json inputs.h5
energy run.h5 --placement p.json --json p.json
energy run.h5 --table loihi1,t.toml --json t.toml
place graph.h5 --out graph.h5
place v.h5 --traffic run.h5 --json graph.h5
place graph.h5 --target t.toml --json t.toml
verify b.zip --engine fast --out b.zip
verify bundle --engine fast --out bundle/graph.h5
check run.h5 --budget t.toml --json graph.h5
check run.h5 --budget t.toml --junit t.toml
check run.h5 --propose graph.h5 --force
check graph.h5 --target loihi2 --json graph.h5
bundle graph.h5 inputs.h5 --out inputs.h5
bundle graph.h5 inputs.h5 --placement b.zip --out b.zip
study run.h5 --json inputs.h5
study run.h5 --spatial d/study.html --out d
convert --network w.safetensors --out w.safetensors
convert --network tiny --calibrate clip.mp4 --out clip.mp4
convert --network tiny --thresholds t.toml --out t.toml
import net.net --from netx --out net.net
export graph.h5 --to nir --out graph.h5
run clip.mp4 --out o --json clip.mp4
run d --out d
run scene:street --out d --budget d/ledger.csv
run scene:street --motion raft:w.safetensors --out o --json w.safetensors
figures merge f.json --into f.json
figures render p.json --figures p.json
train t.toml --out t.toml
train street --start w.safetensors --out w.safetensors
judge w.safetensors --out w.safetensors
library --policy t.toml --keep o --out t.toml
flow --raft w.safetensors --out w.safetensors
conform --ledger t.toml --json t.toml
conform --trace f.json --json f.json
eval --network small,w.safetensors --protocol depth --json w.safetensors
search --policy t.toml --out d --json t.toml
search --network small --budget d/front.json --out d
"""
TWICE = """
simulate graph.h5 inputs.h5 --out x.h5 --counts d/../x.h5
simulate graph.h5 inputs.h5 d/a.h5 --out x --counts x
place graph.h5 --out x --json x
check run.h5 --budget t.toml --json x --junit x
study run.h5 --out x --json x
study run.h5 --out x --json x/study.html
search --out x --json x/search.json
search --compare random --out x --json x/random/front.csv
run scene:street --out x --json x/verdict.json
convert --network tiny --out x --tune x
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file for every name above; what is in them is never read."""
    names = {word for line in WORDS.split("\n") for word in line.split()[1:] if "." in word}
    for name in sorted(names - {"link.h5", "hard.h5"}):
        file = tmp_path / os.path.normpath(name.rpartition(":")[2].rpartition(",")[2])
        file.parent.mkdir(exist_ok=True)
        file.write_text(name, encoding="utf-8")
    (tmp_path / "link.h5").symlink_to("graph.h5")
    os.link(tmp_path / "graph.h5", tmp_path / "hard.h5")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def state(folder: Path) -> dict[str, bytes]:
    """Everything in a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}


@pytest.mark.parametrize("line", WORDS.strip().split("\n"))
def test_an_input_is_not_replaced(line: str, here: Path) -> None:
    before = state(here)
    refused(depth_snn(*line.split()), "would replace", "give another name")
    assert state(here) == before


@pytest.mark.parametrize("line", TWICE.strip().split("\n"))
def test_two_outputs_are_not_one_file(line: str, here: Path) -> None:
    before = state(here)
    refused(depth_snn(*line.split()), " too; give another name")
    assert state(here) == before


def actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Options and arguments, those of sub-commands too."""
    found: list[argparse.Action] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [a for each in action.choices.values() for a in actions(each)]
        else:
            found.append(action)
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_every_path_of_a_command_is_read_or_written(name: str) -> None:
    """A new option that names a file belongs into one of the lists."""
    (sub,) = (a for a in build_parser(name)._actions if isinstance(a, argparse._SubParsersAction))
    every = actions(sub.choices[name])
    paths = {action.dest for action in every if action.type is Path}
    assert paths <= WRITTEN | READ | NAMES, paths - WRITTEN - READ - NAMES
    texts = {a.dest for a in every if a.type is None and "FILE" in str(a.metavar)}
    assert texts <= NAMES, texts - NAMES
    covered = {line.split()[0] for line in WORDS.strip().split("\n")}
    assert name in covered or name in NO_FILES


@pytest.mark.parametrize(
    "line",
    ["run scene:street --network small --out small", "run clip.mp4 --out o --json o/figures.json",
     "simulate graph.h5 inputs.h5 --out inputs.values.h5", "energy run.h5 --json run.json",
     "train street --log o --cache o --out o/w.safetensors", "verify bundle",
     "verify bundle --out bundle/results.json", "place --targets"],
)  # fmt: skip
def test_what_only_looks_alike_is_let_through(line: str, here: Path) -> None:
    for folder in ("small", "o"):
        (here / folder).mkdir()
    words = line.split()
    refuse_overlap(build_parser(words[0]).parse_args(words), load_command(words[0]))
