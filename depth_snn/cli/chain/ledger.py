"""Where a run's work went: MACs by layer and category, the first frame apart from the rest."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from depth_snn.cli.chain.loop import Collected
from depth_snn.cli.chain.setup import Setup
from depth_snn.pruning.prices import CATEGORIES, Prices

FRAME = "frame"
"""Layer of what belongs to no part of the network: motion and gates."""
COLUMNS = ("layer", "category", "first_frame", "later_mean", "dense")

Work = dict[tuple[str, str], int]


@dataclass(frozen=True)
class Line:
    """MACs of one category in one layer.

    Attributes:
        layer: ``frame`` (motion, gates), ``stem``, ``embed`` or ``block1`` …; the last block's
            stage runs the decoder and the norm before it.
        category: One of :data:`~depth_snn.pruning.prices.CATEGORIES`.
        first: In the first frame, which computes everything.
        later: In all later frames together.
        frames: How many later frames there were.
        dense: In one frame of the dense network, heads uncut.
    """

    layer: str
    category: str
    first: int
    later: int
    frames: int
    dense: int

    @property
    def mean(self) -> float | None:
        """MACs of a later frame on average; None if there was none."""
        return self.later / self.frames if self.frames else None


def layer_names(prices: Prices) -> list[str]:
    """Names of the stages: the embedding, then the blocks, as in the integer graph."""
    return ["embed", *(f"block{i}" for i in range(1, len(prices.stages)))]


def frame_work(prices: Prices, computed: Iterable[int]) -> Work:
    """MACs of the network in one frame by (layer, category).

    Args:
        prices: Of the network.
        computed: Tokens that run in each stage (S,).
    """
    by_stage = prices.executed_by_stage(np.fromiter(computed, np.int64))
    work = {("stem", category): macs for category, macs in prices.fixed.items()}
    for category, row in by_stage.items():
        for layer, macs in zip(layer_names(prices), row.tolist(), strict=True):
            work[layer, category] = macs
    return work


def make_ledger(setup: Setup, out: Collected) -> list[Line]:
    """Every category of every layer that did any work, in the order in which a frame meets them."""
    frames: list[Work] = []
    for decision, macs in zip(out.decisions, out.macs, strict=True):
        work = frame_work(setup.prices, decision.restored.open.sum(1).tolist())
        frames.append(work | {(FRAME, kind): macs[kind] for kind in ("motion", "gate")})
    whole = setup.dense_prices
    dense = frame_work(whole, [whole.tokens] * len(whole.stages))
    layers = (FRAME, "stem", *layer_names(setup.prices))
    lines = []
    for key in ((layer, category) for layer in layers for category in CATEGORIES):
        counts = [frame.get(key, 0) for frame in frames]
        line = Line(*key, counts[0], sum(counts[1:]), len(counts) - 1, dense.get(key, 0))
        if line.first or line.later or line.dense:
            lines.append(line)
    return lines


def write_ledger(path: Path, lines: list[Line]) -> None:
    """Write the lines and their total as CSV; an existing file is replaced only at the end."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for line in (*lines, total("total", "", lines)):
                mean = "" if line.mean is None else f"{line.mean:.3f}"
                writer.writerow([line.layer, line.category, line.first, mean, line.dense])
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def total(layer: str, category: str, lines: Iterable[Line]) -> Line:
    """One line that adds others up; they are of the same run."""
    rows = list(lines)
    return Line(
        layer, category, sum(r.first for r in rows), sum(r.later for r in rows),
        rows[0].frames if rows else 0, sum(r.dense for r in rows),
    )  # fmt: skip


def ledger_text(lines: list[Line]) -> str:
    """A table for the terminal: by category, by layer, and in all; millions of MACs."""
    by_category = (
        total("", name, (r for r in lines if r.category == name))
        for name in CATEGORIES
        if any(r.category == name for r in lines)
    )
    names = dict.fromkeys(r.layer for r in lines)
    by_layer = (total(name, "", (r for r in lines if r.layer == name)) for name in names)
    head = f"{'million MACs':14}{'first frame':>14}{'later, mean':>14}{'dense':>14}"
    rows = [head]
    for row in chain(by_category, by_layer, [total("in all", "", lines)]):
        mean = "–" if row.mean is None else f"{row.mean / 1e6:.3f}"
        label = row.category or row.layer
        rows.append(f"{label:14}{row.first / 1e6:>14.3f}{mean:>14}{row.dense / 1e6:>14.3f}")
    return "\n".join(rows)
