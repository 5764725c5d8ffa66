"""What can be refused before the first frame runs, so that no minutes are lost on it."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from itertools import islice

from depth_snn.cli.chain.engines import OFFLINE_FRAMES
from depth_snn.cli.chain.record import HOST
from depth_snn.data.frames import FrameSource
from depth_snn.errors import BudgetError, ConfigError
from sims.budget_file import Budget
from sims.cost_table import load_table
from sims.counts import NodeCounts
from sims.frame_window import BURSTS
from sims.timing_table import load_timing


def check_budget(budget: Budget, nodes: Mapping[str, NodeCounts], spec: str) -> None:
    """Refuse limits about what this run will not observe.

    Args:
        budget: The limits.
        nodes: Counts of the graph's nodes, of no frame yet.
        spec: The input, as the user named it; only built-in scenes have labels.

    Raises:
        BudgetError: naming the first such limit.
        ConfigError: A table that the budget names cannot be read.
    """
    load_timing(budget.model.timing)  # a wrong table must not be found after the run
    if budget.model.costs:
        load_table(budget.model.costs)
    for limit in budget.limits:
        if limit.section == "quality" and not spec.startswith("scene:"):
            raise BudgetError(
                f"{limit.name}: {spec} has no labels to judge by; "
                "use an input such as scene:street, or a budget without [quality]"
            )
        if limit.window == BURSTS and not spec.startswith("scene:"):
            raise BudgetError(
                f"{limit.name}: {spec} tells of no sudden events; use a range of frames, "
                "or an input such as scene:street"
            )
        if limit.section != "layers":
            continue
        matching = [name for name in (*nodes, HOST) if fnmatchcase(name, limit.pattern)]
        if not matching:
            known = ", ".join(list(nodes)[:8])
            raise BudgetError(f"{limit.name}: no layer matches; the run has {known}, ...")
        neurons = sum(nodes[name].neurons for name in matching if name != HOST)
        if limit.key.startswith("firing") and not neurons:
            raise BudgetError(f"{limit.name}: no matching layer has neurons, so nothing fires")


def check_offline(engine: str, source: FrameSource, frames: int | None) -> None:
    """Refuse more frames than an engine that gets all inputs at once can be given.

    Raises:
        ConfigError: There are more than :data:`OFFLINE_FRAMES`.
    """
    if engine == "fast":
        return
    if frames is None:  # decoding is quick beside the run, and a clip need not announce its length
        frames = sum(1 for _ in islice(source, OFFLINE_FRAMES + 1))
    if frames > OFFLINE_FRAMES:
        raise ConfigError(
            f"--engine {engine} gets the inputs of all frames at once, which are held until then: "
            f"at most {OFFLINE_FRAMES}; give --frames {OFFLINE_FRAMES} or fewer"
        )
