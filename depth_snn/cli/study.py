"""`depth-snn study`: what a finished run would take on a chip: cores, frames per second, energy."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from depth_snn.cli.common import check_file_target, check_folder_target, count
from depth_snn.cli.overlap import beside
from depth_snn.errors import ConfigError, ExitCode, GraphError

if TYPE_CHECKING:
    from conversion.graph import Graph
    from conversion.placement import Placement

NAME = "study"
GIVEN = ("spatial", "serial")
"""Mappings, each an option for a placement of one's own."""
HELP = "model a finished run on a chip: cores, bottleneck, frames per second, energy"
EXAMPLE = """examples:
  depth-snn run scene:street --out out/demo --frames 12 --keep-inputs 12
  depth-snn study out/demo/run.h5 --target loihi2x8 --out out/study
  depth-snn study out/demo/run.h5 --spatial placement.json --json study.json

graph.h5 and inputs.h5 beside the run are placed in both mappings and run again three times: with
every token open, pruned, and pruned with recovery. All times and energies are modelled."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("record", type=Path, metavar="RUN", help="run.h5 of `depth-snn run`")
    parser.add_argument("--target", default="loihi2x8", metavar="NAME",
                        help="where to place, a shipped target or a TOML file (default loihi2x8)"
                        )  # fmt: skip
    parser.add_argument("--spatial", type=Path, metavar="FILE",
                        help="a placement (JSON) with a neuron for each token and channel, in "
                        "place of our own")  # fmt: skip
    parser.add_argument("--serial", type=Path, metavar="FILE",
                        help="a token-serial placement (JSON), in place of our own")  # fmt: skip
    parser.add_argument("--chip", default="loihi2", metavar="NAME",
                        help="times and prices (default loihi2)")  # fmt: skip
    parser.add_argument("--timing", type=Path, metavar="FILE",
                        help="times of your own (TOML), in place of the chip's")  # fmt: skip
    parser.add_argument("--beside", default="loihi1", metavar="NAMES",
                        help="further chips, at the fewest cores they could have (default loihi1; "
                        "empty for none)")  # fmt: skip
    parser.add_argument("--seed", type=count, default=0, metavar="N",
                        help="seed of the placement (default 0)")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="write pictures and study.html")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")


def also_read(args: argparse.Namespace) -> list[Path]:
    """What is placed and run again."""
    return beside(args.record)


def also_written(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """Page and pictures."""
    names = ["study.html"]
    names += [f"{what}_{mapping}.png" for what in ("mesh", "cores") for mapping in GIVEN]
    return [("--out", args.out / name) for name in names] if args.out else []


def run(args: argparse.Namespace) -> int:
    """Place, count, model and print; returns the exit code."""
    from conversion.graph_file import load_graph
    from depth_snn.figures import write_text
    from sims.deployment import chip_model
    from sims.inputs_file import load_arrays
    from sims.placed_run import count_placed, variants_of
    from sims.record_file import load_record
    from sims.report.study_page import write_study
    from sims.study import make_study, study_json, study_text

    check_file_target("--json", args.json)
    if args.out is not None:
        check_folder_target("--out", args.out)
    chip = chip_model(args.chip, args.timing)
    others = [chip_model(name) for name in args.beside.split(",") if name]
    record = load_record(args.record)
    graph = load_graph(args.record.with_name("graph.h5"))
    inputs = load_arrays(args.record.with_name("inputs.h5"))
    if len(next(iter(inputs.values()), ())) < 2:
        raise ConfigError(
            f"{args.record.with_name('inputs.h5')}: a study needs two frames or more; run again "
            f"with --keep-inputs {record.frames}"
        )
    placements, refused = _placements(args, graph)
    runs = count_placed(graph, variants_of(graph, inputs), placements)
    study = make_study(record, graph, runs, chip, others, refused)
    print(study_text(study))
    if args.out is not None:
        print(f"wrote {write_study(study, runs, chip, args.out)}")
    if args.json:
        write_text(args.json, json.dumps(study_json(study), indent=2, ensure_ascii=False) + "\n")
    return ExitCode.OK


def _placements(
    args: argparse.Namespace, graph: Graph
) -> tuple[dict[str, Placement], dict[str, str]]:
    """Placements by mapping, given or made, and why others could not be made.

    Raises:
        GraphError: There is none at all.
    """
    from conversion.placement_file import load_placement
    from sims.placed_run import MAPPINGS

    given = {mapping: getattr(args, mapping) for mapping in GIVEN}
    if any(given.values()):
        return {m: load_placement(path) for m, path in given.items() if path is not None}, {}
    from loihi.placing.place import place
    from loihi.preflight import preflight
    from loihi.target import load_target

    target = load_target(args.target)
    found: dict[str, Placement] = {}
    refused: dict[str, str] = {}
    for mapping in MAPPINGS:
        try:
            preflight(graph, target, mapping=mapping).refuse()
            found[mapping] = place(graph, target, mapping=mapping, seed=args.seed).placement
        except GraphError as error:
            refused[mapping] = str(error)
    if not found:
        raise GraphError("; ".join(f"{mapping}: {why}" for mapping, why in refused.items()))
    return found, refused
