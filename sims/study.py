"""A deployment study: variants of a clip in both mappings on several chips, beside a processor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conversion.graph import Graph
from sims.cost_table import TIERS, load_table
from sims.deployment import ChipModel, DeploymentCase, model_bound, model_placed
from sims.energy import estimate_energy
from sims.energy_text import total_json
from sims.energy_total import Baseline
from sims.placed_run import MAPPINGS, VARIANTS, PlacedRun
from sims.record import RunRecord

FORMAT = 1
BASELINE_TABLE = "xavier"
USUAL_FPS = 30.0
"""Frames per second of a camera, for clips that name none."""
EVEN = " (not placed: even load, fewest cores)"
"""What stands behind the name of a chip on which nothing was placed."""
NOT_PLACED = (
    "work spread evenly over the fewest cores that sizes allow; whether the chip can hold the "
    "network is not asked, and Loihi 1 for one sends binary spikes only"
)


@dataclass(frozen=True)
class Study:
    """What a study found.

    Args:
        source, network: The clip and the network.
        frames: Frames counted.
        cases: By variant, mapping and chip.
        baselines: Dense and pruned network in int8 on a processor.
        refused: Why a mapping could not be placed, by mapping.
    """

    source: str
    network: str
    frames: int
    cases: tuple[DeploymentCase, ...]
    baselines: tuple[Baseline, ...]
    refused: Mapping[str, str]

    def case(self, variant: str, mapping: str) -> DeploymentCase | None:
        """The placed case of a variant and mapping; None where there is none."""
        found = [c for c in self.cases if (c.variant, c.mapping) == (variant, mapping) and c.placed]
        return found[0] if found else None


def make_study(
    record: RunRecord,
    graph: Graph,
    runs: Sequence[PlacedRun],
    chip: ChipModel,
    others: Sequence[ChipModel] = (),
    refused: Mapping[str, str] | None = None,
) -> Study:
    """Model every counted run on the chip it is placed on, and on others without a placement.

    Args:
        record: The run that the clip comes from.
        graph: Its network.
        runs: The clip, counted on placements.
        chip: The chip of those placements.
        others: Further chips, taken at the fewest cores the network could have there.
        refused: Why a mapping could not be placed, by mapping.

    Returns:
        The study.
    """
    period_us = 1e6 / (record.fps or USUAL_FPS)
    cases = [model_placed(run, graph, chip, period_us) for run in runs]
    by_variant = {run.variant: run.counts for run in reversed(runs)}
    for model in others:
        for variant, counts in by_variant.items():
            bound = model_bound(variant, counts, graph, model, period_us)
            cases += [] if bound is None else [bound]
    energy = estimate_energy(record, baseline_table=load_table(BASELINE_TABLE))
    int8 = tuple(base for base in energy.baselines if base.arithmetic == "int8")
    ranked = sorted(cases, key=_rank)
    frames = runs[0].cores.frames if runs else record.frames
    return Study(record.source, record.network, frames, tuple(ranked), int8, dict(refused or {}))


def _rank(case: DeploymentCase) -> tuple[bool, str, int, int]:
    order = list(VARIANTS).index(case.variant), list(MAPPINGS).index(case.mapping)
    return not case.placed, case.chip, order[1], order[0]


HEAD = ("variant", "mapping", "chip", "cores", "chips", "frames/s", "latency", "waits for",
        "energy a frame", "with static power")  # fmt: skip


def case_cells(case: DeploymentCase) -> tuple[str, ...]:
    """One case as cells under :data:`HEAD`."""
    above = "" if case.placed else "≥ "
    operations, static = (_short(case, tier) for tier in ("operations", "static"))
    return (
        case.variant, case.mapping, case.chip + ("" if case.placed else EVEN),
        f"{above}{case.cores}", "unknown" if case.chips is None else str(case.chips),
        f"≤ {figures(case.frames_per_s)}", f"≥ {figures(case.latency_ms)} ms", case.waits,
        operations, static,
    )  # fmt: skip


def _short(case: DeploymentCase, tier: str) -> str:
    return case.tiers[tier].text(case.steady).partition(" (unknown")[0].partition(" [")[0]


def figures(value: float) -> str:
    """A number with three significant digits, large ones whole."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def study_text(study: Study) -> str:
    """The study as a table, what is not in it, and the processor."""
    lines = [
        f"{study.frames} frames of {study.source}, network {study.network}; all modelled, "
        "means without the first frame", "",
    ]  # fmt: skip
    lines += columns([HEAD, *(case_cells(case) for case in study.cases)])
    lines += [f"not placed, {mapping}: {why}" for mapping, why in study.refused.items()]
    lines += ["", *(f"{what}: {text}" for what, text in notes(study))]
    return "\n".join(lines)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def notes(study: Study) -> list[tuple[str, str]]:
    """What was left out, and the baselines, as pairs of a heading and a text."""
    found = [(f"variant {v}", text) for v, text in VARIANTS.items()]
    found += [(f"mapping {m}", text) for m, text in MAPPINGS.items()]
    unplaced = sorted({case.chip for case in study.cases if not case.placed})
    found += [(f"{chip}{EVEN}", NOT_PLACED) for chip in unplaced]
    missing: dict[str, set[str]] = {}
    for case in study.cases:
        missing.setdefault(f"time not in it, {case.chip}", set()).update(case.times.unknown)
        energy = missing.setdefault(f"energy not in it, {case.chip}", set())
        energy.update(case.tiers["static"].unknown)
    found += [(what, ", ".join(sorted(names)) or "nothing") for what, names in missing.items()]
    for base in study.baselines:
        total = base.tiers["operations"]
        found.append((f"{base.name} on {BASELINE_TABLE}", total.text(STEADY)))
    return found


STEADY = slice(1, None)


def study_json(study: Study) -> dict[str, Any]:
    """The same as plain data, with a format version."""
    return {
        "format": FORMAT,
        "kind": "modelled",
        "source": study.source,
        "network": study.network,
        "frames": study.frames,
        "refused": dict(study.refused),
        "cases": [_case_json(case) for case in study.cases],
        "baselines": {
            base.name: {tier: total_json(base.tiers[tier], STEADY) for tier in TIERS}
            for base in study.baselines
        },
    }


def _case_json(case: DeploymentCase) -> dict[str, Any]:
    return {
        "variant": case.variant,
        "mapping": case.mapping,
        "chip": case.chip,
        "placed": case.placed,
        "cores": case.cores,
        "chips": case.chips,
        "frames_per_s_max": case.frames_per_s,
        "latency_ms_min": case.latency_ms,
        "frame_ns_min": float(case.frame_ns),
        "waits_for": case.waits,
        "wait_share": case.wait_share,
        "time_unknown": list(case.times.unknown),
        "frame_time_us": case.frame_time_us,
        "energy": {tier: total_json(case.tiers[tier], case.steady) for tier in TIERS},
    }
