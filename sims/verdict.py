"""The verdict of a run as plain data, and its JSON file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depth_snn.errors import ExitCode, InputError
from sims.budget import BudgetResult
from sims.comparison import compare_with_baselines
from sims.cost_table import TIERS
from sims.counted_run import CountedRun
from sims.energy_total import EnergyReport, EnergyTotal
from sims.record import RunRecord

FORMAT_VERSION = 2
"""docs/budgets.md tells what each version added."""
MAX_VERDICT_BYTES = 16 << 20
KINDS = {
    "macs": "measured",
    "extra_compute": "measured",
    "layers": "measured",
    "quality": "measured",
    "timing_ms": "measured",
    "witnesses": "measured",
    "energy": "modelled",
    "prices": "quoted",
}
_KEYS = (
    "format",
    "source",
    "network",
    "engine",
    "frames",
    "valid",
    "broken_witnesses",
    "passed",
    "exit_code",
    "budgets",
    "limits",
    "energy",
    "macs",
    "extra_compute",
    "layers",
    "quality",
    "timing_ms",
    "timing_ratios",
    "witnesses",
    "events",
    "kinds",
)


def broken_witnesses(witnesses: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Names of the comparisons that found a difference."""
    return tuple(
        name
        for name, found in witnesses.items()
        if found.get("mismatches") or found.get("count_mismatches")
    )


def build_verdict(
    record: RunRecord,
    energy: EnergyReport,
    budgets: Sequence[BudgetResult] = (),
    *,
    broken: Sequence[str] = (),
) -> dict[str, Any]:
    """Sum a run up as JSON-able data.

    Args:
        record: The run.
        energy: Its modelled energy.
        budgets: Its judged budgets; none when it was judged by none.
        broken: Names of the witnesses that disagree. With any, no figure of the run can be
            trusted: it is neither valid nor passed, whatever the budgets say.

    Returns:
        A mapping with "format": 2; means leave out the first frame, which stands apart.
    """
    return {
        **build_judgement(record, budgets, broken),
        "engine": record.engine,
        "policy": record.policy,
        "fps": record.fps,
        "energy": _energy(record, energy),
        "macs": _macs(record),
        "extra_compute": _extra(record),
        "layers": _layers(record),
        "quality": record.quality,
        "timing_ms": record.timing_ms,
        "timing_ratios": timing_ratios(record.timing_ms),
        "witnesses": record.witnesses,
        "events": list(record.events),
        "kinds": dict(KINDS),
    }


def build_judgement(
    record: RunRecord | CountedRun, budgets: Sequence[BudgetResult], broken: Sequence[str] = ()
) -> dict[str, Any]:
    """Only what the budgets say of a run, as JSON-able data.

    Args:
        record: The run.
        budgets: Its judged budgets.
        broken: Names of the witnesses that disagree.

    Returns:
        A mapping with "format": 2, a part of what build_verdict gives.
    """
    outcome = max((budget.exit_code for budget in budgets), default=int(ExitCode.OK))
    passed = all(budget.passed for budget in budgets) if budgets else None
    return {
        "format": FORMAT_VERSION,
        "source": record.source,
        "network": record.network,
        "frames": record.frames,
        "valid": not broken,
        "broken_witnesses": list(broken),
        "passed": False if broken else passed,
        "exit_code": int(ExitCode.ERROR if broken else outcome),
        "budgets": [_budget(budget) for budget in budgets],
        "limits": [
            {"budget": judged.source, **vars(limit)}
            for judged in budgets
            for limit in judged.limits
        ],
    }


def not_judged(source: str, error: str) -> dict[str, Any]:
    """What stands in the JSON file of a run that could not be judged, and why."""
    return {
        "format": FORMAT_VERSION, "source": source, "passed": None, "exit_code": 1, "error": error,
    }  # fmt: skip


def timing_ratios(timing_ms: Mapping[str, float]) -> dict[str, float]:
    """Dense time divided by the pruned end-to-end time, for every dense timing there is.

    Args:
        timing_ms: Median times in milliseconds.

    Returns:
        For example {"dense_sdpa_over_pruned": 1.4}; above 1 the pruned network is faster.
    """
    pruned = timing_ms.get("pruned_end_to_end", 0.0)
    if not pruned > 0:
        return {}
    return {
        f"{name}_over_pruned": value / pruned
        for name, value in timing_ms.items()
        if name.startswith("dense_")
    }


