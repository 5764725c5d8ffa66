"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    value = int(text) if text.strip().lstrip("+").isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
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


def add_policy_options(parser: argparse.ArgumentParser) -> None:
    """Network, policy file and the policy's fields."""
    group = parser.add_argument_group("network and pruning")
    group.add_argument("--network", default="street", metavar="NAME",
                       help="shipped weights (street, tiny) or a .safetensors file")  # fmt: skip
    group.add_argument("--policy", metavar="FILE", help="policy file (TOML); options below override it")
    group.add_argument("--motion", choices=("dis", "patch"), help="motion source")
    group.add_argument("--tau-px", type=threshold, metavar="PX", help="motion that makes a token active")
    group.add_argument("--tau-stale", type=threshold, metavar="GREY",
                       help="change since last sent that makes a token active")  # fmt: skip
    group.add_argument("--token-rate", type=threshold, metavar="SHARE",
                       help="share of active tokens cut per block")  # fmt: skip
    group.add_argument("--head-rate", type=threshold, metavar="SHARE", help="share of heads cut per block")
    group.add_argument("--no-recovery", action="store_true", help="switch spike recovery off")
    group.add_argument("--gate-body", choices=("loihi", "snntorch", "norse"),
                       help="which body of the gate neuron decides (default loihi)")  # fmt: skip


def policy_changes(args: argparse.Namespace) -> dict[str, object]:
    """Fields of the policy that the command line sets."""
    changes: dict[str, object] = {
        key: getattr(args, key) for key in ("motion", "tau_px", "tau_stale", "token_rate", "head_rate")
    }
    if args.no_recovery:
        changes["recovery"] = False
    if args.gate_body:
        changes["gate_body"] = args.gate_body
    return changes


def add_figures_option(parser: argparse.ArgumentParser) -> None:
    """``--json FILE`` of measuring commands."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the measured figures")
