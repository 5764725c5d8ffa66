"""Judged limits as a plain text table for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from sims.budget import BudgetResult, LimitResult

COLUMNS = ("", "limit", "layer", "observed", "allowed", "headroom", "worst frame")


def condense(limits: Iterable[LimitResult]) -> list[tuple[LimitResult, int]]:
    """Keep every exceeded limit, and of the others the layer nearest to each limit.

    Args:
        limits: Judged limits.

    Returns:
        Pairs of a result and how many more layers it stands for, in the order given.
    """
    kept: list[tuple[LimitResult, int]] = []
    by_name: dict[str, list[LimitResult]] = {}
    for result in limits:
        by_name.setdefault(result.name, []).append(result)
    for results in by_name.values():
        kept.extend((result, 0) for result in results if not result.passed)
        passed = [result for result in results if result.passed]
        if passed:
            kept.append((min(passed, key=lambda r: r.headroom), len(passed) - 1))
    return kept


def row_cells(result: LimitResult, more: int) -> tuple[str, ...]:
    """The cells of one result, in the order of COLUMNS.

    Args:
        result: A judged limit.
        more: How many more passing layers the row stands for.

    Returns:
        Seven texts.
    """
    layer = result.layer + (f" (+{more} within)" if more else "")
    mean = " (mean)" if result.statistic == "mean" else ""
    minimum = result.comparison == ">="
    sign = ("≤ " if minimum else "≥ ") if result.bound else ""
    return (
        "PASS" if result.passed else "FAIL",
        result.name,
        layer,
        f"{sign}{result.observed_text} {result.unit}{mean}",
        f"{'≤' if result.comparison == '<=' else '≥'} {result.limit_text}",
        f"{'at most ' if result.bound else ''}{result.headroom_text}",
        "" if result.worst_frame is None else str(result.worst_frame),
    )


def budget_text(result: BudgetResult) -> str:
    """Write a judged budget for a terminal.

    Args:
        result: The judged budget.

    Returns:
        Lines of aligned columns, exceeded limits first, the notes, and one line with the outcome.
    """
    kept = sorted(condense(result.limits), key=lambda pair: pair[0].passed)
    rows = [COLUMNS, *(row_cells(limit, more) for limit, more in kept)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    lines = [line.rstrip() for line in lines]
    lines += [f"  {note}" for note in _notes(limit for limit, _ in kept)]
    lines.append(f"  {result.note}")
    lines.append(outcome_line(result))
    return "\n".join(lines)


def outcome_line(result: BudgetResult) -> str:
    """One line: within budget, or which limit, layer and frame exceeded it.

    Args:
        result: The judged budget.

    Returns:
        A sentence without a line break.
    """
    if result.passed:
        partly = sum(limit.bound for limit in result.limits)
        more = f", {partly} of them on a lower bound of the cost" if partly else ""
        return f"PASS: all {len(result.limits)} limits of {result.source} hold{more}"
    first, *rest = result.failures
    where = (
        first.layer if first.worst_frame is None else f"{first.layer}, frame {first.worst_frame}"
    )
    more = f" (and {len(rest)} more)" if rest else ""
    return (
        f"FAIL: {first.name} exceeded: {first.observed_text} {first.unit}, allowed "
        f"{first.comparison} {first.limit_text} ({where}){more}"
    )


def _notes(limits: Iterable[LimitResult]) -> list[str]:
    return list(dict.fromkeys(f"{x.name}: {x.note}" for x in limits if x.note))
