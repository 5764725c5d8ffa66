"""Integer graphs of a search's candidates and where they lie on a chip, each made once.

Only the cut heads change weights and scales, and so need a conversion; gate constants and
thresholds are set on a copy of the graph, which gives what a conversion with them gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from conversion.gates import GATE, RESTORE, gate_nodes
from conversion.graph import Graph
from conversion.passes.set_thresholds import set_thresholds
from depth_snn.cli.chain.loop import dense_step
from depth_snn.cli.chain.setup import Setup, calibration_clip, prepare, require_reuse
from depth_snn.config import GateConfig, NetworkConfig, PolicyConfig
from depth_snn.data.frames import Frame
from depth_snn.errors import GraphError
from depth_snn.models.weights import find_network
from depth_snn.pruning.prices import Prices, prices_of
from depth_snn.recovery.judge_file import make_judge
from loihi.placing.place import Placed, place
from loihi.target import Target
from sims.core_counts import CoreCounter
from sims.fast.blas import product_threads
from sims.placed_run import counters_of

KEPT_GRAPHS, KEPT_PLACEMENTS, KEPT_CLIPS = 16, 16, 64
"""How many of each a process keeps: a few megabytes each for the shipped networks."""
KEPT_COUNTERS = 2
"""Counters on a placement know every pair of a neuron and a core, which takes much more."""

Image = npt.NDArray[np.uint8]
Rates = tuple[float, ...]


class Settings(Protocol):
    """What a candidate says: :class:`depth_snn.search.genome.Candidate` does."""

    @property
    def policy(self) -> PolicyConfig:
        """What is pruned and when."""

    @property
    def thresholds(self) -> Mapping[str, int]:
        """Smallest change that encoders send, by name; empty for every change."""


class Graphs:
    """What candidates on one network have in common.

    Args:
        network: Name of shipped weights or path of a weights file.
        target: Where graphs are placed; None where they are not.
        mapping: ``"spatial"`` or ``"serial"``.
    """

    def __init__(self, network: str, target: Target | None, mapping: str) -> None:
        self.network, self.target, self.mapping = network, target, mapping
        self.dense = find_network(network)
        self._base = lru_cache(KEPT_GRAPHS)(self._converted)
        self._place = lru_cache(KEPT_PLACEMENTS)(self._placed)
        self._count = lru_cache(KEPT_COUNTERS)(self._counters)
        self._shown: dict[bytes, list[Image]] = {}

    @property
    def uncut(self) -> Graph:
        """The graph with every head kept and nothing else set."""
        return self._base((0.0,) * self.dense.config.layers).graph

    def setup(self, candidate: Settings) -> Setup:
        """A candidate ready to run, with a judge that has seen no frame.

        Raises:
            ConfigError: if the policy pools static tokens, which the integer graph cannot do.
            UnknownEncoder: if a threshold names an encoder that the graph does not have.
        """
        policy = candidate.policy
        require_reuse(policy)
        base = self._base(self._rates(policy))
        prices = prices_of(base.config, scored=policy.cuts_tokens)
        graph = with_gate(base.graph, base.config, policy.gate, prices)
        graph = set_thresholds(graph, dict(candidate.thresholds) or 0)
        judge = make_judge(policy.judge, base.config)
        return replace(base, policy=policy, prices=prices, graph=graph, judge=judge)

    def placed(self, policy: PolicyConfig) -> Placed | str:
        """The graph of a policy on the target, or why it cannot be placed there."""
        return self._place(self._rates(policy))

    def counters(self, policy: PolicyConfig) -> dict[str, CoreCounter]:
        """What counts by core on the placement of a policy's graph.

        Raises:
            GraphError: if the graph cannot be placed.
        """
        return self._count(self._rates(policy))

    def dense_maps(self, frames: Sequence[Frame]) -> list[Image]:
        """Class maps (H, W) of the dense network, as a run shows them."""
        key = hashlib.blake2b(b"".join(frame.rgb.tobytes() for frame in frames)).digest()
        if key not in self._shown:
            if len(self._shown) == KEPT_CLIPS:
                del self._shown[next(iter(self._shown))]
            self._shown[key] = [dense_step(self.dense, f.rgb, "linear") for f in frames]
        return self._shown[key]

    @cached_property
    def _calibration(self) -> list[Image]:
        return list(calibration_clip(self.dense.config))

    def _rates(self, policy: PolicyConfig) -> Rates:
        return policy.rates("head_rate", self.dense.config.layers)

    def _converted(self, rates: Rates) -> Setup:
        return prepare(self.network, PolicyConfig(head_rate=rates), self._calibration)

    def _counters(self, rates: Rates) -> dict[str, CoreCounter]:
        placed = self._place(rates)
        if isinstance(placed, str):
            raise GraphError(placed)
        return counters_of(self._base(rates).graph, {self.mapping: placed.placement})

    def _placed(self, rates: Rates) -> Placed | str:
        assert self.target is not None
        try:
            return place(self._base(rates).graph, self.target, mapping=self.mapping)
        except GraphError as error:
            return str(error)


def with_gate(graph: Graph, config: NetworkConfig, gate: GateConfig, prices: Prices) -> Graph:
    """The same gated graph with another gate's neurons and charges."""
    made = {n.name: n for n in gate_nodes(config, gate, prices)[0] if n.name in (GATE, RESTORE)}
    return replace(graph, nodes=tuple(made.get(n.name, n) for n in graph.nodes))


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for torch and for matrix products, so that every process rounds alike."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with product_threads(1):
            yield
    finally:
        torch.set_num_threads(before)
