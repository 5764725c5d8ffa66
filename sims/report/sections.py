"""The report's contents in plain words and rows, before any HTML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sims.budget import BudgetResult
from sims.budget_table import condense, outcome_line, row_cells
from sims.comparison import compare_with_baselines
from sims.cost_table import TIERS, CostTable
from sims.counts import COUNT_FIELDS
from sims.energy_total import EVENT_LABELS, TIER_TITLES, EnergyReport
from sims.record import RunRecord
from sims.sensitivity import break_even, sensitivities
from sims.verdict import timing_ratios

Rows = list[tuple[str, ...]]
_FRACTIONS = ("miou_", "iou_", "agreement_")


def headline(budget: BudgetResult | None, broken: Sequence[str] = ()) -> dict[str, str]:
    """The outcome as a CSS class, a word and a sentence.

    Args:
        budget: The judged budget, or None.
        broken: Names of the witnesses that disagree.
    """
    if broken:
        text = (
            f"Witnesses disagree: {', '.join(broken)}. Engines that must give the same integers "
            "did not, so no figure on this page can be trusted."
        )
        return {"css": "invalid", "word": "Not valid", "text": text}
    if budget is None:
        return {"css": "none", "word": "No budget", "text": "Nothing was judged: no budget given."}
    word = "Within budget" if budget.passed else "Budget exceeded"
    return {"css": "pass" if budget.passed else "fail", "word": word, "text": outcome_line(budget)}


def summary(record: RunRecord, energy: EnergyReport) -> list[str]:
    """A few sentences a newcomer can read.

    Args:
        record: The run.
        energy: Its modelled energy.
    """
    total = record.total_macs[record.steady]
    share = 100.0 * float(total.mean()) / record.dense_macs
    percent = record.extra_percent
    worst = int(percent.argmax())
    restored = int(record.admitted.sum())
    lines = [
        f"{record.frames} frames of {record.source} went through the network {record.network} "
        f"(engine {record.engine}).",
        f"After the first frame it executed {share:.1f} % of the dense network's MACs on average.",
        f"{int(record.spikes.sum())} spikes asked, {restored} regions were admitted, most of them "
        "computed in that frame anyway and so at no price; restored compute was at "
        f"most {percent[worst]:.2f} % of the pruned stream (frame {worst}).",
        "Modelled energy per frame, operations only: "
        f"{energy.tiers['operations'].text(record.steady)}.",
    ]
    quality = record.quality
    if "miou_dense" in quality and "miou_integer" in quality:
        change = 100 * (quality["miou_integer"] - quality["miou_dense"])
        lines.append(
            f"mIoU {100 * quality['miou_integer']:.2f} % (integer network) against "
            f"{100 * quality['miou_dense']:.2f} % dense ({change:+.2f} points)."
        )
    return lines


def limit_rows(budget: BudgetResult | None) -> list[dict[str, Any]]:
    """Rows of the limits table; exceeded limits first.

    Args:
        budget: The judged budget, or None.
    """
    kept = condense(budget.limits) if budget else []
    kept.sort(key=lambda pair: pair[0].passed)
    return [
        {
            "cells": row_cells(limit, more),
            "passed": limit.passed,
            "note": limit.note,
        }
        for limit, more in kept
    ]


def energy_rows(record: RunRecord, energy: EnergyReport) -> Rows:
    """Tiers by row, spiking network and baselines; mean of the steady frames.

    Args:
        record: The run.
        energy: Its modelled energy.
    """
    rows: Rows = []
    for tier in TIERS:
        rows.append(
            (f"spiking ({energy.table.name})", TIER_TITLES[tier],
             energy.tiers[tier].text(record.steady))
        )  # fmt: skip
    for base in energy.baselines:
        for tier in TIERS:
            rows.append((base.name, TIER_TITLES[tier], base.tiers[tier].text(record.steady)))
    return rows


def comparison_lines(record: RunRecord, energy: EnergyReport) -> list[str]:
    """Where the spiking network loses, one sentence per baseline.

    Args:
        record: The run.
        energy: Its modelled energy.
    """
    found = compare_with_baselines(energy, record.steady)
    return [f"Against {item.baseline}: {item.text}." for item in found]


def hanging_rows(record: RunRecord, energy: EnergyReport) -> Rows:
    """What each verdict on operations hangs on: constants that could turn it, and activity.

    Args:
        record: The run.
        energy: Its modelled energy.
    """
    rows: Rows = []
    for base in energy.baselines:
        if not base.tiers["operations"].observed:
            continue
        ranked = sensitivities(energy, base, record.steady, "operations")
        turning = "; ".join(f"{s.constant} {s.text}" for s in ranked if s.flips)
        alone = ", ".join(s.constant for s in ranked if not s.flips)
        even = break_even(energy, base, record.steady, "operations", record.dense_macs)
        equal = "none is low enough" if even.share is None else f"{100 * even.share:.3g} %"
        now = f"{100 * even.observed:.3g} %"
        rows.append((base.name, turning or "none", alone or "none", equal, now))
    return rows


def event_rows(record: RunRecord, energy: EnergyReport) -> Rows:
    """Energy by kind of event and the node that spends most of it.

    Args:
        record: The run.
        energy: Its modelled energy.
    """
    rows: Rows = []
    for event, total in energy.by_event().items():
        parts = [c for c in energy.contributions if c.event == event]
        counted = [c for c in parts if c.count is not None]
        steady = [sum(c.count[record.steady]) for c in counted if c.count is not None]
        frames = len(range(*record.steady.indices(record.frames)))
        count = f"{sum(steady) / frames:,.0f}" if counted else "not counted"
        top = counted[steady.index(max(steady))].node if counted else ""
        rows.append((EVENT_LABELS[event], count, total.text(record.steady), top))
    return rows


def mac_rows(record: RunRecord) -> Rows:
    """MACs by category: mean after the first frame, share of dense, first frame apart.

    Args:
        record: The run.
    """
    named = [*record.macs.items(), ("all", record.total_macs)]
    return [
        (
            name,
            f"{float(values[record.steady].mean()):,.0f}",
            f"{100 * float(values[record.steady].mean()) / record.dense_macs:.2f} %",
            f"{int(values[0]):,}",
        )
        for name, values in named
    ]


def layer_rows(record: RunRecord) -> Rows:
    """Counts of each layer per frame, means without the first frame.

    Args:
        record: The run.
    """
    rows: Rows = []
    for name, node in record.counts.items():
        counts = {f: float(getattr(node, f)[record.steady].mean()) for f in node.counted}
        if not any(counts.values()):
            continue
        rate = node.firing_rate()
        rows.append(
            (
                name,
                node.runs_on,
                *(f"{counts[f]:,.0f}" if f in counts else "not counted" for f in COUNT_FIELDS),
                "" if rate is None else f"{float(rate[record.steady].mean()):.3f}",
            )
        )
    return rows


def timing_rows(record: RunRecord) -> Rows:
    """Median times, then dense times over the pruned time.

    Args:
        record: The run.
    """
    rows: Rows = [(name, f"{value:.2f} ms") for name, value in record.timing_ms.items()]
    ratios = timing_ratios(record.timing_ms)
    return rows + [(name.replace("_over_", " ÷ "), f"{r:.2f} ×") for name, r in ratios.items()]


def witness_rows(record: RunRecord) -> Rows:
    """What each comparison of simulators found.

    Args:
        record: The run.
    """
    return [
        (name, ", ".join(f"{key} {_plain(value)}" for key, value in facts.items()))
        for name, facts in record.witnesses.items()
    ]


def quality_rows(record: RunRecord) -> Rows:
    """Fractions of 1 as percentages, other measures (errors of logits) as they are.

    Args:
        record: The run.
    """
    return [
        (name, f"{100 * value:.2f} %" if name.startswith(_FRACTIONS) else f"{value:.4g}")
        for name, value in record.quality.items()
    ]


def price_rows(table: CostTable) -> Rows:
    """Every price with its source, or why it is unknown.

    Args:
        table: A cost table.
    """
    rows: Rows = []
    for price in table.prices.values():
        if price.value is None:
            rows.append((price.event, price.text(), "", price.note))
            continue
        origin = f"{price.source}, {price.year}, grade {price.grade}"
        rows.append((price.event, price.text(), origin, price.note))
    return rows


def setting_rows(record: RunRecord) -> Rows:
    """Settings of the run.

    Args:
        record: The run.
    """
    rate = "unknown" if record.fps is None else f"{record.fps:g}"
    rows: Rows = [("frames per second of the input", rate)]
    rows += [(key, _plain(value)) for key, value in record.policy.items()]
    return rows


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
