"""`depth-snn`: find the command, load only its module, turn failures into one line.

A command is a module `depth_snn/cli/<name>.py` with `NAME`, `HELP`, `add_arguments(parser)` and
`run(args) -> int`. It may also have `EXAMPLE`, the text shown at the end of its `--help`, and name
files for :mod:`depth_snn.cli.overlap`. The table of names and lines of help stands here, so that
`depth-snn --help` imports nothing heavy.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import NoReturn

from depth_snn import __version__
from depth_snn.cli.overlap import refuse_overlap
from depth_snn.errors import DepthError, ExitCode

COMMANDS: dict[str, str] = {
    "run": "a clip goes in, a verdict, a report and pictures come out",
    "train": "train the segmentation network on built-in scenes",
    "eval": "measure accuracy and compute of a network on labelled frames",
    "search": "evolve pruning rates and thresholds, and judge the front on clips it never saw",
    "convert": "turn a network into an integer graph file",
    "import": "turn a network of another tool into an integer graph file",
    "export": "turn an integer graph file into a network of another tool",
    "simulate": "run a graph file on the reference simulator, the fast one, or Lava",
    "place": "place a graph file on the cores of a Loihi, under every limit of it",
    "check": "judge a finished run against a budget file",
    "energy": "price a finished run by several cost tables, and say what the verdict hangs on",
    "study": "model a finished run on a chip: cores, bottleneck, frames per second, energy",
    "bundle": "pack graph, inputs and expected integers, to be checked elsewhere in one command",
    "verify": "run a bundle on this machine and compare every integer with what it expects",
    "library": "find a policy for every kind of scene, and write them as one policy set",
    "judge": "train what drives the recovery gates, against the true error of pruned output",
    "flow": "train RAFT-small on built-in scenes, and measure the motion sources",
    "scene": "write built-in street scenes as video with exact ground truth",
    "conform": "one set of cases on every engine, compared integer by integer",
    "fuzz": "give mutated files to the readers: no crash, no hang, bounded memory",
    "doctor": "what works on this machine, what is missing, and what to do about it",
    "figures": "merge measured figures and render them into the documents",
}
"""Every command's name and its line in `depth-snn --help`."""

MODULES = {"import": "import_network", "search": "search.command"}
"""Commands whose module has another name: a word of the language, or one in a folder."""

PROGRAM = "depth-snn"

_EPILOG = """\
examples:
  depth-snn doctor
  depth-snn run scene:street --out out/street --frames 60
  depth-snn run clip.mp4 --out out/clip --budget budget.toml

exit codes: 0 done and within budget, 1 error, 2 budget exceeded
`depth-snn COMMAND --help` shows the options of one command."""


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line and exit with 1 (2 means "budget exceeded")."""

    def error(self, message: str) -> NoReturn:
        print(f"{PROGRAM}: error: {message}; see `{self.prog} --help`", file=sys.stderr)
        raise SystemExit(int(ExitCode.ERROR))


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Build the parser, loading the module of at most one command.

    Args:
        command: The command asked for; only its options are defined. None loads no module.

    Returns:
        The parser.

    Raises:
        DepthError: The command's module is not part of this installation.
    """
    parser = _Parser(
        prog=PROGRAM,
        description="Run, convert, simulate and budget a pruned video ViT with spiking recovery.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, line in COMMANDS.items():
        module = load_command(name) if name == command else None
        sub = commands.add_parser(
            name,
            help=line,
            description=_description(module, line),
            epilog=getattr(module, "EXAMPLE", None),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        sub.add_argument("--debug", action="store_true", help="show a traceback when it fails")
        if module is not None:
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def _description(module: ModuleType | None, line: str) -> str:
    own = getattr(module, "DESCRIPTION", None)
    return own if isinstance(own, str) else f"{line[0].upper()}{line[1:]}."


def load_command(name: str) -> ModuleType:
    """Import one command's module.

    Args:
        name: A key of `COMMANDS`.

    Returns:
        The module `depth_snn.cli.<name>`, or the one :data:`MODULES` names.

    Raises:
        DepthError: The module is not part of this installation.
    """
    full = f"depth_snn.cli.{MODULES.get(name, name)}"
    if importlib.util.find_spec(full) is None:
        raise DepthError(f"the command `{name}` is not part of this installation; reinstall it")
    return importlib.import_module(full)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The arguments after the program's name; None takes them from the process.

    Returns:
        An `ExitCode`, or what the command returned.
    """
    # NumPy's own threads spin for a while after each product and take the cores from torch's.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    try:
        return _dispatch(words)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(ExitCode.OK)
    except KeyboardInterrupt as stop:
        print(f"\n{PROGRAM}: {' '.join(['interrupted', *map(str, stop.args)])}", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader went away (`depth-snn ... | head`): keep the interpreter's own flush at exit
        # silent too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.ERROR)
    except DepthError as error:
        _explain(str(error), debug)
    except ModuleNotFoundError as error:
        _explain(
            f"the package `{error.name}` is missing; run `{PROGRAM} doctor` to see what to install",
            debug,
        )
    except OSError as error:  # a full disk, a file that vanished, a place that cannot be written
        reason = error.strerror or " ".join(str(error).split())
        _explain(f"{error.filename}: {reason}" if error.filename else reason, debug)
    except Exception as error:  # the boundary of the program: every failure becomes one line
        text = " ".join(str(error).split()) or "no message"
        hint = "" if debug else "; re-run with --debug for a traceback"
        _explain(f"unexpected {type(error).__name__}: {text}{hint}", debug)
    return int(ExitCode.ERROR)


def _dispatch(words: list[str]) -> int:
    command = next((word for word in words if not word.startswith("-")), None)
    parser = build_parser(command if command in COMMANDS else None)
    args = parser.parse_args(words)
    if args.command is None:
        parser.print_help()
        return int(ExitCode.ERROR) if words else int(ExitCode.OK)
    refuse_overlap(args, load_command(args.command))
    return int(args.run(args))


def _explain(message: str, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print(f"{PROGRAM}: error: {message}", file=sys.stderr)


def entry() -> None:
    """The `depth-snn` script: run a command and leave with its exit code."""
    raise SystemExit(main())
