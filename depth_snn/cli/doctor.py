"""`depth-snn doctor`: what works on this machine, what is missing, and what to do about it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from depth_snn import __version__
from depth_snn.cli.doctor_checks import Finding, examine
from depth_snn.errors import ConfigError, ExitCode

NAME = "doctor"
HELP = "what works on this machine, what is missing, and what to do about it"
DESCRIPTION = """\
Look at Python, the packages, the video decoders, the shipped weights, Lava and Loihi hardware,
and say what to do about what is missing. Exit 0 when the core works, 1 when it does not."""
EXAMPLE = """\
examples:
  depth-snn doctor
  depth-snn doctor --json doctor.json   (for a bug report)"""

FORMAT = 1
"""Version of the JSON form. 1: the first."""

_MARKS = {"ok": "ok", "note": "note", "missing": "MISSING", "broken": "BROKEN"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the command's options.

    Args:
        parser: The command's parser.
    """
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings there too")


def run(args: argparse.Namespace) -> int:
    """Run the command.

    Args:
        args: The parsed options.

    Returns:
        0 when the core works, 1 when it does not.

    Raises:
        ConfigError: The JSON file cannot be written.
    """
    findings = examine()
    works = core_works(findings)
    print(f"depth-snn {__version__}")
    for finding in findings:
        print(describe(finding))
    print("the core works" if works else "the core does not work: mend what is marked [core] above")
    if args.json is not None:
        write_json(args.json, findings)
    return int(ExitCode.OK if works else ExitCode.ERROR)


def core_works(findings: list[Finding]) -> bool:
    """Whether `depth-snn run` can work.

    Args:
        findings: What was found.

    Returns:
        False when a core finding is missing or broken.
    """
    return not any(f.core and f.status in {"missing", "broken"} for f in findings)


def describe(finding: Finding) -> str:
    """A finding as the terminal shows it.

    Args:
        finding: What was found.

    Returns:
        One line, and a second one with the remedy where there is one.
    """
    core = " [core]" if finding.core and finding.status != "ok" else ""
    line = f"  {_MARKS[finding.status]:8}{finding.name}: {finding.detail}{core}"
    return f"{line}\n{'':10}do: {finding.remedy}" if finding.remedy else line


def write_json(path: Path, findings: list[Finding]) -> None:
    """Write the findings as JSON.

    Args:
        path: The file; its folder is created.
        findings: What was found.

    Raises:
        ConfigError: The file cannot be written.
    """
    rows = [asdict(finding) for finding in findings]
    document = {"format": FORMAT, "core_works": core_works(findings), "findings": rows}
    draft = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"--json {path}: cannot be written: {error.strerror or error}") from error
