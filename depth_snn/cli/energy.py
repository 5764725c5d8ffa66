"""`depth-snn energy`: a finished run under several cost tables, and what the verdict hangs on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from depth_snn.cli.common import check_file_target, seconds
from depth_snn.cli.overlap import beside
from depth_snn.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from sims.core_counts import CoreCounts
    from sims.cost_table import CostTable
    from sims.record import RunRecord

NAME = "energy"
HELP = "price a finished run by several cost tables, and say what the verdict hangs on"
EXAMPLE = """examples:
  depth-snn energy out/demo/run.h5                a verdict for each baseline
  depth-snn energy out/demo/run.h5 --full         and every tier and constant
  depth-snn energy out/demo/run.h5 --table loihi1,loihi2 --baseline horowitz45 --json energy.json
  depth-snn energy out/demo/run.h5 --table my_chip.toml --placement placement.json

With --placement the graph and the inputs beside the run are run again and counted by core, so the
run must have kept all its inputs (depth-snn run --keep-inputs N). All energy is modelled."""

SPIKING = ("synaptic_operation", "neuron_update", "spike_delivery", "graded_message_delivery")
"""Events of a spiking network, one of which its table must price; what the names start with."""
OTHERS = {"--table": "loihi2", "--baseline": "horowitz45"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("record", type=Path, metavar="RUN", help="run.h5 of `depth-snn run`")
    parser.add_argument("--table", default="loihi1,loihi2,sanafe", metavar="NAMES",
                        help="cost tables of the spiking network, shipped names or TOML files, "
                        "separated by commas (default loihi1,loihi2,sanafe)")  # fmt: skip
    parser.add_argument("--baseline", default="horowitz45,xavier", metavar="NAMES",
                        help="cost tables of the baselines (default horowitz45,xavier)"
                        )  # fmt: skip
    parser.add_argument("--frame-time", type=seconds, metavar="S",
                        help="seconds that a frame occupies the chip, for static power "
                        "(default: the frame period of the input)")  # fmt: skip
    parser.add_argument("--placement", type=Path, metavar="FILE",
                        help="placement on cores (JSON): hops are counted and priced")  # fmt: skip
    parser.add_argument("--full", action="store_true",
                        help="print every tier of every baseline, and every constant of every "
                        "verdict (default: a verdict for each baseline, the nearest constants)"
                        )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")


def also_read(args: argparse.Namespace) -> list[Path]:
    """What --placement runs again."""
    return beside(args.record)


def run(args: argparse.Namespace) -> int:
    """Price the run; returns the exit code."""
    from depth_snn.figures import write_text
    from sims.energy import estimate_energy
    from sims.energy_brief import energy_brief
    from sims.energy_text import energy_json, energy_text
    from sims.record_file import load_record

    check_file_target("--json", args.json)
    tables = _tables("--table", args.table, "a spiking network", SPIKING)
    baselines = _tables("--baseline", args.baseline, "MACs", ("mac_fp32", "mac_int8"))
    record = load_record(args.record)
    cores = None if args.placement is None else _count_by_core(args, record)
    time_us = None if args.frame_time is None else 1e6 * args.frame_time
    reports = [
        estimate_energy(record, table, base, time_us, cores)
        for table in tables
        for base in baselines
    ]
    print((energy_text if args.full else energy_brief)(record, reports))
    if args.json:
        text = json.dumps(energy_json(record, reports), indent=2, ensure_ascii=False)
        write_text(args.json, text + "\n")
    return ExitCode.OK


def _tables(option: str, text: str, what: str, events: tuple[str, ...]) -> list[CostTable]:
    """Tables that price what they are asked for."""
    from sims.cost_table import load_table

    tables = [load_table(name) for name in _names(option, text)]
    for table in tables:
        if not table.prices_any(*events):
            raise ConfigError(
                f"{option} {table.name}: this table has no prices of {what}; give another, such "
                f"as {OTHERS[option]}"
            )
    return tables


def _names(option: str, text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) != len(names):
        raise ConfigError(f"{option} {text!r}: expected different names separated by commas")
    return names


def _count_by_core(args: argparse.Namespace, record: RunRecord) -> CoreCounts:
    """Run the graph beside the record again, and count by core."""
    from conversion.graph_file import load_graph
    from conversion.placement_file import load_placement
    from sims.core_counts import count_cores
    from sims.inputs_file import load_arrays

    folder = args.record.parent
    placement = load_placement(args.placement)
    inputs = load_arrays(folder / "inputs.h5")
    kept = len(next(iter(inputs.values()), ()))
    if kept != record.frames:
        raise ConfigError(
            f"{folder / 'inputs.h5'}: holds {kept} of {record.frames} frames; "
            f"run again with --keep-inputs {record.frames}"
        )
    return count_cores(load_graph(folder / "graph.h5"), placement, inputs)
