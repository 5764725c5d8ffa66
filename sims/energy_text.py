"""Energy of a run under several cost tables, as text and as plain data for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sims.comparison import compare_with_baselines
from sims.cost_table import TIERS
from sims.digits import digits
from sims.energy_total import Baseline, EnergyReport, EnergyTotal
from sims.record import RunRecord
from sims.sensitivity import break_even, sensitivities

FORMAT = 1
SHORT = {"operations": "operations", "memory": "+ memory", "static": "+ static"}
"""Tiers, each with the ones before it."""
CENTRAL = "at the central prices"
"""What sensitivities are computed at: the middle of every band."""


def energy_text(record: RunRecord, reports: Sequence[EnergyReport]) -> str:
    """Tiers by table, baselines, where the spiking network loses, and what that hangs on.

    Args:
        record: The run.
        reports: One for each pair of spiking and baseline table, the spiking table varying slowest.
    """
    lines = [f"{record.frames} frames of {record.source}, means without the first; all modelled"]
    for name, report in {r.table.name: r for r in reports}.items():
        lines += ["", f"{report.table.title} ({name})"]
        lines += tier_lines(report.tiers, record)
    for name, report in {r.baseline_table.name: r for r in reports}.items():
        lines += ["", f"{report.baseline_table.title} ({name})"]
        for base in report.baselines:
            lines.append(f"  {base.name}")
            lines += tier_lines(base.tiers, record, "  ")
    for report in reports:
        for base in report.baselines:
            lines += _verdict_lines(record, report, base)
    return "\n".join(lines)


def tier_lines(tiers: dict[str, EnergyTotal], record: RunRecord, indent: str = "") -> list[str]:
    """One line for each tier, and one that names what is unknown or only a floor.

    Args:
        tiers: Totals by tier.
        record: The run.
        indent: Spaces in front.
    """
    lines = [f"{indent}  {SHORT[t]:11} {_value(tiers[t], record.steady)}" for t in TIERS]
    missing = tiers["static"].unknown
    return lines + ([f"{indent}  {'unknown':11} {', '.join(missing)}"] if missing else [])


def _value(total: EnergyTotal, frames: slice) -> str:
    return total.text(frames).partition(" (unknown")[0]


def _verdict_lines(record: RunRecord, report: EnergyReport, base: Baseline) -> list[str]:
    if not base.tiers["operations"].observed:
        return []
    steady = record.steady
    lines = ["", f"{report.table.name} against {base.name} ({report.baseline_table.name})"]
    for tier in TIERS:
        found = compare_with_baselines(report, steady, tier)
        text = next(c.text for c in found if c.baseline == base.name)
        lines.append(f"  {SHORT[tier]:11} {text}")
    return lines + hanging_lines(record, report, base)


def hanging_lines(record: RunRecord, report: EnergyReport, base: Baseline) -> list[str]:
    """What the verdict on operations hangs on: constants, nearest first, and activity.

    Args:
        record: The run.
        report: Its energy.
        base: One of the report's baselines.
    """
    ranked = sensitivities(report, base, record.steady, "operations")
    flips = [f"{s.constant} {s.text}" for s in ranked if s.flips]
    never = [s.constant for s in ranked if not s.flips]
    even = break_even(report, base, record.steady, "operations", record.dense_macs)
    now = f"{digits(100 * even.observed)} synaptic operations per 100 dense MACs now"
    share = (
        "no activity is low enough"
        if even.share is None
        else f"equal at {digits(100 * even.share)}"
    )
    banded = report.tiers["operations"].banded or base.tiers["operations"].banded
    return [
        *([f"  {'':11} what follows is {CENTRAL}, not at the ends of bands"] if banded else []),
        *(f"  {'hangs on' if i == 0 else '':11} {text}" for i, text in enumerate(flips)),
        *([f"  {'':11} no change of one alone: {', '.join(never)}"] if never else []),
        f"  {'activity':11} {share}; {now}",
    ]


def energy_json(record: RunRecord, reports: Sequence[EnergyReport]) -> dict[str, Any]:
    """The same and every constant, with a format version.

    Args:
        record: The run.
        reports: As for :func:`energy_text`.
    """
    return {
        "format": FORMAT,
        "source": record.source,
        "network": record.network,
        "frames": record.frames,
        "kind": "modelled",
        "reports": [_report(record, report) for report in reports],
    }


def _report(record: RunRecord, report: EnergyReport) -> dict[str, Any]:
    steady = record.steady
    return {
        "table": report.table.name,
        "baseline_table": report.baseline_table.name,
        "frame_time_us": report.frame_time_us,
        "tiers": {tier: total_json(report.tiers[tier], steady) for tier in TIERS},
        "baselines": {
            base.name: {
                "tiers": {tier: total_json(base.tiers[tier], steady) for tier in TIERS},
                "comparisons": {
                    tier: asdict(c)
                    for tier in TIERS
                    for c in compare_with_baselines(report, steady, tier)
                    if c.baseline == base.name
                },
                "sensitivity": {
                    tier: [
                        {**asdict(s), "text": s.text}
                        for s in sensitivities(report, base, steady, tier)
                    ]
                    for tier in TIERS
                },
                "break_even": {
                    tier: asdict(break_even(report, base, steady, tier, record.dense_macs))
                    for tier in TIERS
                },
            }
            for base in report.baselines
            if base.tiers["operations"].observed
        },
    }


def total_json(total: EnergyTotal, frames: slice) -> dict[str, Any]:
    """A total with band and bound, in µJ per frame."""
    low, high = total.mean_band_pj(frames)
    seen = total.observed
    return {
        "value_uj_per_frame": total.mean_pj(frames) / 1e6 if seen else None,
        "low_uj_per_frame": low / 1e6 if seen else None,
        "high_uj_per_frame": high / 1e6 if seen else None,
        "bound": total.bound,
        "unknown": list(total.unknown),
        "text": total.text(frames),
    }
