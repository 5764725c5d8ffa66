"""Judging a run by a budget: every limit with what was observed, and the frame it was worst in.

All comparisons are exact (fractions of integers), so nothing passes or fails by rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

from conversion.graph import Graph
from conversion.placement import Placement
from depth_snn.errors import ExitCode
from sims.budget_file import Budget
from sims.counted_run import CountedRun
from sims.energy_total import EnergyReport
from sims.evidence import Evidence, Observation, price_run
from sims.limit import Limit
from sims.observation import observe
from sims.record import RunRecord

_MAX_DECIMALS = 40


@dataclass(frozen=True)
class LimitResult:
    """One limit, judged.

    Args:
        name: The limit as a dotted path of the budget file.
        layer: The layer it was judged for; "network" for limits of the whole run.
        observed: What the run did, in `unit`.
        limit: What was allowed, in `unit`.
        unit: Unit of the three numbers.
        headroom: How far the run stays within the limit; negative when exceeded.
        worst_frame: Frame nearest to, or furthest beyond, the limit; None if not per frame.
        passed: Whether the limit holds.
        comparison: "<=" or ">=".
        observed_text: `observed` with enough digits never to look like an unequal limit.
        limit_text: `limit`, as in the file.
        headroom_text: `headroom` with its sign.
        statistic: "mean", "worst" (frame) or "whole" (run): what `observed` is.
        kind: "measured" or "modelled".
        bound: True when the truth can only be worse than `observed`, because something is unknown.
        note: What the reader must know, for example which prices are unknown; may be empty.
    """

    name: str
    layer: str
    observed: float
    limit: float
    unit: str
    headroom: float
    worst_frame: int | None
    passed: bool
    comparison: str
    observed_text: str
    limit_text: str
    headroom_text: str
    statistic: str
    kind: str
    bound: bool
    note: str = ""


@dataclass(frozen=True)
class BudgetResult:
    """All limits of a budget, judged.

    Args:
        source: The budget file.
        title: Its title.
        limits: One result per limit and matching layer.
        note: Which frames were judged.
    """

    source: str
    title: str
    limits: tuple[LimitResult, ...]
    note: str

    @property
    def passed(self) -> bool:
        """True when every limit holds."""
        return all(limit.passed for limit in self.limits)

    @property
    def exit_code(self) -> int:
        """0 when every limit holds, else 2."""
        return int(ExitCode.OK if self.passed else ExitCode.EXCEEDED)

    @property
    def failures(self) -> tuple[LimitResult, ...]:
        """The limits that were exceeded."""
        return tuple(limit for limit in self.limits if not limit.passed)


def evaluate(
    record: RunRecord | CountedRun,
    budget: Budget,
    energy: EnergyReport | None = None,
    graph: Graph | None = None,
    placement: Placement | None = None,
) -> BudgetResult:
    """Judge a run by a budget.

    Args:
        record: The run.
        budget: The limits.
        energy: The run's energy, unless the budget names a cost table; estimated with the shipped
            tables when not given.
        graph: The run's network, for limits of latency.
        placement: Where it lies on cores; without one the fewest cores are assumed.

    Returns:
        Every limit with what was observed.

    Raises:
        BudgetError: A limit is about something this run did not observe.
        ConfigError: A table that the budget names cannot be read.
    """
    if budget.model.costs:
        energy = price_run(record, budget.model.costs)
    evidence = Evidence(record, energy or price_run(record), graph, placement)
    results = [
        _judge(limit, seen) for limit in budget.limits for seen in observe(limit, budget, evidence)
    ]
    first = (
        "the first, dense frame counts"
        if budget.include_first_frame
        else ("means and frame limits leave out the first frame, which is dense by construction")
    )
    return BudgetResult(
        budget.source,
        budget.title,
        tuple(results),
        f"{first}; extra compute is judged in every frame",
    )


def _judge(limit: Limit, seen: Observation) -> LimitResult:
    sign = 1 if limit.comparison == "<=" else -1
    headroom = sign * (limit.value - seen.value)
    return LimitResult(
        name=limit.name,
        layer=seen.layer,
        observed=float(seen.value),
        limit=float(limit.value),
        unit=limit.rule.unit,
        headroom=float(headroom),
        worst_frame=seen.frame,
        passed=headroom >= 0,
        comparison=limit.comparison,
        observed_text=distinct_text(seen.value, limit.value),
        limit_text=distinct_text(limit.value, limit.value),
        headroom_text=("+" if headroom >= 0 else "−") + distinct_text(abs(headroom), Fraction(0)),
        statistic=limit.rule.statistic,
        kind="modelled" if limit.rule.modelled else "measured",
        bound=seen.partial,
        note=seen.note,
    )


def distinct_text(value: Fraction, other: Fraction) -> str:
    """Write a number so that it never reads as equal to another one it is not equal to.

    Args:
        value: The number to write.
        other: The number it stands beside.

    Returns:
        A decimal with about four significant digits, or as many as it takes; a number equal to
        `other` is written exactly where a decimal can.
    """
    magnitude = len(str(int(abs(value))))
    decimals = max(0, 4 - magnitude)
    with localcontext() as context:
        context.prec = magnitude + _MAX_DECIMALS + 10
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        while decimals < _MAX_DECIMALS:
            text = exact.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
            shown = Fraction(text)
            same_side = (shown > other) == (value > other) and (shown < other) == (value < other)
            if same_side and (value != other or shown == value) and bool(shown) == bool(value):
                break
            decimals += 1
    plain = f"{text:,f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain
