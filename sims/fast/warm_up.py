"""The frames before frame 0, for networks in which a bias speaks then (docs/fixed_point.md §6).

Number −1 is the frame that would have come before frame 0, and so on. A node takes part in frame f
from step 0 on: when f + lag − latency is 0 or more. What it reads was empty before step 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from conversion.graph import Graph
from conversion.nodes import LIF, StockSigmaDelta
from depth_snn.errors import OverflowInGraph
from sims.fast.body import Body
from sims.fast.past import Key, Past
from sims.fast.rows import Signal
from sims.fast.width import TooWide


def warm_up(
    graph: Graph,
    bodies: Mapping[str, Body],
    feeds: Mapping[str, Mapping[str, list[Key]]],
    past: Past,
) -> None:
    """Bring every node to the state it has when frame 0 comes, and forget the counts.

    Args:
        graph: A balanced graph.
        bodies: The executing parts by node, in topological order, in their first state.
        feeds: The (node, port) each input port reads.
        past: What recurrent edges bring, empty; afterwards that of the frames before frame 0.

    Raises:
        OverflowInGraph: naming node, index and frame.
    """
    early = frames_before(graph)
    if not early:
        return
    empty: dict[Key, Signal] = {
        (node.name, port): np.zeros(node.output_shape(port), np.int64)
        for node in graph.nodes
        for port in node.outputs
    }
    begins = {n.name: max(-early, n.latency - graph.lags[n.name]) for n in graph.nodes}
    for name, body in bodies.items():
        if hasattr(body, "frame"):
            body.frame = min(0, begins[name])
    for f in range(-early, 0):
        signals = empty | dict(past.shown())
        for name, body in bodies.items():
            if f < begins[name]:
                continue
            arrivals = {p: tuple(signals[k] for k in keys) for p, keys in feeds[name].items()}
            try:
                departures = body.step(arrivals)
            except TooWide as fault:
                raise OverflowInGraph(f"node {name!r}, frame {f}: {fault}") from None
            signals.update(((name, port), signal) for port, signal in departures.items())
        past.keep(signals)
    for body in bodies.values():
        body.tally.forget()


def frames_before(graph: Graph) -> int:
    """How many frames before frame 0 the first bias speaks."""
    early = [0]
    for node in graph.nodes:
        if isinstance(node, LIF) and node.biased:
            early.append(min(node.warmup, graph.lags[node.name]))
        elif isinstance(node, StockSigmaDelta) and node.bias.any():
            early.append(graph.lags[node.name])  # awake from step 0 on, as Lava's is
    return max(early)
