"""`depth-snn check --target`: hold a graph against a chip's limits, before anything is built."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from depth_snn.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from loihi.preflight import Preflight

NODES_NAMED = 6


def check_target(args: argparse.Namespace) -> int:
    """Check one graph file; returns the exit code.

    Raises:
        ConfigError: Options that belong to runs and budgets were given.
    """
    from conversion.graph_file import load_graph
    from loihi.preflight import preflight
    from loihi.target import load_target

    strangers = {
        "--budget": args.budget, "--graph": args.graph, "--placement": args.placement,
        "--cost-table": args.cost_table, "--junit": args.junit, "--propose": args.propose,
    }  # fmt: skip
    given = [option for option, value in strangers.items() if value]
    if given:
        raise ConfigError(f"--target checks a graph and judges no run; leave out {given[0]}")
    if len(args.records) > 1:
        raise ConfigError(f"{len(args.records)} graphs given; --target checks one at a time")
    found = preflight(load_graph(args.records[0]), load_target(args.target), mapping=args.mapping)
    if not args.quiet:
        _print(found)
    if args.json:
        _write(args.json, found)
    for fault in found.violations:
        print(f"violation: {fault}")
    word = f"does not fit, {len(found.violations)} violation(s)"
    if not found.violations:
        word = "no limit broken; `depth-snn place` says how many cores it takes"
    print(f"{args.records[0]} on {found.target}: {word}")
    return int(ExitCode.EXCEEDED if found.violations else ExitCode.OK)


def _print(found: Preflight) -> None:
    print(f"{'resource':30} {'used':>14} {'max':>14}")
    for name, (used, most) in found.summary.items():
        print(f"{name:30} {used:>14} {'unknown' if most is None else most:>14}")
    for place, nodes in found.elsewhere.items():
        if nodes:
            more = f" and {len(nodes) - NODES_NAMED} more" if len(nodes) > NODES_NAMED else ""
            print(f"runs on the {place}: {', '.join(nodes[:NODES_NAMED])}{more}")
    for warning in found.warnings:
        print(f"note: {warning}")


def _write(path: Path, found: Preflight) -> None:
    import json
    from dataclasses import asdict

    from depth_snn.figures import write_text

    facts = {
        "target": found.target,
        "violations": [asdict(fault) for fault in found.violations],
        "notes": list(found.warnings),
        "elsewhere": {place: list(nodes) for place, nodes in found.elsewhere.items()},
        "summary": {name: list(pair) for name, pair in found.summary.items()},
    }
    write_text(path, json.dumps(facts, indent=1) + "\n")
