"""Energy of a run under several cost tables, as text and as plain data for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sims.comparison import compare_with_baselines
from sims.cost_table import TIERS
from sims.energy_total import TIER_TITLES, Baseline, EnergyReport, EnergyTotal
from sims.record import RunRecord
from sims.sensitivity import break_even, sensitivities

FORMAT = 1
SHOWN = 6
"""Constants shown of each sensitivity; all of them are in the JSON."""


def energy_text(record: RunRecord, reports: Sequence[EnergyReport]) -> str:
    """Tiers by table, baselines, where the spiking network loses, and what that hangs on.

    Args:
        record: The run.
        reports: One for each pair of spiking and baseline table, the spiking table varying slowest.
    """
    lines = [f"{record.frames} frames of {record.source}, means without the first; all modelled"]
    for name, report in {r.table.name: r for r in reports}.items():
        lines += ["", f"{report.table.title} ({name})"]
        lines += _tier_lines(report.tiers, record)
    for name, report in {r.baseline_table.name: r for r in reports}.items():
        lines += ["", f"{report.baseline_table.title} ({name})"]
        for base in report.baselines:
            lines.append(f"  {base.name}")
            lines += _tier_lines(base.tiers, record, "  ")
    for report in reports:
        for base in report.baselines:
            lines += _verdict_lines(record, report, base)
    return "\n".join(lines)


def _tier_lines(tiers: dict[str, EnergyTotal], record: RunRecord, indent: str = "") -> list[str]:
    return [f"{indent}  {TIER_TITLES[t]:34} {tiers[t].text(record.steady)}" for t in TIERS]


def _verdict_lines(record: RunRecord, report: EnergyReport, base: Baseline) -> list[str]:
    if not base.tiers["operations"].observed:
        return []
    steady = record.steady
    lines = ["", f"{report.table.name} against {report.baseline_table.name} {base.name}"]
    for tier in TIERS:
        found = compare_with_baselines(report, steady, tier)
        text = next(c.text for c in found if c.baseline == base.name)
        lines.append(f"  {TIER_TITLES[tier]:34} {text}")
    lines.append("  operations only, by what factor one constant must change:")
    ranked = sensitivities(report, base, steady, "operations")
    lines += [f"    {item.constant:44} {item.text}" for item in ranked[:SHOWN]]
    even = break_even(report, base, steady, "operations", record.dense_macs)
    now = f"now {100 * even.observed:.2f} % of the dense MACs are synaptic operations"
    if even.share is None:
        lines.append(f"    no activity is low enough; {now}")
    else:
        lines.append(f"    equal at {100 * even.share:.3g} %; {now}")
    return lines


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
