"""The conformance set by name. A new family is one function here that returns its cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

from conversion.cases import hypothesis_networks
from conversion.cases.building import Case
from conversion.cases.case import ConformanceCase, Mode
from conversion.cases.encoder_edges import encoder_edges
from conversion.cases.loops import coder_loop_case, spiking_loop_case
from conversion.cases.overflows import overflows
from conversion.cases.population_edges import population_edges
from conversion.cases.random_networks import seeded
from conversion.cases.recorded import recorded
from conversion.cases.small import CASES
from conversion.cases.spiking import (
    awake_case,
    encoded_case,
    sparse_grid_case,
    spiking_case,
    stock_case,
    vector_case,
)
from conversion.cases.wrapping import overflowing
from depth_snn.errors import ConfigError

SMALL_SEEDS, SPIKING_SEEDS, LOOP_SEEDS, VECTOR_SEEDS, RANDOM_SEEDS, WRAP_SEEDS = (
    4, 60, 40, 6, 300, 12
)  # fmt: skip
"""How many seeds of each family are part of the set."""


def standard_cases(trace: Path | None = None) -> tuple[ConformanceCase, ...]:
    """All cases that need no trained network.

    Args:
        trace: The recorded trace of a chip, where it is at hand.

    Returns:
        The cases, in the order of families; building one is cheap until ``build`` is called.
    """
    cases: list[ConformanceCase] = []
    for name, build in CASES.items():
        cases += series(f"small/{name} ", build, SMALL_SEEDS)
    cases += series("spiking/", spiking_case, SPIKING_SEEDS)
    for name, build in {
        "vector": vector_case,
        "encoded": encoded_case,
        "grid": sparse_grid_case,
        "stock": stock_case,
        "awake": awake_case,
    }.items():
        cases += series(f"spiking/{name} ", build, VECTOR_SEEDS)
    cases += series("loop/spiking ", spiking_loop_case, LOOP_SEEDS)
    cases += series("loop/coder ", coder_loop_case, VECTOR_SEEDS)
    cases += [*population_edges(), *encoder_edges(), *overflows()]
    cases += series("wrap/", overflowing, WRAP_SEEDS, "chip")
    cases += series("random/", seeded, RANDOM_SEEDS)
    cases += series("hypothesis/", drawn, hypothesis_networks.COUNT)
    cases += recorded(trace)
    return tuple(cases)


def series(
    prefix: str, build: Callable[[int], Case], seeds: int, mode: Mode = "strict"
) -> list[ConformanceCase]:
    """One case for each seed, numbered with as many digits as the last one needs."""
    digits = len(str(seeds - 1))
    return [
        ConformanceCase(f"{prefix}{seed:0{digits}}", partial(build, seed), mode)
        for seed in range(seeds)
    ]


def drawn(number: int) -> Case:
    """One network of the fixed set that Hypothesis draws."""
    return hypothesis_networks.fixed_set()[number]


def select(cases: Iterable[ConformanceCase], patterns: Iterable[str]) -> list[ConformanceCase]:
    """Cases whose name matches one of the globs, in their order.

    Raises:
        ConfigError: if a glob matches none.
    """
    every, wanted = list(cases), list(patterns)
    for pattern in wanted:
        if not any(fnmatchcase(case.name, pattern) for case in every):
            families = ", ".join(sorted({f"{case.family}/*" for case in every}))
            raise ConfigError(f"no case matches {pattern!r}; the families are {families}")
    return [c for c in every if any(fnmatchcase(c.name, pattern) for pattern in wanted)]
