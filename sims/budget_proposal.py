"""A budget proposed from what runs did: the worst of them, and a margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction

from depth_snn.errors import BudgetError, one_line
from sims.budget_file import Budget, ModelChoice
from sims.evidence import Evidence
from sims.limit import LIMITS, Limit
from sims.observation import observe

DIGITS, MOST_DIGITS = 6, 15
"""Significant digits of a proposed limit; a TOML number keeps MOST_DIGITS exactly."""

_SINGLE_TIER = "energy_uj_per_frame_max"
LAYER_KEYS = (
    "firing_rate_min", "firing_rate_max", "firing_rate_peak_max",
    "synaptic_operations_per_frame_max",
)  # fmt: skip
"""What is proposed for each layer: the rest would say the same again, and nobody would read it."""


def propose_budget(
    runs: Sequence[Evidence], margin_percent: Fraction, model: ModelChoice | None = None
) -> Budget:
    """Make every limit that all runs can be held to, of the network and of each layer.

    Args:
        runs: Runs of the same network, at least one; the worst of them counts.
        margin_percent: How much worse than it a run may be, in percent of its value, from 0 up.
        model: What times and cores are computed with; the defaults when not given.

    Returns:
        A budget that every run keeps, and that one worse by more than the margin does not. Limits
        about what some run did not observe are left out, and so are minima of 0.

    Raises:
        BudgetError: The runs have different layers, or nothing at all was observed.
    """
    layers = list(runs[0].record.counts)
    for run in runs[1:]:
        if list(run.record.counts) != layers:
            raise BudgetError(
                f"{run.record.source} ({run.record.network}) has other layers than "
                f"{runs[0].record.source} ({runs[0].record.network}); give runs of one graph"
            )
    draft = Budget("proposed", "", False, (), model or ModelChoice())
    limits = []
    for limit in _candidates(layers):
        worst = _worst(limit, draft, runs)
        value = None if worst is None else with_margin(worst, margin_percent, limit)
        # Encoders have no synapses: a limit of 0 for each would be noise.
        silent = limit.section == "layers" and "synaptic" in limit.key and not value
        if value is not None and not silent:
            limits.append(replace(limit, value=value))
    if not limits:
        raise BudgetError("nothing to propose limits from was observed; run more frames")
    return replace(draft, limits=tuple(limits))


def _candidates(layers: Sequence[str]) -> list[Limit]:
    found = []
    for section, keys in LIMITS.items():
        of_layers = section == "layers"
        for pattern in [_literal(name) for name in layers] if of_layers else [""]:
            for key in LAYER_KEYS if of_layers else keys:
                tier = key.removeprefix("energy.").split("_")[0] if "energy" in key else ""
                if key != _SINGLE_TIER:
                    found.append(Limit(section, key, Fraction(0), pattern, tier=tier))
    return found


def _literal(name: str) -> str:
    """A glob that matches one name only."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _worst(limit: Limit, draft: Budget, runs: Sequence[Evidence]) -> Fraction | None:
    values = []
    for run in runs:
        try:
            values += [seen.value for seen in observe(limit, draft, run)]
        except BudgetError:  # not observed in this run, so nothing could hold it to a limit
            return None
    return (min if limit.comparison == ">=" else max)(values)


def with_margin(worst: Fraction, margin_percent: Fraction, limit: Limit) -> Fraction | None:
    """A limit some percent beyond what was observed, as a short decimal number.

    It is rounded towards what was observed, so that it grants no more than the margin; where that
    would cut the observed value off, digits are added.

    Args:
        worst: Observed value.
        margin_percent: Margin, from 0 up; a minimum has no margin of 100 or more.
        limit: What it is for.

    Returns:
        The limit; None for a minimum that nothing could break.
    """
    minimum = limit.comparison == ">="
    share = margin_percent / 100
    goal = worst * (1 - share) if minimum else worst * (1 + share)
    if goal <= 0:
        # A loss below 0 is a gain. It has no percentage, and a limit below 0 cannot be written.
        return None if minimum else Fraction(0)
    inward, outward = (
        (ROUND_CEILING, ROUND_FLOOR) if minimum else (ROUND_FLOOR, ROUND_CEILING)
    )  # fmt: skip
    if limit.rule.unit == "cores":
        return Fraction(int(goal))
    for digits in range(DIGITS, MOST_DIGITS + 1):
        value = _decimal(goal, digits, inward)
        if value >= worst if not minimum else value <= worst:
            return value
    return _decimal(goal, MOST_DIGITS, outward)


def _decimal(value: Fraction, digits: int, rounding: str) -> Fraction:
    context = Context(prec=digits, rounding=rounding)
    return Fraction(context.divide(Decimal(value.numerator), Decimal(value.denominator)))


def proposal_text(
    budget: Budget, runs: Sequence[Evidence], margin_percent: Fraction, origin: Sequence[str]
) -> str:
    """Write a proposed budget as a commented TOML file.

    Args:
        budget: From propose_budget.
        runs: What it was made from.
        margin_percent: The margin it was made with.
        origin: Names of the runs' files.

    Returns:
        The text of the file.
    """
    record = runs[0].record
    margin = f"{float(margin_percent):g}"
    lines = [
        "# Proposed by `depth-snn check --propose`: the worst of",
        f"# {len(runs)} run(s), plus {margin} %:",
        *(f"#   {one_line(name)}" for name in origin),
        "# Change what you like; see docs/budgets.md for every limit. Modelled limits hang on the",
        "# cost and timing tables. A layer that sent nothing is held to 0.",
        "",
        "format = 1",
        f"title = {_text(f'{record.network} on {record.source}, plus {margin} %')}",
        "include_first_frame = false",
        "",
        "[model]",
        f"costs = {_text(budget.model.costs or runs[0].energy.table.name)}",
        f"timing = {_text(budget.model.timing)}",
        *([] if budget.model.cores is None else [f"cores = {budget.model.cores}"]),
    ]
    tables: dict[str, list[str]] = {}
    for limit in budget.limits:
        table, _, key = limit.name.rpartition(".")
        if limit.section == "layers":
            table = f"layers.{_text(limit.pattern)}"
        about = f"{limit.rule.meaning}, {limit.rule.unit}"
        tables.setdefault(table, []).append(f"{key} = {_number(limit.value)}  # {about}")
    for table, rows in tables.items():
        lines += ["", f"[{table}]", *rows]
    return "\n".join(lines) + "\n"


def _number(value: Fraction) -> str:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    text = f"{exact:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text(value: str) -> str:
    """A TOML basic string."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04X}" for c in escaped) + '"'
