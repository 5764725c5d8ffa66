"""`depth-snn search`: evolution finds settings of the pruning, and held-out clips judge them."""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_snn.cli.common import (
    add_figures_option,
    check_file_target,
    check_folder_target,
    count,
    positive,
    seconds,
)
from depth_snn.errors import ConfigError, ExitCode

NAME = "search"
HELP = "evolve pruning rates and thresholds, and judge the front on clips it never saw"
EXAMPLE = """examples:
  depth-snn search --network small --out out/search
  depth-snn search --network small --out out/search --resume
  depth-snn search --genome policy --algorithm nsga2 --compare random --workers 2 --out out/nsga2
  depth-snn search --objectives burst_loss,energy_uj --budget street --out out/street
  depth-snn run scene:street --policy out/search/policies/knee.toml --out out/street

Every evaluation is on disk before it counts: after a kill, --resume goes on where it stopped and
ends at the same front. docs/search.md says what is searched and how noise is handled.

exit status: 0 done (with --budget or --target: the chosen point keeps within them on held-out
clips too), 2 none does, 1 error"""
ALGORITHMS = ("mocma", "comocma", "nsga2", "cmaes", "random")
GENOMES = ("proposal", "policy", "full", "scene")
FILES = ("front.csv", "front.json", "front.png", "search.json", "heldout.sqlite", "grid.sqlite")
CHOICES = ("weighted", "knee", "budget")
STORE = "search.sqlite"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--network", default="small", metavar="NAME",
                        help="shipped weights or a file (default small)")  # fmt: skip
    parser.add_argument("--policy", metavar="FILE",
                        help="policy to start from (TOML; default: the network's own)"
                        )  # fmt: skip
    parser.add_argument("--genome", choices=GENOMES, default="policy",
                        help="what may change (default policy)")  # fmt: skip
    parser.add_argument("--algorithm", choices=ALGORITHMS, default="mocma",
                        help="who proposes (default mocma)")  # fmt: skip
    parser.add_argument("--compare", type=_algorithms, default=(), metavar="LIST",
                        help="algorithms to run beside it with as many evaluations")  # fmt: skip
    parser.add_argument("--objectives", type=_words, default=("loss", "macs"), metavar="LIST",
                        help="measures to make small (default loss,macs)")  # fmt: skip
    parser.add_argument("--evaluations", type=positive, default=120, metavar="N",
                        help="settings × sets of clips to try (default 120)")  # fmt: skip
    parser.add_argument("--seed", type=count, default=0, metavar="N", help="of the search")
    parser.add_argument("--scenes", type=_words, metavar="LIST", help="scenes of every set")
    parser.add_argument("--frames", type=positive, default=15, metavar="N",
                        help="frames of each clip (default 15)")  # fmt: skip
    parser.add_argument("--heldout-seeds", type=positive, default=8, metavar="N",
                        help="sets of clips to report on (default 8)")  # fmt: skip
    parser.add_argument("--front", type=positive, default=10, metavar="N",
                        help="points of the front to report on, with those chosen (default 10)"
                        )  # fmt: skip
    limits = parser.add_argument_group("constraints")
    limits.add_argument("--budget", metavar="FILE", help="budget file (TOML) or a shipped name")
    limits.add_argument("--target", metavar="NAME|FILE", help="chip that the graph must fit")
    limits.add_argument("--mapping", choices=("spatial", "serial"), default="spatial",
                        help="how graphs are placed, for cores, latency and --target "
                        "(default spatial)")  # fmt: skip
    where = parser.add_argument_group("execution")
    where.add_argument("--workers", type=count, default=0, metavar="N",
                       help="processes that evaluate (default 0: this one)")  # fmt: skip
    where.add_argument("--dask", metavar="ADDRESS", help="scheduler to evaluate on instead")
    where.add_argument("--deadline", type=seconds, metavar="S",
                       help="seconds after which an evaluation is given up")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="store, front, picture and policies")  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on with the search in --out")
    add_figures_option(parser)


def also_written(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """Every file in the folder of --out."""
    names = [STORE, *FILES]
    names += [f"policies/{name}{end}" for name in CHOICES for end in (".toml", ".thresholds.toml")]
    names += [f"{name}/{file}" for name in args.compare for file in (STORE, *FILES[:2])]
    return [("--out", args.out / name) for name in names]


def run(args: argparse.Namespace) -> int:
    """Search, measure on held-out clips, choose, write and print; returns the exit code."""
    _check(args)
    from depth_snn.cli.search.judged import judge_fronts
    from depth_snn.cli.search.session import search_all
    from depth_snn.cli.search.settings import make_problem
    from depth_snn.cli.search.shown import nothing_found, print_all
    from depth_snn.cli.search.written import figures_of, write_all
    from depth_snn.figures import write_measurement

    problem = make_problem(args)
    if args.evaluations <= problem.sets:  # before a store is begun that could not be used
        raise ConfigError(
            f"--evaluations {args.evaluations}: the policy to start from takes {problem.sets}, one "
            f"on each set of clips; give {problem.sets + 1} or more"
        )
    try:
        sessions = search_all(problem, args)
        if not sessions[0].front:
            print(nothing_found(sessions[0]))
            return int(ExitCode.EXCEEDED)
        judged = judge_fronts(problem, sessions, args)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"(what was evaluated is kept: go on with --out {args.out} --resume)"
        ) from None
    print_all(problem, judged)
    for path in write_all(problem, judged, args):
        print(f"wrote {path}")
    if args.json:
        write_measurement(args.json, figures_of(judged, _command(args)))
    limited = args.budget is not None or args.target is not None
    return int(ExitCode.EXCEEDED if limited and not judged.passes else ExitCode.OK)


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot work before anything is done."""
    check_folder_target("--out", args.out)
    check_file_target("--json", args.json)
    if args.dask is not None and args.workers:
        raise ConfigError("--workers is of local processes and --dask of others; give one of them")
    if args.algorithm in args.compare:
        raise ConfigError(f"--compare {args.algorithm}: is --algorithm already; name others")
    places = [args.out, *(args.out / name for name in args.compare)]
    there = [place for place in places if (place / STORE).exists()]
    if there and not args.resume:
        raise ConfigError(
            f"--out {there[0]}: a search is there; go on with it by --resume, or give another place"
        )


def _command(args: argparse.Namespace) -> str:
    words = ["depth-snn search", f"--network {args.network}", f"--genome {args.genome}"]
    words += [f"--algorithm {args.algorithm}", f"--objectives {','.join(args.objectives)}"]
    words += [f"--evaluations {args.evaluations}", f"--seed {args.seed}"]
    return " ".join([*words, *([f"--compare {','.join(args.compare)}"] if args.compare else [])])


def _words(text: str) -> tuple[str, ...]:
    """Names separated by commas, for argparse."""
    words = tuple(word.strip() for word in text.split(","))
    if not all(words) or len(set(words)) != len(words):
        raise argparse.ArgumentTypeError(f"expected names separated by commas, got {text!r}")
    return words


def _algorithms(text: str) -> tuple[str, ...]:
    words = _words(text)
    for word in words:
        if word not in ALGORITHMS:
            raise argparse.ArgumentTypeError(
                f"expected some of {', '.join(ALGORITHMS)}, got {word!r}"
            )
    return words
