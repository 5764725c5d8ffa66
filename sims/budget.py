"""Judging a run by a budget: every limit with what was observed, and the frame it was worst in.

All comparisons are exact (fractions of integers), so nothing passes or fails by rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fnmatch import fnmatchcase
from fractions import Fraction

from depth_snn.errors import BudgetError, ExitCode
from sims.budget_file import Budget, Limit
from sims.counts import NodeCounts, total_per_frame
from sims.energy import estimate_energy
from sims.energy_total import EnergyReport
from sims.record import RunRecord

_AJ_PER_UJ = 10**12
_MAX_DECIMALS = 40
MEAN = "mean"
"""Note of a result that is a mean over frames rather than one frame's value."""
PRICED_PART = "on the priced part only"
"""In the note of a result whose observed value is a lower bound."""


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


@dataclass(frozen=True)
class _Observation:
    value: Fraction
    layer: str = "network"
    frame: int | None = None
    note: str = ""


def evaluate(record: RunRecord, budget: Budget, energy: EnergyReport | None = None) -> BudgetResult:
    """Judge a run by a budget.

    Args:
        record: The run.
        budget: The limits.
        energy: The run's energy; estimated with the shipped tables when not given.

    Returns:
        Every limit with what was observed.

    Raises:
        BudgetError: A limit is about something this run did not observe.
    """
    priced = energy or estimate_energy(record)
    results: list[LimitResult] = []
    for limit in budget.limits:
        for seen in _observe(limit, record, budget, priced):
            results.append(_judge(limit, seen))
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


def _observe(
    limit: Limit, record: RunRecord, budget: Budget, energy: EnergyReport
) -> list[_Observation]:
    if limit.section == "quality":
        return [_quality(limit, record)]
    if limit.key == "extra_compute_percent_max":
        # The cap holds in every frame, so leaving one out would weaken it.
        return [_worst(_extra_percent(record), range(record.frames))]
    frames = _frames(record, budget, limit)
    if limit.key == "extra_compute_percent_mean_max":
        return [_mean(_extra_percent(record), frames)]
    if limit.section == "layers":
        return _layers(limit, record, frames)
    if limit.key == "macs_ratio_max":
        ratios = [Fraction(int(n), record.dense_macs) for n in record.total_macs]
        return [_mean(ratios, frames)]
    if limit.key == "energy_uj_per_frame_max":
        return [_energy(energy, budget.energy_tier, frames, limit)]
    if not record.counts:
        raise BudgetError(f"{limit.name}: the run has no event counts to judge by")
    total = total_per_frame(record.counts, "synaptic_operations", record.frames)
    return [_worst([Fraction(int(n)) for n in total], frames)]


def _frames(record: RunRecord, budget: Budget, limit: Limit) -> range:
    frames = range(0 if budget.include_first_frame else 1, record.frames)
    if not frames:
        raise BudgetError(
            f"{limit.name}: the run has only the first, dense frame; run more frames "
            "or set include_first_frame = true"
        )
    return frames


def _worst(values: Sequence[Fraction], frames: range, layer: str = "network") -> _Observation:
    frame = max(frames, key=lambda t: values[t])
    return _Observation(values[frame], layer, frame)


def _mean(
    values: Sequence[Fraction], frames: range, layer: str = "network", lowest: bool = False
) -> _Observation:
    mean = sum((values[t] for t in frames), Fraction(0)) / len(frames)
    frame = (min if lowest else max)(frames, key=lambda t: values[t])
    return _Observation(mean, layer, frame, MEAN)


def _extra_percent(record: RunRecord) -> list[Fraction]:
    percent = []
    for frame, (base, extra) in enumerate(
        zip(record.base_macs.tolist(), record.extra_macs.tolist(), strict=True)
    ):
        if base == 0 and extra:
            raise BudgetError(
                f"recovery: frame {frame} restored {extra} MACs beside a pruned stream of 0 MACs, "
                "so its percentage is not defined"
            )
        percent.append(Fraction(100 * extra, base) if base else Fraction(0))
    return percent


def _energy(energy: EnergyReport, tier: str, frames: range, limit: Limit) -> _Observation:
    total = energy.tiers[tier]
    if not total.observed:
        raise BudgetError(
            f"{limit.name}: no energy was observed (unknown: {', '.join(total.unknown)})"
        )
    worst = _worst([Fraction(value, _AJ_PER_UJ) for value in total.lower_aj], frames)
    note = f"tier {tier}, modelled with {energy.table.name}"
    if total.unknown:
        note += f"; {PRICED_PART}, unknown: {', '.join(total.unknown)}"
    return _Observation(worst.value, worst.layer, worst.frame, note)


def _layers(limit: Limit, record: RunRecord, frames: range) -> list[_Observation]:
    nodes = [n for name, n in record.counts.items() if fnmatchcase(name, limit.pattern)]
    if not nodes:
        known = ", ".join(list(record.counts)[:8]) or "none"
        raise BudgetError(f"{limit.name}: no layer matches; the run has {known}")
    if limit.key == "synaptic_operations_per_frame_max":
        return [
            _worst([Fraction(int(n)) for n in node.synaptic_operations], frames, node.node)
            for node in nodes
        ]
    firing = [node for node in nodes if node.neurons]
    if not firing:
        raise BudgetError(f"{limit.name}: no matching layer has neurons, so nothing fires")
    return [_firing(limit, node, frames) for node in firing]


def _firing(limit: Limit, node: NodeCounts, frames: range) -> _Observation:
    rates = [Fraction(int(n), node.neurons) for n in node.events_sent]
    if limit.key == "firing_rate_peak_max":
        return _worst(rates, frames, node.node)
    return _mean(rates, frames, node.node, lowest=limit.key == "firing_rate_min")


def _quality(limit: Limit, record: RunRecord) -> _Observation:
    needed = ("miou_integer",) if limit.key == "miou_min" else ("miou_dense", "miou_integer")
    missing = [name for name in needed if name not in record.quality]
    if missing:
        raise BudgetError(
            f"{limit.name}: {' and '.join(missing)} was not observed; "
            "it needs an input with labels, such as scene:street"
        )
    values = [Fraction(Decimal(repr(record.quality[name]))) for name in needed]
    if limit.key == "miou_min":
        return _Observation(values[0])
    return _Observation(100 * (values[0] - values[1]), note="dense minus integer network")


def _judge(limit: Limit, seen: _Observation) -> LimitResult:
    sign = 1 if limit.comparison == "<=" else -1
    headroom = sign * (limit.value - seen.value)
    return LimitResult(
        name=limit.name,
        layer=seen.layer,
        observed=float(seen.value),
        limit=float(limit.value),
        unit=limit.unit,
        headroom=float(headroom),
        worst_frame=seen.frame,
        passed=headroom >= 0,
        comparison=limit.comparison,
        observed_text=distinct_text(seen.value, limit.value),
        limit_text=distinct_text(limit.value, limit.value),
        headroom_text=("+" if headroom >= 0 else "−") + distinct_text(abs(headroom), Fraction(0)),
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
