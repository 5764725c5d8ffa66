"""Conventional networks on digital processors: MACs, memory reads and static power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sims.cost_table import CostTable
from sims.energy_total import Baseline, Contribution
from sims.pricing import priced, static_contribution, tiers_of
from sims.record import RunRecord

READ_EVENT = "sram_read_32kb"
WORD_BYTES = 8
"""What one access brings, as the source's figure is usually read."""
VALUE_BYTES = {"int8": 1, "fp32": 4}


@dataclass(frozen=True, eq=False)
class Reads:
    """Memory reads of a network per frame, from a 32 KB SRAM, between two dataflows.

    Args:
        fewest: Values read where each weight and each activation is read once a frame and stays
            with the multipliers, int64 (T,).
        most: Reads where both operands of each MAC are fetched alone, int64 (T,).
    """

    fewest: NDArray[np.int64]
    most: NDArray[np.int64]


def baselines_of(
    record: RunRecord, table: CostTable, time_us: float | None
) -> tuple[Baseline, ...]:
    """The dense and the pruned network, in fp32 and in int8, on a digital processor.

    The int8 one has the weights and widths of the integer graph: it is the equally quantised
    conventional network.

    Args:
        record: The run.
        table: Prices of the processor.
        time_us: Time of a frame in microseconds; None when unknown.
    """
    dense = np.full(record.frames, record.dense_macs, dtype=np.int64)
    found = []
    for network, macs in (("dense", dense), ("pruned", record.total_macs)):
        reads = _reads(record, macs, whole=network == "dense")
        for arithmetic in ("fp32", "int8"):
            found.append(
                price_macs(network, arithmetic, macs, table, frame_time_us=time_us, reads=reads)
            )
    return tuple(found)


def _reads(record: RunRecord, macs: NDArray[np.int64], whole: bool) -> Reads | None:
    """Reads from the sizes of weights and layers; None where a run of the first format lacks them.

    Of the pruned network only the weights are certain to be read, and never more often than used.
    """
    nodes = record.counts.values()
    placed = [n for n in nodes if n.runs_on == "neurocore"]
    if not placed or any(n.weight_bytes is None for n in placed):
        return None
    weights = sum(n.weight_bytes or 0 for n in nodes)
    activations = sum(n.neurons for n in nodes) if whole else 0
    return Reads(np.minimum(weights + activations, 2 * macs), 2 * macs)


def price_macs(
    network: str,
    arithmetic: str,
    macs: NDArray[np.int64],
    table: CostTable,
    *,
    frame_time_us: float | None = None,
    uncounted: Sequence[str] = (),
    reads: Reads | None = None,
) -> Baseline:
    """Price the MACs of a network on a digital processor, in three tiers.

    Args:
        network: What to call it, for example "dense".
        arithmetic: "fp32" or "int8".
        macs: Executed MACs per frame, int64 (T,).
        table: Prices of the processor, in pJ per MAC.
        frame_time_us: Time of a frame in microseconds, for static power; None when unknown.
        uncounted: Events that happened in the operations tier and that nobody counted; each makes
            the totals lower bounds that name it.
        reads: Memory reads; None where they are not known.

    Returns:
        Totals by tier, T values each.
    """
    items = (
        priced(f"mac_{arithmetic}", network, "operations", macs, table),
        *(Contribution(event, network, "operations", None, None) for event in uncounted),
        _memory(network, VALUE_BYTES[arithmetic], macs, table, reads),
        static_contribution(table, len(macs), frame_time_us),
    )
    return Baseline(network, arithmetic, tiers_of(items, len(macs)), items)


def _memory(
    network: str, value_bytes: int, macs: NDArray[np.int64], table: CostTable, reads: Reads | None
) -> Contribution:
    traffic, read = table.price("memory_traffic"), table.price(READ_EVENT)
    if (traffic is not None and traffic.within) or reads is None or read is None:
        return priced("memory_traffic", network, "memory", macs, table)
    price = read.value_aj
    if price is None:
        return Contribution("memory_traffic", network, "memory", None, None)
    # The low end is the value: the reading that flatters the baseline, not the spiking network.
    fewest = tuple(-(-int(n) * value_bytes // WORD_BYTES) for n in reads.fewest)
    ends = (tuple(n * price for n in fewest), tuple(int(n) * price for n in reads.most))
    return Contribution("memory_traffic", network, "memory", fewest, price, False, ends)
