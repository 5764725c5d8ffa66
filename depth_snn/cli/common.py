"""Options that several commands share, and early looks at where results will go."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from depth_snn.errors import ConfigError


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    value = int(text) if text.strip().lstrip("+").isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return value


def count(text: str) -> int:
    """A whole number from 0 to 2³² − 1 (so that it may also be a seed), for argparse."""
    value = int(text) if text.strip().isdecimal() else -1
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 up, got {text!r}")
    return value


def seconds(text: str) -> float:
    """A number above 0, for argparse."""
    value = threshold(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def threshold(text: str) -> float:
    """A number of 0 or more, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of 0 or more, got {text!r}")
    return value


def rates(text: str) -> tuple[float, ...]:
    """One share or several separated by commas, each from 0 up to below 1, for argparse."""
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = (-1.0,)
    if not all(0 <= share < 1 for share in shares):
        raise argparse.ArgumentTypeError(f"expected numbers from 0 up to below 1, got {text!r}")
    return shares


def add_policy_options(
    parser: argparse.ArgumentParser,
    networks: str = "shipped weights (small, street, camvid, tiny) or a file",
    policy: str = "policy file (TOML)",
) -> None:
    """Network, policy file and the policy's fields.

    ``networks`` and ``policy`` say what the command takes.
    """
    group = parser.add_argument_group("network and pruning")
    group.add_argument("--network", default="small", metavar="NAME", help=networks)
    group.add_argument("--policy", metavar="FILE", help=f"{policy}; options below override it")
    group.add_argument("--motion", metavar="NAME", help="dis, patch, codec or raft:FILE")
    group.add_argument(
        "--tau-px", type=threshold, metavar="PX", help="motion that makes a token active"
    )
    group.add_argument("--tau-stale", type=threshold, metavar="GREY",
                       help="change since last sent that makes a token active")  # fmt: skip
    group.add_argument(
        "--token-rate", type=rates, metavar="SHARE",
        help="share of active tokens cut per block, or one for each: 0,0.1,0.2",
    )  # fmt: skip
    group.add_argument("--head-rate", type=rates, metavar="SHARE",
                       help="share of heads cut per block, or one for each")  # fmt: skip
    group.add_argument("--no-recovery", action="store_true", help="switch spike recovery off")
    group.add_argument("--gate-body", choices=("loihi", "snntorch", "norse"),
                       help="which body of the gate neuron decides (default loihi)")  # fmt: skip


def policy_changes(args: argparse.Namespace) -> dict[str, object]:
    """Fields of the policy that the command line sets."""
    changes: dict[str, object] = {
        key: getattr(args, key)
        for key in ("motion", "tau_px", "tau_stale", "token_rate", "head_rate")
    }
    if args.no_recovery:
        changes["recovery"] = False
    if args.gate_body:
        changes["gate_body"] = args.gate_body
    return changes


def add_figures_option(parser: argparse.ArgumentParser) -> None:
    """``--json FILE`` of measuring commands."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures measured")


def check_file_target(option: str, path: Path | None) -> None:
    """Refuse a file that could not be written, before any work is done.

    Raises:
        ConfigError: The path is a folder, or its folder cannot be made or written.
    """
    if path is None:
        return
    if path.is_dir():
        raise ConfigError(f"{option} {path}: is a folder; give the name of a file")
    check_folder_target(option, path.parent)


def check_folder_target(option: str, path: Path) -> None:
    """Refuse a folder that could not be made or written, before any work is done.

    Raises:
        ConfigError: A part of the path is a file, or the folder is not writable.
    """
    there = path.absolute()
    while not os.path.lexists(there):
        there = there.parent
    if not there.is_dir():
        raise ConfigError(f"{option} {path}: {there} is not a folder; give another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigError(f"{option} {path}: {there} cannot be written; give another place")
