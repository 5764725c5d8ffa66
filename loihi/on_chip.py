"""Runs a graph on a Loihi 2, in a child process that cannot hang its caller."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from conversion.graph import Graph
from depth_snn.errors import GraphError, InputError
from loihi.board import Board
from loihi.chip_plan import ChipPlan, make_plan, readable
from loihi.hardware import require_hardware
from loihi.request import make_request
from loihi.runner import LavaResult, Target, run_request
from loihi.shim import require_lava


@dataclass(frozen=True)
class ChipResult:
    """What a Loihi 2 computed, and what it reported of itself.

    Attributes:
        run: Values by step, as Lava's CPU backend gives them.
        plan: Where each node ran.
        board: The board asked for.
        measured: What the loggers said (:mod:`loihi.chip_report`).
    """

    run: LavaResult
    plan: ChipPlan
    board: Board
    measured: Mapping[str, Any]

    def report(self) -> dict[str, Any]:
        """As a JSON object, without names and addresses of machines."""
        return {
            "generation": self.board.generation,
            "measured": dict(self.measured),
            "plan": self.plan.fields(),
        }


def ports_on_chip(graph: Graph, ports: Collection[str] | None = None) -> tuple[str, ...]:
    """Of these ports, or of all, those that can be seen while the graph runs on a chip."""
    plan = make_plan(graph)
    every = (f"{n.name}.{port}" for n in graph.nodes for port in n.outputs)
    keys = every if ports is None else ports
    return tuple(key for key in keys if readable(graph, plan, key))


def simulate_on_loihi2(
    graph: Graph,
    inputs: Mapping[str, npt.ArrayLike],
    board: Board,
    *,
    deadline_s: float = 600.0,
    probes: Collection[str] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ChipResult:
    """Run ``graph`` with what can go there on neurocores and the rest on the host.

    Args:
        graph: A graph in the quantised dialect.
        inputs: Integers of shape (T, *shape) for every Input node.
        board: Which Loihi 2.
        deadline_s: Wall time in seconds for the whole run, waiting for the board included.
        probes: ``node.port`` keys to record; by default all that can be seen.
        on_progress: Called now and then with the number of steps done.

    Raises:
        MissingDependency: if lava-loihi is not installed; nothing is built then.
        GraphError: if no node of the graph can run on a neurocore.
        InputError: if inputs or probes do not fit, or a probe cannot be seen.
        EngineError: if no board is found, or the run fails or misses its deadline.
    """
    require_hardware()
    version = require_lava()
    plan = require_plan(graph)
    wanted = ports_on_chip(graph) if probes is None else tuple(probes)
    request = make_request(graph, inputs, probes=wanted, stock=True)
    hidden = [key for key in request.probes if not readable(graph, plan, key)]
    if hidden:
        raise InputError(
            f"port {hidden[0]!r} stays inside a neurocore and cannot be recorded; leave it out"
        )
    target = Target(split=True, board=board)
    run, chip = run_request(
        request, version, target, deadline_s=deadline_s, on_progress=on_progress
    )
    return ChipResult(run, make_plan(graph, request.probes), board, chip or {})


def require_plan(graph: Graph) -> ChipPlan:
    """The plan of a graph of which something can run on neurocores.

    Raises:
        GraphError: naming the first node that could not, and why.
    """
    plan = make_plan(graph)
    if plan.on_core:
        return plan
    inner = [n for n in plan.reasons if graph.by_name[n].runs_on == "neurocore"]
    first = f"; {inner[0]!r}: {plan.reasons[inner[0]]}" if inner else ""
    raise GraphError(
        f"graph {graph.name!r}: no node can run on a neurocore with the processes Lava has{first}; "
        "use --engine lava for the same integers on a CPU"
    )
