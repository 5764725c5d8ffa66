"""Table and figures of the modelled energy of a run of the protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from depth_snn.cli.depth.energy import ARITHMETIC, baseline_prices
from depth_snn.cli.depth.protocol import DENSE, IRREVERSIBLE, PROPOSAL, RECOVERY, Results
from depth_snn.cli.depth.score import Interval, SeedScores, interval
from depth_snn.cli.depth.table import Value, as_value, print_table
from sims.cost_table import TIERS
from sims.energy_total import TIER_TITLES, EnergyTotal, format_pj

MODELLED = "modelled"
"""Kind of every figure here."""
PJ_PER_UJ = 1e6
Scores = Mapping[str, Sequence[SeedScores]]
COLUMNS = (
    "% of dense",
    "normal µJ",
    "normal saved %",
    "burst µJ",
    "burst saved %",
    "burst extra %",
)
_PREFIXES = {"static": "static", "ego": "ego", "bursts": "depth"}
_METHODS = {RECOVERY: "", IRREVERSIBLE: "_irreversible", PROPOSAL: "_proposal"}


def of_dense(scores: Scores, method: str) -> Interval:
    """Energy of every frame ÷ the dense network's, operations tier, over seeds."""
    pairs = zip(scores[method], scores[DENSE], strict=True)
    return interval([ours.energy.all_pj / dense.energy.all_pj for ours, dense in pairs])


def saved(scores: Scores, method: str, part: str) -> Interval:
    """Share of the dense network's energy saved in a part of the frames, over seeds.

    Args:
        scores: Of one group.
        method: Whose.
        part: ``"normal"`` or ``"burst"``.
    """
    name = f"{part}_pj"
    pairs = zip(scores[method], scores[DENSE], strict=True)
    return interval([1 - getattr(ours.energy, name) / getattr(dense.energy, name)
                     for ours, dense in pairs])  # fmt: skip


def burst_extra(scores: Scores, method: str) -> Interval:
    """Energy in bursts above the stream's own in normal frames, as a share of it, over seeds."""
    return interval([s.energy.burst_extra for s in scores[method]])


def print_energy(results: Results) -> None:
    """One table a group, then what the numbers are and what they leave out."""
    for group, scores in results.groups.items():
        tiers = [f"{tier} tier" for tier in TIERS]
        print_table([f"energy, {group}", *tiers, *COLUMNS], energy_rows(scores))
    print()
    for line in notes(results):
        print(line)


def energy_rows(scores: Scores) -> list[list[str]]:
    """One row a method: pJ a frame by tier, share of dense, then normal frames and bursts."""
    rows = []
    for method, seeds in scores.items():
        row = [method, *(_tier_text([s.energy.every.tiers[t] for s in seeds]) for t in TIERS)]
        row.append(_percent(of_dense(scores, method)))
        for part in ("normal", "burst"):
            uj = [getattr(s.energy, f"{part}_pj") / PJ_PER_UJ for s in seeds]
            row += [_text(interval(uj)), _percent(saved(scores, method, part))]
        rows.append([*row, _percent(burst_extra(scores, method))])
    return rows


def notes(results: Results) -> Iterator[str]:
    """What was priced, by what, and what each tier does not know."""
    table = baseline_prices()
    price = table.price(f"mac_{ARITHMETIC}")
    assert price is not None  # the shipped table has the row
    each = f"{price.value} {price.unit} ({ARITHMETIC}; {table.title}; {price.source})"
    yield f"energy is modelled: executed MACs × {each}"
    totals = [s.energy.every.tiers for g in results.groups.values() for m in g.values() for s in m]
    for tier in TIERS:
        unknown = dict.fromkeys(label for t in totals for label in t[tier].unknown)
        yield f"{tier} ({TIER_TITLES[tier]}), unknown: {', '.join(unknown) or 'nothing'}"
    yield "every MAC has one price, so ratios are those of the MACs in the same frames"
    yield "burst extra: energy a frame in burst windows above the stream's own in normal frames"
    yield "no synaptic event is counted in this protocol; `depth-snn run` models spiking hardware"


def energy_figures(results: Results) -> dict[str, Value]:
    """Value, unit and spread by figure name, all modelled; none where no clip has a whole burst."""
    dense = results.groups["bursts"][DENSE][0].energy.all_pj / PJ_PER_UJ  # the same on every street
    out = {"depth_energy_dense_uj": Interval(dense, float("nan"))}
    units = {"depth_energy_dense_uj": "µJ"}
    for group, prefix in _PREFIXES.items():
        scores = results.groups[group]
        for method, suffix in _METHODS.items():
            if suffix and prefix != "depth":
                continue  # other methods are compared on the clips of `bursts` alone
            for part in ("normal", "burst"):
                name = f"{prefix}_energy_{part}_saving{suffix}"
                out[name] = _times_100(saved(scores, method, part))
            name = f"{prefix}_energy_burst_extra{suffix}"
            out[name] = _times_100(burst_extra(scores, method))
    return {
        name: as_value(found, units.get(name, "%"))
        for name, found in out.items()
        if found.mean == found.mean  # NaN: nothing was measured
    }


def _tier_text(totals: Sequence[EnergyTotal]) -> str:
    """Mean over seeds of one tier, with ≥ where something has no price."""
    if not all(total.observed for total in totals):
        return "unknown"
    mean = format_pj(sum(total.mean_pj() for total in totals) / len(totals))
    return f"≥ {mean}" if any(total.unknown for total in totals) else mean


def _times_100(found: Interval) -> Interval:
    return Interval(100 * found.mean, 100 * found.half)


def _percent(found: Interval) -> str:
    return _text(_times_100(found))


def _text(found: Interval) -> str:
    return found.text(2) if found.mean == found.mean else "–"