def write_verdict(path: Path | str, verdict: Mapping[str, Any]) -> Path:
    """Write a verdict as JSON, through a temporary name in the same folder.

    Args:
        path: Target file, replaced if it exists.
        verdict: What build_verdict returned.

    Returns:
        The path written.

    Raises:
        InputError: The folder cannot be written.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.tmp")
    text = json.dumps(verdict, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise InputError(f"{target}: cannot be written ({error.strerror})") from error
    return target


def load_verdict(path: Path | str) -> dict[str, Any]:
    """Read a verdict and check its format.

    Args:
        path: The JSON file.

    Returns:
        The verdict.

    Raises:
        InputError: The file is missing, damaged, or of another format.
    """
    source = Path(path)
    try:
        if source.stat().st_size > MAX_VERDICT_BYTES:
            raise InputError(f"{source}: above {MAX_VERDICT_BYTES} bytes, not a verdict")
        verdict = json.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: not valid JSON ({error})") from error
    if not isinstance(verdict, dict) or verdict.get("format") != FORMAT_VERSION:
        raise InputError(f"{source}: not a verdict of format {FORMAT_VERSION}")
    missing = [key for key in _KEYS if key not in verdict]
    if missing:
        raise InputError(f"{source}: the verdict lacks {', '.join(missing)}")
    return verdict


def _budget(budget: BudgetResult) -> dict[str, Any]:
    return {
        "source": budget.source,
        "title": budget.title,
        "passed": budget.passed,
        "note": budget.note,
    }


def _total(total: EnergyTotal, steady: slice) -> dict[str, Any]:
    return {
        "value_uj_per_frame": total.mean_pj(steady) / 1e6 if total.observed else None,
        "first_frame_uj": total.mean_pj(slice(0, 1)) / 1e6 if total.observed else None,
        "bound": total.bound,
        "unknown": list(total.unknown),
        "text": total.text(steady),
    }


def _energy(record: RunRecord, energy: EnergyReport) -> dict[str, Any]:
    steady = record.steady
    return {
        "table": energy.table.name,
        "baseline_table": energy.baseline_table.name,
        "frame_time_us": energy.frame_time_us,
        "tiers": {tier: _total(energy.tiers[tier], steady) for tier in TIERS},
        "by_event": {name: _total(total, steady) for name, total in energy.by_event().items()},
        "baselines": {
            base.name: {tier: _total(base.tiers[tier], steady) for tier in TIERS}
            for base in energy.baselines
        },
        "comparisons": [dict(vars(item)) for item in compare_with_baselines(energy, steady)],
    }


def _macs(record: RunRecord) -> dict[str, Any]:
    total = record.total_macs
    steady = total[record.steady]
    return {
        "dense_per_frame": record.dense_macs,
        "pruned_mean": float(steady.mean()),
        "ratio_mean": float(steady.mean()) / record.dense_macs,
        "first_frame": int(total[0]),
        "by_category_mean": {
            name: float(values[record.steady].mean()) for name, values in record.macs.items()
        },
    }


def _extra(record: RunRecord) -> dict[str, Any]:
    percent = record.extra_percent
    worst = int(np.argmax(percent))
    return {
        "mean_percent": _finite(percent[record.steady].mean()),
        "worst_percent": _finite(percent[worst]),
        "worst_frame": worst,
        "restored_regions": int(record.admitted.sum()),
        "spikes": int(record.spikes.sum()),
    }


def _layers(record: RunRecord) -> dict[str, Any]:
    """Counts of every node per frame, means without the first; its firing rate where it has one."""
    layers = {}
    for name, node in record.counts.items():
        facts = ("kind", "runs_on", "neurons", "state_bytes", "weight_bytes")
        row: dict[str, Any] = {fact: getattr(node, fact) for fact in facts}
        for field in node.counted:
            row[field] = float(getattr(node, field)[record.steady].mean())
        rate: NDArray[np.float64] | None = node.firing_rate()
        if rate is not None:
            steady = rate[record.steady]
            row |= {"firing_rate": float(steady.mean()), "firing_rate_peak": float(steady.max())}
        layers[name] = row
    return layers


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
