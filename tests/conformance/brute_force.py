"""Counts by looping over every synapse and every message, from probed values alone.

Nothing of the simulators or of `sims` is used: a synapse is a pair of an input and an output that
the definition of its node connects (docs/fixed_point.md §4), one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from conversion.graph import Graph
from conversion.placement import NOWHERE, Placement, homes

Pair = tuple[int, int]
NEURONS = ("Delta", "SigmaDelta", "StockSigmaDelta", "LIF", "LinearAttention")


def windows(node: Any, kernel: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Every pair of an input position and an output whose window covers it."""
    (down, across), (above, beside) = node.strides, node.paddings
    rows, columns = node.grid
    for y in range(rows):
        for x in range(columns):
            for a in range(kernel[0]):
                for b in range(kernel[1]):
                    v, u = y * down + a - above, x * across + b - beside
                    if 0 <= v < node.height and 0 <= u < node.width:
                        yield v * node.width + u, y * columns + x


def groups_of(node: Any) -> Iterator[tuple[int, int]]:
    """Every pair of rows of channels, in and out, that meet the same weights."""
    if node.kind == "Conv":
        return windows(node, node.kernels)
    return ((group, group) for group in range(node.tokens * node.repeat))


def along_channels(channels: int, position: int, place: int) -> Iterator[Pair]:
    """Every channel of one position meets the same channel of another."""
    return ((position * channels + c, place * channels + c) for c in range(channels))


def listed(node: Any) -> Iterator[Pair]:
    """The synapses that a Sparse lists."""
    for source in range(node.sources):
        for at in range(int(node.starts[source]), int(node.starts[source + 1])):
            yield source, int(node.targets[at])


def synapses(node: Any) -> Iterator[Pair]:
    """Every synapse of a connection as input and output, flat."""
    if node.kind in ("Dense", "Conv"):
        outputs, inputs = node.weight.shape[:2]
        for position, place in groups_of(node):
            for o in range(outputs):
                yield from ((position * inputs + c, place * outputs + o) for c in range(inputs))
    elif node.kind == "Sparse":
        yield from listed(node)
    elif node.kind == "SumPool":
        for position, place in windows(node, node.kernels):
            yield from along_channels(node.channels, position, place)
    elif node.kind == "Regroup":
        for at, position in enumerate(node.index.reshape(-1).tolist()):
            if position >= 0:
                yield from along_channels(node.channels, position, at)
    elif node.kind == "Skip":
        yield from ((i, i) for i in range(node.tokens * node.channels))


