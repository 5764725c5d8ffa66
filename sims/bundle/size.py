"""How much the values take that a bundle expects, before they are computed."""

from __future__ import annotations

from collections.abc import Collection
from math import prod

from conversion.graph import Graph
from depth_snn.errors import ConfigError

MAX_EXPECTED_BYTES = 2**31
"""Of expected values in memory; the file they are kept in is smaller."""


def check_size(graph: Graph, frames: int, ports: Collection[str]) -> None:
    """Refuse a run whose values would not fit.

    Args:
        graph: The graph.
        frames: Number of frames fed.
        ports: ``"node.port"`` whose values are kept at every step.

    Raises:
        ConfigError: They take more than :data:`MAX_EXPECTED_BYTES`.
    """
    steps = frames + max(graph.lags.values())
    shown = sum(
        prod(graph.by_name[name].output_shape(port))
        for name, _, port in (key.rpartition(".") for key in ports)
    )
    if 8 * steps * shown > MAX_EXPECTED_BYTES:
        raise ConfigError(
            f"the values of {len(ports)} ports over {steps} steps take "
            f"{8 * steps * shown / 2**30:.1f} GiB, more than {MAX_EXPECTED_BYTES / 2**30:.0f}; "
            "give fewer --frames, or leave out --all-ports"
        )
