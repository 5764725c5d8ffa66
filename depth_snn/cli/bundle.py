"""`depth-snn bundle`: pack a run so that others can check it in one command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_snn.cli.common import check_file_target, check_folder_target, positive
from depth_snn.errors import ConfigError, ExitCode, InputError

if TYPE_CHECKING:
    from sims.bundle.manifest import Manifest
    from sims.bundle.pack import Contents

NAME = "bundle"
HELP = "pack graph, inputs and expected integers, to be checked elsewhere in one command"
EXAMPLE = """examples:
  depth-snn bundle out/demo/graph.h5 out/demo/inputs.h5 --out demo.zip
  depth-snn bundle graph.h5 inputs.h5 --out folder --placement placement.json --frames 8

Who receives it runs `python run_bundle.py --engine lava` (or loihi2) inside, or
`depth-snn verify demo.zip`. The same files give the same bytes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("graph", type=Path, help="graph file")
    parser.add_argument("inputs", type=Path, help="inputs file")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER|FILE.zip",
        help="where to write: a zip file if the name ends in .zip, which may replace an earlier "
        "bundle and nothing else, or a new folder",
    )  # fmt: skip
    parser.add_argument("--placement", type=Path, metavar="FILE", help="placement file to pack")
    parser.add_argument(
        "--frames", type=positive, metavar="N", help="pack the first N frames (default all)"
    )
    parser.add_argument("--all-ports", action="store_true",
                        help="expect every port's values, not only outputs and gates")  # fmt: skip
    parser.add_argument(
        "--engine", choices=("reference", "fast"), default="reference",
        help="what computes the expected values: the reference at every step (default), or the "
        "fast simulator at the steps of the frames, for large graphs",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Pack, and say what is in it."""
    from conversion.bounds import verify
    from conversion.graph_file import load_graph
    from conversion.placement import homes
    from conversion.placement_file import load_placement
    from sims.bundle.pack import Contents, ports_to_keep
    from sims.inputs_file import load_arrays

    _check_target(args.out)
    graph = load_graph(args.graph)
    verify(graph)
    placement = load_placement(args.placement) if args.placement else None
    if placement is not None:
        homes(graph, placement)
    inputs = _cut(load_arrays(args.inputs), args.frames, args.inputs)
    ports = ports_to_keep(graph, every=args.all_ports)
    runner = Path(__file__).with_name("bundled") / "run_bundle.py"
    contents = Contents(graph, inputs, ports, args.engine, placement, runner.read_text("utf-8"))
    made = _pack_with_progress(contents, args.out)
    size = sum(row.size for row in made.files) / 1024
    print(f"{made.frames} frames, {len(made.ports)} ports expected by the {made.engine} simulator")
    print(f"wrote {args.out} ({len(made.files) + 1} files, {size:.0f} KiB); its README.txt says "
          "how to run it")  # fmt: skip
    return ExitCode.OK


def _check_target(path: Path) -> None:
    """Refuse what may not be replaced, before any work."""
    from sims.bundle.archive import is_bundle
    from sims.bundle.pack import is_zip

    if not is_zip(path):
        if path.is_file():
            raise ConfigError(f"--out {path}: is a file; name a new folder, or a file in .zip")
        if path.is_dir() and any(path.iterdir()):
            raise ConfigError(f"--out {path}: the folder is not empty; name a new one")
        check_folder_target("--out", path)
        return
    check_file_target("--out", path)
    if path.exists() and not is_bundle(path):
        raise ConfigError(f"--out {path}: is there and is no bundle; give another name")


def _cut(inputs: dict[str, Any], frames: int | None, path: Path) -> dict[str, Any]:
    shortest = min((len(array) for array in inputs.values()), default=0)
    if frames is not None and frames > shortest:
        raise InputError(f"{path}: holds {shortest} frames, fewer than --frames {frames}")
    return {name: array[:frames] for name, array in inputs.items()}


def _pack_with_progress(contents: Contents, path: Path) -> Manifest:
    """Pack; the reference simulator shows its steps, the fast one needs no patience."""
    from depth_snn.cli.progress import Progress
    from sims.bundle.pack import pack

    if contents.engine == "fast":
        return pack(contents, path)
    frames = len(next(iter(contents.inputs.values()), ()))
    progress = Progress("reference simulator, steps", frames + max(contents.graph.lags.values()))
    made = pack(contents, path, lambda step: progress.update(step + 1))
    progress.finish()
    return made
