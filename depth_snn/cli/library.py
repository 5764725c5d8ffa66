"""`depth-snn library`: a policy for every kind of scene, in one file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depth_snn.cli.common import (
    check_file_target,
    check_folder_target,
    count,
    positive,
)
from depth_snn.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from depth_snn.adapt.build import Balance, Choice
    from depth_snn.adapt.library import PolicySet
    from depth_snn.search.problem import PolicyProblem

NAME = "library"
HELP = "find a policy for every kind of scene, and write them as one policy set"
EXAMPLE = """examples:
  depth-snn library --network small --keep out/library --out out/small_set.toml
  depth-snn run scene:driving-night --policy out/small_set.toml --out out/night

A search that was stopped goes on where it was when the command is given again with the same --keep.
exit status: 0 written, 1 error"""

ALGORITHM = "mocma"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the policy set")
    parser.add_argument("--keep", required=True, type=Path, metavar="DIR",
                        help="folder for what searches evaluated, a file a domain")  # fmt: skip
    parser.add_argument("--network", default="small", metavar="NAME",
                        help="shipped weights or a file (default small)")  # fmt: skip
    parser.add_argument("--policy", metavar="FILE",
                        help="policy that the others start and differ from (default: the network's "
                        "own)")  # fmt: skip
    parser.add_argument("--evaluations", type=positive, default=60, metavar="N",
                        help="evaluations of each domain's search (default 60)")  # fmt: skip
    parser.add_argument("--domains", metavar="NAMES",
                        help="domains, separated by commas (default: all)")  # fmt: skip
    parser.add_argument("--seed", type=count, default=0, metavar="N",
                        help="seed of the searches (default 0)")  # fmt: skip
    parser.add_argument("--workers", type=count, default=0, metavar="N",
                        help="processes that evaluate (default 0: this one)")  # fmt: skip


def also_written(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """The files of the folder."""
    names = domain_names(args.domains)
    return [("--keep", store_of(args.keep, name)) for name in names]


def run(args: argparse.Namespace) -> int:
    """Search, choose, write."""
    from depth_snn.adapt.library_file import save_set
    from depth_snn.cli.chain.setup import load_policy

    names = domain_names(args.domains)
    check_file_target("--out", args.out)
    check_folder_target("--keep", args.keep)
    policy = load_policy(args.policy, args.network)
    policies, found = make_library(
        args.network, policy, names, args.keep,
        evaluations=args.evaluations, seed=args.seed, workers=args.workers,
    )  # fmt: skip
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_set(policies, args.out)
    print(f"{'domain':10}{'loss':>8}{'work':>9}  on the clips searched on")
    for name, choice in found.choices.items():
        print(f"{name:10}{choice.loss:8.3f}{100 * choice.work:7.1f} %")
    print(f"{'mean':10}{'':8}{100 * found.work:7.1f} %, of the fixed policy "
          f"{100 * found.fixed_work:.1f} %")  # fmt: skip
    print(f"policy set: {args.out}")
    return ExitCode.OK


def domain_names(text: str | None) -> tuple[str, ...]:
    """Domains by name, all of them for None.

    Raises:
        ConfigError: There is no such domain, or one is named twice.
    """
    from depth_snn.data.scene import DOMAINS

    names = DOMAINS if text is None else tuple(text.split(","))
    for name in names:
        if name not in DOMAINS:
            raise ConfigError(
                f"--domains: {name!r} is unknown; expected some of {', '.join(DOMAINS)}"
            )
    if len(set(names)) != len(names):
        raise ConfigError(f"--domains {text}: each once")
    return tuple(names)


def store_of(work: Path, name: str) -> Path:
    """Where a domain's search is kept."""
    return work / f"{name}.sqlite"


def make_library(
    network: str, base: Any, names: Sequence[str], work: Path, *,
    evaluations: int, seed: int, workers: int,
) -> tuple[PolicySet, Balance]:  # fmt: skip
    """Search every domain, balance their losses, and take their looks.

    Args:
        network: Name of shipped weights or a file.
        base: Policy to start from.
        names: Domains.
        work: Folder of the searches' stores; they are gone on with where they are there.
        evaluations: Of each search.
        seed: Of the searches.
        workers: Processes; 0 for this one.

    Raises:
        ConfigError: There are too few evaluations, or a store is of another search.
    """
    from depth_snn.adapt.build import balance, build_set, looks
    from depth_snn.models.weights import find_network
    from depth_snn.search.genome import preset
    from depth_snn.search.problem import PolicyProblem

    config = find_network(network).config
    genome = preset("scene", config, base)
    problems = {
        name: PolicyProblem(network, genome, scenes=(f"standing-{name}", f"driving-{name}"))
        for name in names
    }
    fewest = 1 + max(problem.sets for problem in problems.values())
    if evaluations < fewest:  # before there are stores of searches that cannot be made
        raise ConfigError(
            f"--evaluations {evaluations}: expected {fewest} or more, for the policy begun with on "
            f"{fewest - 1} sets of clips and one other"
        )
    work.mkdir(parents=True, exist_ok=True)
    fronts, fixed = {}, {}
    for name in names:
        fronts[name], fixed[name] = search_domain(
            problems[name], store_of(work, name), name, evaluations, seed, workers
        )
    found = balance(fronts, fixed)
    seen = {name: looks(name, config) for name in names}
    return build_set(config.name, base, found.choices, seen), found


def search_domain(
    problem: PolicyProblem, store_path: Path, name: str, evaluations: int, seed: int, workers: int
) -> tuple[list[Choice], Choice]:
    """The front of one domain's search, and the reference's own estimate."""
    from depth_snn.cli.progress import Progress
    from depth_snn.search.executors import make_executor
    from depth_snn.search.loop import Search
    from depth_snn.search.store import Store

    facts = problem.facts() | {
        "algorithm": ALGORITHM, "seed": seed, "evaluations": evaluations,
    }  # fmt: skip
    progress = Progress(f"{name}: evaluations", evaluations)
    with (
        closing(make_executor(problem, workers=workers)) as executor,
        closing(Store.open(store_path, facts, resume=store_path.exists())) as store,
    ):
        result = Search(
            problem, ALGORITHM, executor, store, seed=seed, evaluations=evaluations,
            tell=lambda now: progress.update(now.evaluations, f"{now.front} on the front"),
        ).run()  # fmt: skip
    progress.finish()
    reference = result.archive.describe(0)
    choices = [_choice(problem, point.point, point.losses) for point in result.front]
    fixed = _choice(problem, reference.point, reference.losses)
    return choices, replace(fixed, policy=problem.genome.base)


def _choice(problem: PolicyProblem, point: tuple[float, ...], losses: tuple[float, ...]) -> Choice:
    from depth_snn.adapt.build import Choice

    loss, work = (v * s for v, s in zip(losses, problem.scales, strict=True))
    return Choice(problem.genome.decode(point).policy, loss, work)
