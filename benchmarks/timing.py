"""Contenders timed in turns, so that a noisy machine is equally noisy for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from depth_snn.errors import DepthError

PAUSE_S = 0.3
"""Before each run: threads of the contender before may still spin, waiting for more work."""


LEAST_S = 0.2
"""How long ours runs for one round: peers take that long for what ours does in milliseconds, of
which the first would be spent on fetching what the peer before pushed out of the cache."""


def again_and_again(run: Callable[[], object]) -> Callable[[], float]:
    """Mean seconds of a run that is repeated until :data:`LEAST_S` have passed."""

    def timed() -> float:
        begin, runs = time.perf_counter(), 0
        while time.perf_counter() - begin < LEAST_S:
            run()
            runs += 1
        return (time.perf_counter() - begin) / runs

    return timed


@dataclass(frozen=True)
class Times:
    """Seconds of one contender, a run each, in the order of the rounds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median run."""
        return float(np.median(self.seconds))

    @property
    def spread(self) -> float | None:
        """Half the range from the 10th to the 90th percentile; None of a single run."""
        return half_range(self.seconds)

    @property
    def share(self) -> float | None:
        """The spread as a share of the median."""
        return None if self.spread is None else self.spread / self.median

    def spread_of(self, value: float) -> float | None:
        """The spread of a value that is the median times or divided by something."""
        return None if self.share is None else value * self.share


def percent(share: float | None) -> str:
    """A share for a table; a dash where one round tells none."""
    return "–" if share is None else f"{share:.0%}"


def half_range(values: Sequence[float]) -> float | None:
    """Half the range from the 10th to the 90th percentile; None of a single value."""
    if len(values) < 2:
        return None
    low, high = np.quantile(values, (0.1, 0.9))
    return float(high - low) / 2


def interleave(contenders: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Times]:
    """Run all contenders in turns; each has been warmed up before, by the check of its values.

    Args:
        contenders: What gives the seconds of one run, by name.
        rounds: Runs of each that count.

    Returns:
        Times of those that finished; the others are reported in one line and left out.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name in list(seconds):
            time.sleep(PAUSE_S)
            try:
                took = contenders[name]()
            except DepthError as error:
                report_absent(name, error)
                del seconds[name]
            else:
                seconds[name].append(took)
    return {name: Times(tuple(runs)) for name, runs in seconds.items()}


def report_absent(name: str, error: BaseException) -> None:
    """One line about a peer that does not take part."""
    print(f"  {name}: does not take part: {' '.join(str(error).split())}", flush=True)


def ratio(slow: Times, fast: Times) -> tuple[float, float | None]:
    """How many times longer ``slow`` takes, and the spread of that over the rounds.

    The median of the rounds' ratios: the two runs of a round meet the same noise. One round has no
    spread.
    """
    paired = [a / b for a, b in zip(slow.seconds, fast.seconds, strict=True)]
    return float(np.median(paired)), half_range(paired)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text in columns, the first to the left and the others to the right."""
    every = [list(head), *map(list, rows)]
    widths = [max(len(row[i]) for row in every) for i in range(len(head))]
    lines = []
    for row in every:
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        cells[0] = row[0].ljust(widths[0])
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)
