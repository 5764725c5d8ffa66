"""Every command the README shows exists: it parses, its targets and files are there, it runs."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from depth_snn.cli.convert_softmax import parse
from depth_snn.cli.main import COMMANDS, build_parser
from depth_snn.data.frames import SCENES
from depth_snn.toml_io import load_toml
from sims.budget_file import shipped_budgets
from tests.unit.command import TINY, depth_snn

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(?:bash|sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLAIN = {"git", "cd", "uv", "xdg-open", "open"}
"""Programs of others, with nothing of ours to look up."""


def commands_of(text: str) -> list[str]:
    """Lines of the fenced blocks, continued lines joined, comments and prompts removed."""
    found = []
    for block in FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words:
                found.append(shlex.join(words))
    return found


COMMAND_LINES = commands_of(README)


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def own_paths(words: list[str]) -> Iterator[str]:
    """Words that name a file of this project."""
    folders = ("examples/", "docs/", "benchmarks/", "scripts/", "tests/", "sims/", "depth_snn/")
    yield from (word for word in words if word.startswith(folders))


def check_depth_snn(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The options exist, and so do shipped networks, budgets and scenes that are named."""
    command = next((word for word in words if not word.startswith("-")), None)
    if command is None:
        build_parser().parse_args([])
        return
    assert command in COMMANDS or command == "COMMAND", command
    if "--help" in words or command == "COMMAND":
        return
    try:
        args = build_parser(command).parse_args(words)
    except SystemExit:
        pytest.fail(f"does not parse: {words}: {capsys.readouterr().err}")
    source, network = getattr(args, "input", ""), getattr(args, "network", "tiny")
    if source.startswith("scene:"):
        assert source.removeprefix("scene:") in SCENES, source
    for name in network.split(","):
        if name.startswith("timm:"):
            parse(name)
        elif not name.endswith(".safetensors"):
            assert (ROOT / "depth_snn" / "weights" / f"{name}.safetensors").is_file(), name
    given = getattr(args, "budget", None) or []
    for budget in [given] if isinstance(given, str) else given:
        assert budget.endswith(".toml") or budget in shipped_budgets(), budget


def check_pip(words: list[str]) -> None:
    """The extras that are installed exist."""
    extras = set(load_toml(ROOT / "pyproject.toml")["project"]["optional-dependencies"])
    for word in words:
        for group in re.findall(r"\[([\w,-]+)\]", word):
            assert set(group.split(",")) <= extras, group


def check(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Fail unless the command is one that works here."""
    words = shlex.split(line)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    program, rest = words[0].rsplit("/", 1)[-1], words[1:]
    for path in own_paths(rest):
        assert list(ROOT.glob(path)), f"{line}: there is no {path}"
    if program == "make":
        targets = [word for word in rest if "=" not in word and not word.startswith("-")]
        assert set(targets) <= make_targets(), line
    elif program == "depth-snn":
        check_depth_snn(rest, capsys)
    elif program in {"python", "python3", "python3.10"} and rest[:2] == ["-m", "depth_snn.cli"]:
        check_depth_snn(rest[2:], capsys)
    elif program in {"pip", "python", "python3", "python3.10"}:
        check_pip(rest)
    else:
        assert program in PLAIN, f"{line}: nobody has checked that this works"


def test_the_readme_shows_the_two_commands() -> None:
    lines = set(COMMAND_LINES)
    assert any(line == "make demo" or line.startswith("make demo ") for line in lines), lines
    assert "make test" in lines


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_command_of_the_readme_exists(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    check(line, capsys)


def runs_of(lines: list[str]) -> list[str]:
    """`depth-snn run` on built-in scenes: they need no file that a newcomer may not have."""
    split = [shlex.split(line) for line in lines]
    runs = [w for w in split if w[0].rsplit("/", 1)[-1] == "depth-snn" and w[1:2] == ["run"]]
    return [shlex.join(w[1:]) for w in runs if any(x.startswith("scene:") for x in w)]


@pytest.mark.parametrize("line", runs_of(COMMAND_LINES))
def test_a_run_of_the_readme_runs(line: str, tmp_path: Path) -> None:
    small = (*TINY, "--frames", "2", "--out", tmp_path / "out", "--witness-frames", "0")
    done = depth_snn(*shlex.split(line), *small)  # a later option wins over an earlier one
    assert done.code in (0, 2), done
    assert (tmp_path / "out" / "verdict.json").is_file()


@pytest.mark.parametrize(
    "line",
    [
        "make dance",
        "depth-snn fly",
        "depth-snn run scene:street --out o --colour red",
        "depth-snn run scene:moon --out o",
        "depth-snn run scene:street --out o --network giant",
        "depth-snn run scene:street --out o --budget lavish",
        "python examples/99_nothing.py",
        "pip install '.[everything]'",
        "frobnicate",
    ],
)
def test_a_wrong_command_would_be_found(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(line, capsys)


def test_blocks_are_read_line_by_line() -> None:
    text = (
        "```bash\n$ make demo  # first\ndepth-snn run a \\\n  --out b\n```\n```toml\nx = 1\n```\n"
    )
    assert commands_of(text) == ["make demo", "depth-snn run a --out b"]
