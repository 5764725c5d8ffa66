"""What a board's loggers say of power, time, memory and activity, as plain numbers.

The names are those that Lava's public tutorials read (docs/hardware.md). A logger that lacks one is
no failure: what is absent is listed, so that whoever reads the answer knows what was looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from loihi import shim

POWER, TIME, MEMORY, ACTIVITY = "power_w", "time_us", "memory", "activity"

FIELDS: dict[str, tuple[str, ...]] = {
    POWER: (
        "total_power", "vdd_power", "vddm_power", "vddio_power", "static_total_power",
        "static_vdd_power", "static_vddm_power", "static_vddio_power",
    ),
    TIME: (
        "avg_time_per_step", "execution_time_per_step", "spiking_time_per_step",
        "management_time_per_step", "host_time_per_step", "learning_time_per_step",
    ),
    MEMORY: ("chip_idx", "core_idx", "small_mpds", "large_mpds", "total_mpds"),
    ACTIVITY: (
        "chip_idx", "core_idx", "spikes_in", "spike_axon_in", "syn_ops", "dendrite_updates",
        "axon_out",
    ),
}  # fmt: skip
"""Attributes of each logger: power in W, times in µs, memory as shares, activity in counts."""

MAX_LISTED = 4096
"""Most numbers kept one by one; of more, count, mean, least and greatest are kept."""


def make_callbacks(steps: int) -> dict[str, Any]:
    """The four loggers that are handed to ``Loihi2HwCfg``.

    Args:
        steps: Number of steps of the run.
    """
    return {
        POWER: shim.Loihi2Power(num_steps=steps),
        TIME: shim.Loihi2ExecutionTime(),
        MEMORY: shim.Loihi2Memory(),
        ACTIVITY: shim.Loihi2Activity(),
    }


def read_callbacks(callbacks: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers by logger and attribute, and under ``absent`` what a logger does not have."""
    found: dict[str, Any] = {"kind": "measured"}
    absent: list[str] = []
    for name, callback in callbacks.items():
        values = {}
        for field in FIELDS[name]:
            try:
                values[field] = plain(getattr(callback, field))
            except (
                Exception
            ) as error:  # a logger is foreign code; its failure is part of the answer
                absent.append(f"{name}.{field}: {type(error).__name__}")
        found[name] = values
    return found | {"absent": absent}


def plain(value: Any) -> Any:
    """A number or array as JSON holds it.

    Raises:
        TypeError: It is neither, or holds what is no finite number.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "iufb" or not np.isfinite(array).all():
        raise TypeError(f"expected finite numbers, got {array.dtype}")
    if array.size <= MAX_LISTED:
        return array.tolist()
    return {
        "count": int(array.size),
        "mean": float(array.mean()),
        "min": float(array.min()),
        "max": float(array.max()),
    }
