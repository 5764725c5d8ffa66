"""The short answer on the terminal, and the figures a run measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from depth_snn.figures import Figure, found_now
from sims.budget import BudgetResult
from sims.budget_table import budget_text
from sims.record import RunRecord

ENERGY_BASELINE = "pruned int8"


def print_summary(
    record: RunRecord, verdict: dict[str, Any], result: BudgetResult | None, memory_bytes: int
) -> None:
    """Print what was measured, the energy tiers, and the budget's verdict last.

    Args:
        record: Of the run.
        verdict: On it.
        result: Of the budget; None without one.
        memory_bytes: Arrays that the stream held after the last frame.
    """
    macs, extra = verdict["macs"], verdict["extra_compute"]
    states = [int((record.token_state[1:] == s).sum()) for s in range(4)]
    names = ("reused", "computed", "restored", "cut")
    share = [
        f"{100 * count / max(1, sum(states)):.1f} % {name}"
        for count, name in zip(states, names, strict=True)
    ]
    print(f"{record.frames} frames of {record.source}, network {record.network}")
    print(f"tokens     {', '.join(share)} (after the first frame)")
    print(f"work       {100 * macs['ratio_mean']:.1f} % of the dense network's MACs")
    print(_recovery_line(record, extra))
    for line in _policy_lines(record):
        print(line)
    times = {name: f"{value:.1f} ms" for name, value in record.timing_ms.items()}
    print(
        f"time       {times['pruned_end_to_end']} a frame; dense {times['dense_linear']}, "
        f"dense with SDPA {times['dense_sdpa']} (medians)"
    )
    if "integer_graph" in record.timing_ms:
        took = record.timing_ms["integer_graph"]
        print(f"integers   {took:.1f} ms a frame, {1e3 / took:.0f} frames/s, every event counted")
    print(f"memory     {memory_bytes / 2**20:.1f} MiB for the stream's state, bounded")
    for name in ("miou_dense", "miou_pruned", "miou_integer"):
        if name in record.quality:
            print(f"{name:10} {100 * record.quality[name]:.2f} %")
    if "miou_dense" not in record.quality:
        agreement = 100 * record.quality["agreement_pruned_dense"]
        print(f"agreement  pruned with dense {agreement:.2f} % of pixels")
    for tier, total in verdict["energy"]["tiers"].items():
        amount = str(total["text"]).split(" (unknown", 1)[0]
        unknown = f"; without a full price: {len(total['unknown'])}" if total["unknown"] else ""
        print(f"energy     {tier}: {amount} a frame (modelled{unknown}, see the report)")
    for line in verdict["energy"]["comparisons"]:
        print(f"           {line['text']}")
    for name, witness in record.witnesses.items():
        unit = "values" if "values" in witness else "frames"
        print(f"witness    {name}: {witness['mismatches']} mismatches in {witness[unit]} {unit}")
        if witness.get("count_mismatches"):
            print(f"           and {witness['count_mismatches']} event counts differ")
        if "closed_tokens" in witness:
            print(f"           {_coverage(witness)}")
    if result is not None:
        print(budget_text(result))


def _coverage(witness: Mapping[str, Any]) -> str:
    spikes = f"{witness['gate_spikes']} gate spikes, " if "gate_spikes" in witness else ""
    return (
        f"its {witness['frames']} frames hold {spikes}{witness['restored_regions']} restored "
        f"regions and {witness['closed_tokens']} closed tokens"
    )


def _policy_lines(record: RunRecord) -> list[str]:
    """Which policies ran, where there was more than one to choose from, and what was searched."""
    ran, policy = record.policy.get("policies"), record.policy
    if not ran:
        return []
    shares = ", ".join(f"{name} on {told['frames']}" for name, told in ran.items())
    changes = len(policy["policy_changes"]) - 1
    word = "change" if changes == 1 else "changes"
    lines = [f"policies   {shares} frames; {changes} {word}"]
    if "evolution" in policy:
        found = policy["evolution"]
        dense = found["macs"] / record.dense_macs
        lines.append(
            f"evolution  {found['searches']} searches, {found['trials_passed']} of "
            f"{found['trials']} trials passed; in the background, the work of {dense:.0f} dense "
            "frames"
        )
    return lines


def _recovery_line(record: RunRecord, extra: dict[str, Any]) -> str:
    if not record.policy.get("recovery", True):
        return "recovery   off"
    return (
        f"recovery   {extra['spikes']} gate spikes; extra compute "
        f"{extra['mean_percent']:.2f} % on average, worst {extra['worst_percent']:.2f} % "
        f"(frame {extra['worst_frame']})"
    )


def run_figures(record: RunRecord, verdict: dict[str, Any], command: str) -> dict[str, Figure]:
    """Figures that docs/figures.md names for a run of the chain."""
    timing = record.timing_ms
    worst = verdict["extra_compute"]["worst_percent"] or 0.0
    pruned = timing["pruned_end_to_end"]
    ratio = float(verdict["macs"]["ratio_mean"])
    values: dict[str, tuple[float, str]] = {
        "chain_macs_ratio": (ratio, ""),
        "chain_conversion_ratio": (timing["dense_linear"] / pruned * ratio, ""),
        "chain_gate_spikes": (int(verdict["extra_compute"]["spikes"]), ""),
        "chain_extra_compute_worst": (float(worst), "%"),
        "chain_speedup_vs_dense_sdpa": (timing["dense_sdpa"] / pruned, "×"),
        "chain_speedup_vs_dense_linear": (timing["dense_linear"] / pruned, "×"),
    }
    for name in ("miou_dense", "miou_pruned", "miou_integer"):
        if name in record.quality:
            values[f"chain_{name}"] = (100 * record.quality[name], "%")
    found = {k: found_now(v, unit=unit, command=command) for k, (v, unit) in values.items()}
    for line in verdict["energy"]["comparisons"]:
        if line["baseline"] == ENERGY_BASELINE and line["ratio"] is not None:
            found["chain_energy_vs_pruned_int8"] = found_now(
                float(line["ratio"]), unit="×", command=command, kind="modelled"
            )
    return found
