"""Random networks that Hypothesis draws: edge values far more often than plain chance has them."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

from conversion.cases.building import Case
from conversion.cases.random_networks import Builder, grown
from depth_snn.errors import MissingDependency

COUNT, SEED = 200, 20250
"""Networks of the fixed set, and the seed they come from."""
BITS = (2, 8, 8, 8, 14, 22, 30)
"""Sizes of the inputs: most fit every register, some do not."""


def networks() -> Any:
    """The Hypothesis strategy of small random networks with random inputs.

    Raises:
        MissingDependency: if Hypothesis is not installed.
    """
    st = _hypothesis().strategies

    @st.composite  # type: ignore[untyped-decorator, unused-ignore]
    def network(draw: Any) -> Case:
        bits = draw(st.sampled_from(BITS))
        return grown(Builder(lambda lo, hi: draw(st.integers(lo, hi)), bits))

    return network()


@lru_cache(maxsize=1)
def fixed_set() -> tuple[Case, ...]:
    """The first :data:`COUNT` networks of :data:`SEED`: the same whenever Hypothesis is.

    Raises:
        MissingDependency: if Hypothesis is not installed.
    """
    hypothesis = _hypothesis()
    found: list[Case] = []

    def collect(case: Case) -> None:
        found.append(case)

    rules = hypothesis.settings(
        max_examples=COUNT, database=None, deadline=None, phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of what matters in a search only
        hypothesis.seed(SEED)(rules(hypothesis.given(networks())(collect)))()
    return tuple(found[:COUNT])


def _hypothesis() -> Any:
    try:
        import hypothesis
        import hypothesis.strategies
    except ModuleNotFoundError:
        raise MissingDependency(
            "Hypothesis draws these networks and is not installed; `pip install hypothesis`"
        ) from None
    return hypothesis
