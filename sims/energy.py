"""Energy of a run, from counted events and quoted prices, in three tiers.

The tiers are cumulative and always given together: operations only; plus memory, state and
transport; plus static power over the time of a frame. A price that nobody published makes the
total a lower bound that names what is missing. Everything here is modelled, nothing measured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from depth_snn.errors import ConfigError
from sims.baselines import baselines_of
from sims.cost_table import CostTable, load_table
from sims.energy_total import Contribution, EnergyReport
from sims.pricing import core_contributions, node_contributions, static_contribution, tiers_of
from sims.record import RunRecord

if TYPE_CHECKING:
    from sims.core_counts import CoreCounts

DEFAULT_TABLE = "loihi1"
DEFAULT_BASELINE_TABLE = "horowitz45"


def estimate_energy(
    record: RunRecord,
    table: CostTable | None = None,
    baseline_table: CostTable | None = None,
    frame_time_us: float | None = None,
    cores: CoreCounts | None = None,
) -> EnergyReport:
    """Price every counted event of a run.

    Args:
        record: The run.
        table: Prices of the spiking network; default Loihi 1.
        baseline_table: Prices of the baselines; default 45 nm.
        frame_time_us: Time one frame occupies the chip in microseconds; default the frame
            period of the input, which assumes that the chip keeps up with it.
        cores: Counts of the same run by core; without them hops are unknown.

    Returns:
        Totals in three tiers, contributions by event and node, and baselines.

    Raises:
        ConfigError: The frame time is not above 0, or the counts by core are of another run.
    """
    prices = table or load_table(DEFAULT_TABLE)
    base_prices = baseline_table or load_table(DEFAULT_BASELINE_TABLE)
    time_us = frame_time_us if frame_time_us is not None else _period_us(record)
    if time_us is not None and not (np.isfinite(time_us) and time_us > 0):
        raise ConfigError(f"frame time is {time_us!r} us, expected a number above 0")
    contributions: list[Contribution] = []
    for node in record.counts.values():
        contributions.extend(node_contributions(node, prices, cores is not None))
    if cores is not None:
        _check_same_run(record, cores)
        contributions.extend(core_contributions(cores, prices))
    if not contributions:
        contributions.append(Contribution("all", "", "operations", None, None))
    contributions.append(static_contribution(prices, record.frames, time_us, cores))
    return EnergyReport(
        table=prices,
        baseline_table=base_prices,
        contributions=tuple(contributions),
        tiers=tiers_of(contributions, record.frames),
        baselines=baselines_of(record, base_prices, time_us),
        frame_time_us=time_us,
    )


def _period_us(record: RunRecord) -> float | None:
    return None if record.fps is None else 1e6 / record.fps


def _check_same_run(record: RunRecord, cores: CoreCounts) -> None:
    """Refuse counts by core that do not add up to the record's."""
    placed = [n for n in record.counts.values() if n.runs_on == "neurocore"]
    for field in ("messages", "spikes", "synaptic_operations"):
        ours = sum((getattr(n, field) for n in placed), np.zeros(record.frames, np.int64))
        if not np.array_equal(ours, cores.per_frame(field)):
            raise ConfigError(f"counts by core are of another run: their {field} differ")
