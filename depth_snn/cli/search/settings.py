"""The problem that the options of `depth-snn search` describe."""

from __future__ import annotations

import argparse
from dataclasses import replace

from depth_snn.cli.chain.setup import load_policy, require_reuse
from depth_snn.errors import ConfigError
from depth_snn.models.weights import find_weights, network_config
from depth_snn.search.clips import HELD_OUT_SEEDS, SEARCH_SCENES
from depth_snn.search.genome import Genome, preset
from depth_snn.search.problem import Extra, PolicyProblem, heldout_problem

FLOAT_SCALES = {"loss": 5.0, "burst_loss": 5.0, "loss_int": 5.0, "macs": 1.0}
"""Values that count as 1: five points of mIoU; the whole dense network."""
INTEGER = ("synops", "energy_uj", "latency_ms", "cores", "loss_int")
"""Measures of the integer graph."""
ROOM = 2.0
"""An integer measure's value that counts as 1, in units of the base policy's own."""


def make_problem(args: argparse.Namespace) -> PolicyProblem:
    """The problem, with everything in it checked.

    Raises:
        ConfigError: naming the option and what does not fit.
    """
    config = network_config(find_weights(args.network))
    genome = preset(args.genome, config, load_policy(args.policy, args.network))
    objectives = tuple(args.objectives)
    known = (*FLOAT_SCALES, *(name for name in INTEGER if name not in FLOAT_SCALES))
    for name in objectives:
        if name not in known:
            raise ConfigError(f"--objectives {name}: expected some of {', '.join(known)}")
    problem = PolicyProblem(
        args.network, genome, objectives, tuple(FLOAT_SCALES.get(n, 1.0) for n in objectives),
        scenes=args.scenes or SEARCH_SCENES, frames=args.frames,
        extra=_extra(args, objectives, genome),
    )  # fmt: skip
    return _with_scales(problem)


def heldout_of(problem: PolicyProblem, seeds: int) -> PolicyProblem:
    """The same problem on held-out clips: the first ``seeds`` sets of them."""
    first = HELD_OUT_SEEDS[0]
    return heldout_problem(problem, tuple(range(first, first + seeds)))


def _extra(args: argparse.Namespace, objectives: tuple[str, ...], genome: Genome) -> Extra | None:
    limited = args.budget is not None or args.target is not None
    if not (set(objectives) & set(INTEGER) or limited or genome.encoders):
        return None
    from depth_snn.cli.search.integers import make_extra

    require_reuse(genome.base)
    return make_extra(
        args.network, objectives, budget=args.budget, target=args.target, mapping=args.mapping,
        thresholds=bool(genome.encoders),
    )  # fmt: skip


def _with_scales(problem: PolicyProblem) -> PolicyProblem:
    """Scales of integer measures from the base policy on the first set of clips.

    Raises:
        ConfigError: The base policy has none of it.
    """
    if all(name in FLOAT_SCALES for name in problem.objectives):
        return problem
    measures, _ = problem.evaluate(problem.starts()[0], 0)
    scales = []
    for name in problem.objectives:
        scale = FLOAT_SCALES.get(name, ROOM * measures[name])
        if scale <= 0:
            raise ConfigError(
                f"--objectives {name}: the base policy's is {measures[name]:g}, so there is "
                "nothing to make smaller"
            )
        scales.append(scale)
    return replace(problem, scales=tuple(scales))
