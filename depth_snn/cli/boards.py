"""Options that name a Loihi 2, shared by the commands that can run on one."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from depth_snn.errors import ConfigError

if TYPE_CHECKING:
    from loihi.board import Board
    from loihi.chip_plan import ChipPlan


def add_board_options(parser: argparse.ArgumentParser) -> None:
    """``--partition``, ``--board``, ``--host-ip`` and ``--chip``."""
    group = parser.add_argument_group("with --engine loihi2 (needs Intel's lava-loihi)")
    group.add_argument("--partition", metavar="NAME", help="SLURM partition to take a board from")
    group.add_argument("--board", metavar="NAME", help="SLURM node name of the board")
    group.add_argument("--host-ip", metavar="ADDRESS", help="address of a board's host, no SLURM")
    group.add_argument("--chip", metavar="NAME", help="generation of its chips (default N3B3)")


def board_of(args: argparse.Namespace) -> Board | None:
    """The board that the options name, or None for another engine.

    Raises:
        ConfigError: Options of a board stand beside another engine, or contradict each other.
        MissingDependency: A board is meant, and the extension that runs it is not installed.
    """
    named = {
        "partition": args.partition,
        "board": args.board,
        "host_ip": args.host_ip,
        "generation": args.chip,
    }
    given = {key: value for key, value in named.items() if value is not None}
    if args.engine != "loihi2":
        if given:
            raise ConfigError("--partition, --board, --host-ip and --chip need --engine loihi2")
        return None
    from loihi.board import Board
    from loihi.hardware import require_hardware

    board = Board(**given)
    require_hardware()
    return board


def plan_lines(plan: ChipPlan) -> Iterator[str]:
    """A plan as lines of text."""
    total = len(plan.on_core) + len(plan.reasons)
    yield f"{len(plan.on_core)} of {total} nodes on neurocores, {len(plan.crossings)} crossings"
    for name in plan.on_core:
        yield f"  core  {name}"
    for name, reason in plan.reasons.items():
        yield f"  host  {name}: {reason}"
    for crossing in plan.crossings:
        way = "PyToNx" if crossing.to_core else "NxToPy"
        sign = ", sign restored" if crossing.sign_extended else ""
        yield f"  {way}  {crossing.node}.{crossing.port}, {crossing.message_bits} bits{sign}"
    for name in plan.uneven:
        yield f"  note  {name}: its paths cross unequally often; an adapter's step would mix frames"
