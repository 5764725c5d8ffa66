"""Energy of a run in short: tiers, a verdict for each baseline, and what one verdict hangs on."""

from __future__ import annotations

from collections.abc import Sequence

from sims.comparison import compare_with_baselines
from sims.energy_text import CENTRAL, tier_lines
from sims.energy_total import EnergyReport
from sims.record import RunRecord
from sims.sensitivity import sensitivities

CONSTANTS = 3
USUAL = "dense int8"
"""The baseline whose verdict is explained: the equally quantised conventional network."""


def energy_brief(record: RunRecord, reports: Sequence[EnergyReport]) -> str:
    """For each spiking table its tiers, a line for each baseline, and the nearest constants.

    Args:
        record: The run.
        reports: One for each pair of spiking and baseline table, the spiking table varying slowest.
    """
    lines = [
        f"{record.frames} frames of {record.source}, means without the first; all modelled; "
        "verdicts are on operations"
    ]
    for name in dict.fromkeys(report.table.name for report in reports):
        own = [report for report in reports if report.table.name == name]
        lines += ["", f"{own[0].table.title} ({name})", *tier_lines(own[0].tiers, record)]
        for report in own:
            lines += _verdicts(record, report)
        lines += _hanging(record, own[0])
    return "\n".join([*lines, "", "--full prints every tier, baseline and constant"])


def _verdicts(record: RunRecord, report: EnergyReport) -> list[str]:
    seen = {base.name for base in report.baselines if base.tiers["operations"].observed}
    return [
        f"  {report.baseline_table.name:11} {found.text}"
        for found in compare_with_baselines(report, record.steady)
        if found.baseline in seen
    ]


def _hanging(record: RunRecord, report: EnergyReport) -> list[str]:
    """The constants nearest to turning the verdict against the usual baseline."""
    base = next((b for b in report.baselines if b.name == USUAL), None)
    if base is None or not base.tiers["operations"].observed:
        return []
    ranked = sensitivities(report, base, record.steady, "operations")
    found = [f"{s.constant} {s.text}" for s in ranked if s.flips][:CONSTANTS]
    if not found:
        return [f"  against {base.name} no change of one price alone turns the verdict"]
    head = f"  against {base.name} ({report.baseline_table.name}) it would turn, {CENTRAL}, with"
    return [head, *(f"  {'':11} {text}" for text in found)]
