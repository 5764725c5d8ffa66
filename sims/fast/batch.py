"""Several clips at once: weights shared, states apart, results those of single runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from depth_snn.errors import ConfigError
from depth_snn.machine import usable_cores
from sims.fast.simulator import simulate
from sims.overflow import Overflow
from sims.result import SimResult

Item = TypeVar("Item")
Result = TypeVar("Result")


class Stopped(Exception):
    """Raised within a clip after another one failed."""


def simulate_batch(
    graph: Graph,
    clips: Sequence[Mapping[str, npt.NDArray[np.integer[Any]]]],
    *,
    threads: int | None = None,
    overflow: Overflow = "strict",
    probes: Collection[str] | None = None,
) -> list[SimResult]:
    """Run clips side by side in threads.

    Args:
        graph: A balanced graph of the quantised dialect.
        clips: For each clip, an integer array (T, *shape) for each Input node; T may differ.
        threads: Clips that run at a time; None for as many as there are cores. The results do not
            depend on it.
        overflow: What a value outside its register does.
        probes: The ``"node.port"`` values to keep; None for all.

    Returns:
        A result for each clip, in their order.

    Raises:
        ConfigError: if there are fewer than one thread.
        DepthError: whatever :func:`sims.fast.simulate` raises for a clip.
    """
    stop = threading.Event()

    def watch(_: int) -> None:
        if stop.is_set():
            raise Stopped

    return in_threads(
        lambda clip: simulate(graph, clip, overflow=overflow, probes=probes, on_frame=watch),
        clips,
        threads=threads,
        stop=stop,
    )


def in_threads(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    threads: int | None,
    stop: threading.Event,
) -> list[Result]:
    """``task`` for every item, results in order.

    Args:
        task: What to do; where ``stop`` is set it is to raise :class:`Stopped` soon.
        items: The items.
        threads: How many at a time; None for as many as there are cores.
        stop: Set when one task failed or the keyboard interrupted.

    Raises:
        ConfigError: if there are fewer than one thread.
        BaseException: what the first task raised that failed by itself.
    """
    threads = usable_cores() if threads is None else threads
    if threads < 1:
        raise ConfigError(f"threads {threads}: expected 1 or more")
    with ThreadPoolExecutor(max_workers=threads) as pool:
        futures = [pool.submit(task, item) for item in items]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            if any(not future.done() or future.exception() for future in futures):
                stop.set()
            for future in futures:
                future.cancel()
    for future in futures:
        error = None if future.cancelled() else future.exception()
        if error is not None and not isinstance(error, Stopped):
            raise error
    return [future.result() for future in futures]