class BruteForce:
    """Counts of a run, by node and by core.

    Args:
        graph: The graph.
        values: Every port's values (T, *shape), as the reference simulator showed them.
        placement: Where the neurons lie.
    """

    def __init__(self, graph: Graph, values: Mapping[str, Any], placement: Placement) -> None:
        self.graph, self.values, self.placement = graph, values, placement
        self.home = {name: home.tolist() for name, home in homes(graph, placement).items()}
        self.synapses: dict[str, dict[int, list[int]]] = {}
        for node in graph.nodes:
            out: dict[int, list[int]] = {}
            for source, target in synapses(node):
                out.setdefault(source, []).append(target)
            self.synapses[node.name] = out

    def arriving(self, node: str, frame: int, port: str = "in") -> list[np.ndarray]:
        arrived = []
        for edge in self.graph.incoming[node]:
            if edge.port == port:
                shown = self.values[f"{edge.source}.{edge.source_port}"]
                at = frame - (self.graph.frames_back(edge) if edge.recurrent else 0)
                arrived.append(shown[at] if at >= 0 else np.zeros_like(shown[0]))
        return arrived

    def work(self, name: str, frame: int) -> dict[str, Counter[int]]:
        """By count, the events of a node on each core; off-mesh nodes have core −1."""
        node: Any = self.graph.by_name[name]
        done: dict[str, Counter[int]] = {}
        home = self.home[name]

        def add(count: str, core: int, events: int = 1) -> None:
            done.setdefault(count, Counter())[core] += events

        if self.synapses[name]:
            for source in np.flatnonzero(self.arriving(name, frame)[0]).tolist():
                met = Counter(home[target] for target in self.synapses[name].get(source, ()))
                for core, weights in met.items():
                    add("synaptic_operations", core, weights)
                    add("memory_words", core, (weights + 7) // 8)
        if node.kind in NEURONS:
            for i, m in enumerate(self.values[f"{name}.out"][frame].reshape(-1).tolist()):
                if m:
                    add("spikes" if node.kind == "LIF" else "messages", home[i])
                    bits = next(n for n in range(1, 64) if -(2 ** (n - 1)) <= m < 2 ** (n - 1))
                    add("message_bits", home[i], 1 if node.kind == "LIF" else bits)
        for i, how in enumerate(self.updates(node, frame)):
            add(how, home[i])
        if node.kind == "LinearAttention":
            self.products(node, frame, add)
        return done

    def updates(self, node: Any, frame: int) -> list[str]:
        """For each neuron, which kind of update it has."""
        if node.kind in ("Delta", "SigmaDelta"):
            gate = [1] * node.tokens
            if node.gated:
                gate = self.arriving(node.name, frame, "gate")[0][node.stage].tolist()
            is_open = [gate[i // node.channels] for i in range(node.tokens * node.channels)]
        elif node.kind == "StockSigmaDelta":
            is_open = [1] * (node.tokens * node.channels)
        elif node.kind == "LIF":
            drive = sum(x.reshape(-1) for x in self.arriving(node.name, frame))
            potential = self.values[f"{node.name}.membrane"][frame].reshape(-1)
            is_open = [int(x != 0 or v != 0) for x, v in zip(drive, potential, strict=True)]
        else:
            return []
        return ["updates_active" if one else "updates_idle" for one in is_open]

    def products(self, node: Any, frame: int, add: Any) -> None:
        k, v = (self.arriving(node.name, frame, port)[0] for port in ("k", "v"))
        gate = [1] * node.tokens
        if node.gated:
            gate = self.arriving(node.name, frame, "gate")[0][node.stage].tolist()
        for i in range(node.tokens):
            for j in range(node.heads * node.head_dim):
                core = self.home[node.name][i * node.heads * node.head_dim + j]
                for _ in range(node.head_dim):
                    done = 2 * int(k[i].any() or v[i].any()) + gate[i]
                    add("synaptic_operations", core, done)
                    add("product_operations", core, done)

    def targets(self, name: str, i: int) -> set[int]:
        """Cores that hold a target of a neuron."""
        found: set[int] = set()
        for edge in self.graph.edges:
            if edge.source != name or edge.source_port != "out":
                continue
            node: Any = self.graph.by_name[edge.target]
            home = self.home[edge.target]
            if self.synapses[edge.target]:
                found.update(home[j] for j in self.synapses[edge.target].get(i, ()))
            elif node.kind == "Delay":
                found |= self.targets(edge.target, i)
            elif node.kind == "LinearAttention":
                width = node.heads * node.head_dim
                head = i % width // node.head_dim
                for j, core in enumerate(home):
                    if j % width // node.head_dim == head:
                        same = edge.port != "q" or j // width == i // width
                        found.update({core} if same else ())
            else:
                found.add(NOWHERE if node.runs_on != "neurocore" else home[i])
        return found

    def links(self, name: str, frame: int) -> dict[str, Counter[int]]:
        """By count, what the messages of a node do on the mesh, on the core that sends."""
        done: dict[str, Counter[int]] = {}
        if self.graph.by_name[name].kind not in NEURONS:
            return done
        for i in np.flatnonzero(self.values[f"{name}.out"][frame]).tolist():
            core = self.home[name][i]
            here = self.placement.cores[core]
            for target in self.targets(name, i):
                if target == NOWHERE:
                    done.setdefault("off_mesh", Counter())[core] += 1
                    continue
                there = self.placement.cores[target]
                same = here.chip == there.chip
                steps = {
                    "copies": 1,
                    "hops_east_west": abs(here.x - there.x) * same,
                    "hops_north_south": abs(here.y - there.y) * same,
                    "between_chips": int(not same),
                }
                for count, events in steps.items():
                    done.setdefault(count, Counter())[core] += events
        return done

    def traffic(self, frame: int) -> tuple[Counter[Any], Counter[Any]]:
        """Messages and bits on each link, every message walked router by router."""
        messages: Counter[Any] = Counter()
        bits: Counter[Any] = Counter()
        for node in self.graph.nodes:
            if node.kind not in NEURONS:
                continue
            out = self.values[f"{node.name}.out"][frame].reshape(-1).tolist()
            for i, m in enumerate(out):
                wide = next(n for n in range(1, 64) if -(2 ** (n - 1)) <= m < 2 ** (n - 1))
                here = self.placement.cores[self.home[node.name][i]]
                for target in self.targets(node.name, i) if m else ():
                    there = self.placement.cores[target]
                    if target == NOWHERE or there.chip != here.chip:
                        continue
                    x, y = here.x, here.y
                    while (x, y) != (there.x, there.y):
                        past = (here.chip, x, y)
                        if x != there.x:
                            x += 1 if there.x > x else -1
                        else:
                            y += 1 if there.y > y else -1
                        link = (past, (here.chip, x, y))
                        messages[link] += 1
                        bits[link] += 1 if node.kind == "LIF" else wide
        return messages, bits
