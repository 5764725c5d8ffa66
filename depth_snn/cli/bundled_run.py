"""Runs what a bundle holds on the engine asked for."""

from __future__ import annotations

import argparse
import platform
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from loihi.board import Board
    from sims.bundle.opened import Opened

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Ran:
    """What a run showed.

    Attributes:
        values: By ``"node.port"``, (steps, *shape).
        first: Step of the first row of each.
        seconds: Building and running.
        versions: Of Python and of what computed.
        chip: What a Loihi 2 reported of itself, and where its nodes lay; None elsewhere.
        hidden: Ports that stay inside a chip and so could not be compared.
    """

    values: dict[str, IntArray]
    first: dict[str, int]
    seconds: float
    versions: dict[str, str]
    chip: dict[str, Any] | None = None
    hidden: tuple[str, ...] = ()


def run_bundle(opened: Opened, args: argparse.Namespace, board: Board | None) -> Ran:
    """Run a bundle's graph on its inputs.

    Args:
        opened: The bundle.
        args: ``engine``, ``stock`` and ``deadline`` of the command.
        board: Which Loihi 2, with the engine of that name.
    """
    ports = [row.key for row in opened.manifest.ports]
    began = time.perf_counter()
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    if args.engine in ("lava", "loihi2"):
        return _on_lava(opened, ports, args, board, versions)
    if args.engine == "reference":
        from sims.reference import simulate

        found = dict(simulate(opened.graph, opened.inputs, probes=ports).by_step)
        first = dict.fromkeys(found, 0)
    else:
        from sims.fast import simulate as simulate_fast

        found = dict(simulate_fast(opened.graph, opened.inputs, probes=ports).values)
        first = {key: opened.graph.lags[key.rpartition(".")[0]] for key in found}
    return Ran(found, first, round(time.perf_counter() - began, 3), versions)


def _on_lava(
    opened: Opened,
    ports: list[str],
    args: argparse.Namespace,
    board: Board | None,
    versions: dict[str, str],
) -> Ran:
    from depth_snn.cli.chain.engines import lava_deadline
    from loihi import ports_on_chip, simulate_on_lava, simulate_on_loihi2

    graph, inputs = opened.graph, opened.inputs
    steps = opened.manifest.frames + max(graph.lags.values())
    deadline = args.deadline or lava_deadline(steps, board)
    if board is None:
        raw = simulate_on_lava(graph, inputs, deadline_s=deadline, stock=args.stock, probes=ports)
        chip, seen = None, ports
    else:
        seen = list(ports_on_chip(graph, ports))
        found = simulate_on_loihi2(graph, inputs, board, deadline_s=deadline, probes=seen)
        raw, chip = found.run, found.report()
    first = dict.fromkeys(raw.by_step, 0)
    versions = versions | {"lava-nc": raw.lava_version}
    hidden = tuple(key for key in ports if key not in seen)
    return Ran(raw.by_step, first, round(raw.seconds, 3), versions, chip, hidden)
