"""Small random networks with random inputs, some of them far beyond what fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from conversion.cases.building import Case, Inputs, IntArray, balance, edge
from conversion.graph import Edge, Graph
from conversion.nodes import (
    LIF,
    Conv,
    Delta,
    Dense,
    HostNorm,
    HostTable,
    Input,
    LinearAttention,
    Node,
    Output,
    Regroup,
    RestoreGate,
    SigmaDelta,
    Skip,
    SoftmaxAttention,
)

Value = tuple[str, int, int]
"""A node's name, its rows and its channels."""


class Builder:
    """Grows a random graph: every new node reads values that are already there.

    Args:
        number: Draws an integer between two, both included.
        bits: Size of the numbers that are fed in.
    """

    def __init__(self, number: Callable[[int, int], int], bits: int) -> None:
        self.number = number
        self.rng = np.random.default_rng(self.number(0, 2**31))
        self.frames, self.tokens, self.stages = (
            self.number(1, 6),
            self.number(1, 5),
            self.number(1, 3),
        )
        self.bits = bits
        self.nodes: list[Node] = []
        self.paths: list[str] = []
        self.inputs: Inputs = {}
        self.values: list[Value] = []
        self.gate = "sched"

    def pick(self, *options: int) -> int:
        """One of several numbers."""
        return options[self.number(0, len(options) - 1)]

    def integers(self, lo: int, hi: int, *shape: int) -> IntArray:
        """Integers in lo … hi with the ends and zero drawn often."""
        plain = self.rng.integers(lo, hi, shape, endpoint=True)
        ends = self.rng.choice([lo, hi, int(np.clip(0, lo, hi))], shape)
        return np.where(self.rng.random(shape) < 0.3, ends, plain).astype(np.int64)

    def source(self, shape: tuple[int, ...], lo: int, hi: int, name: str = "") -> str:
        """An Input of random values, some of which stay from frame to frame."""
        name = name or f"n{len(self.nodes)}"
        self.nodes.append(Input(name=name, shape=shape, lo=lo, hi=hi))
        values = self.integers(lo, hi, self.frames, *shape)
        still = self.rng.random((self.frames, *shape[:1])) < 0.4
        for f in range(1, self.frames):
            values[f][still[f]] = values[f - 1][still[f]]
        self.inputs[name] = values
        return name

    def add_gate(self) -> None:
        """The masks: an Input, or a whole gate population that opens more of them."""
        self.source((self.stages, self.tokens), 0, 1, "sched")
        if self.pick(0, 1):
            return
        regions = self.number(1, 3)
        drive = self.source((regions,), *((-(2**17), 2**17), (-30, 200))[self.pick(0, 1)])
        fixed = self.source((1,), 0, 60)
        price = self.integers(0, 50, self.stages)
        self.nodes += [
            LIF(name="lif", count=regions, du=self.pick(-1, 0, 700, 4095),
                dv=self.pick(0, 1, 163, 4095, 4096), vth=self.pick(0, 5, 100, 2**17 - 1),
                reset=("zero", "subtract")[self.pick(0, 1)]),
            RestoreGate(name="restore", region_of=self.integers(0, regions - 1, self.tokens),
                        price=price, own_price=price // self.pick(1, 2), regions=regions,
                        hold=self.number(1, 3), cap_percent=self.number(0, 150),
                        refill_percent=self.number(0, 80), capacity=self.number(0, 400)),
        ]  # fmt: skip
        self.paths += [f"{drive} -> lif", "lif -> restore:spikes", f"{fixed} -> restore:fixed",
                       "lif:membrane -> restore:membrane", "sched -> restore:sched"]  # fmt: skip
        self.gate = "restore"

    def add_value(self) -> None:
        """One more node that gives a value (M, C), of a random kind."""
        grow = (self.encoder, self.encoder, self.sigma, self.dense, self.skip, self.attention,
                self.conv, self.regroup, self.norm, self.table, self.softmax)  # fmt: skip
        name = f"n{len(self.nodes)}"
        node, feeds = grow[self.number(0, len(grow) - 1)](name)
        self.nodes.append(node)
        self.paths += [f"{source} -> {name}:{port}" for source, port in feeds]
        if "gate" in node.inputs:
            self.paths.append(f"{self.gate} -> {name}:gate")
        rows, channels = node.output_shape("out")
        self.values.append((name, rows, channels))

    def any_value(self, rows: int | None = None, channels: int | None = None) -> Value:
        """A value that is already there, of these sizes where given."""
        fit = [v for v in self.values if rows in (None, v[1]) and channels in (None, v[2])]
        return fit[self.number(0, len(fit) - 1)]

    def _coder(self, cls: type[Delta], name: str, rows: int, channels: int) -> Delta:
        reach = self.pick(0, 1, 7, 127, 2**14, 2**22)
        shape = (channels,) if self.pick(0, 1) else (rows, channels)
        size = self.pick(0, 3, 300, 2**20)
        # Masks speak of tokens only, so another number of positions has no gate.
        gated = rows == self.tokens and self.pick(0, 1, 1) == 1
        return cls(name=name, tokens=rows, channels=channels, gated=gated,
                   bias=self.integers(-size, size, *shape), stage=self.number(0, self.stages - 1),
                   shift=self.pick(0, 0, 1, 7, 30), lo=-reach * self.pick(0, 1), hi=reach,
                   threshold=self.pick(0, 0, 1, 2, 9))  # fmt: skip

    def encoder(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        """A Delta."""
        source, rows, channels = self.any_value()
        return self._coder(Delta, name, rows, channels), [(source, "in")]

    def sigma(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        """A SigmaDelta of one to three values."""
        source, rows, channels = self.any_value()
        more = [self.any_value(rows, channels)[0] for _ in range(self.number(0, 2))]
        return self._coder(SigmaDelta, name, rows, channels), [(s, "in") for s in (source, *more)]

    def dense(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        """A Dense, perhaps of repeated weights."""
        source, rows, channels = self.any_value()
        repeat = self.pick(*divisors(channels))
        weight = self.integers(-127, 127, self.number(1, 4), channels // repeat)
        exponent = self.pick(0, 1, 4)
        return Dense(name=name, tokens=rows, weight=weight, exponent=exponent, repeat=repeat), [
            (source, "in")
        ]

    def conv(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        """A Conv."""
        source, rows, channels = self.any_value()
        height = self.pick(*divisors(rows))
        kernel, padding = self.number(1, 4), self.number(0, 5)
        fits = min(height, rows // height) + 2 * padding >= kernel
        return Conv(name=name, height=height, width=rows // height, stride=self.number(1, 3),
                    padding=padding if fits else kernel, exponent=self.pick(0, 1, 4),
                    weight=self.integers(-127, 127, self.number(1, 3), channels, kernel, kernel)
                    ), [(source, "in")]  # fmt: skip

    def regroup(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        """A Regroup, perhaps with empty places."""
        source, rows, channels = self.any_value()
        tokens = self.tokens if rows >= self.tokens else rows
        places = self.number(1, min(3, rows // tokens))
        index = self.rng.permutation(rows)[: tokens * places].reshape(tokens, places)
        if self.pick(0, 1):
            index[self.rng.random(index.shape) < 0.3] = -1
        return Regroup(name=name, positions=rows, channels=channels, index=index,
                       exponent=self.pick(0, 1, 4)), [(source, "in")]  # fmt: skip

    def skip(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        """A Skip."""
        source, rows, channels = self.any_value()
        exponent = self.pick(0, 1, 4)
        return Skip(name=name, tokens=rows, channels=channels, exponent=exponent), [(source, "in")]

    def attention(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        """A LinearAttention."""
        source, rows, channels = self.any_value(self.tokens)
        heads = self.pick(*divisors(channels))
        node = LinearAttention(name=name, tokens=self.tokens, heads=heads,
                               head_dim=channels // heads, stage=self.number(0, self.stages - 1),
                               state_shift=self.pick(0, 1, 6, 30),
                               state_max=self.pick(1, 20, 255, 2**20),
                               gated=self.pick(0, 1, 1) == 1)  # fmt: skip
        more = [(self.any_value(rows, channels)[0], port) for port in "kv"]
        return node, [(source, "q"), *more]

    def opening(self, rows: int) -> dict[str, Any]:
        """Stage of a host node, and whether it has a gate, as an encoder's."""
        gated = rows == self.tokens and self.pick(0, 1, 1) == 1
        return {"stage": self.number(0, self.stages - 1), "gated": gated}

    def norm(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        """A HostNorm."""
        source, rows, channels = self.any_value()
        return HostNorm(name=name, tokens=rows, channels=channels, floor=self.pick(1, 7, 2**50),
                        gain=self.pick(1, 50, 2**12), **self.opening(rows)
                        ), [(source, "in")]  # fmt: skip

    def table(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        """A HostTable."""
        source, rows, channels = self.any_value()
        size, reach = self.pick(1, 9, 300), self.pick(1, 100, 2**23 - 1)
        return HostTable(name=name, tokens=rows, channels=channels, lo=self.pick(-2**23, -5, 0),
                         table=self.integers(-reach, reach, size), **self.opening(rows)
                         ), [(source, "in")]  # fmt: skip

    def softmax(self, name: str) -> tuple[Node, list[tuple[str, str]]]:
        """A SoftmaxAttention."""
        source, rows, channels = self.any_value()
        heads = self.pick(*divisors(channels))
        table = -np.sort(-self.integers(0, self.pick(1, 50, 2**20), self.pick(1, 6, 40)))
        table[0] = max(int(table[0]), 1)
        node = SoftmaxAttention(name=name, tokens=rows, heads=heads, head_dim=channels // heads,
                                exp_shift=self.pick(0, 1, 9, 30), exp_table=table,
                                gain=self.pick(1, 3, 64), **self.opening(rows))  # fmt: skip
        more = [(self.any_value(rows, channels)[0], port) for port in "kv"]
        return node, [(source, "q"), *more]

    def finish(self) -> Graph:
        """The graph, ending in an Output of the last value."""
        name, rows, channels = self.values[-1]
        bias = self.integers(-9, 9, channels)
        self.nodes.append(Output(name="out", tokens=rows, channels=channels, bias=bias))
        self.paths.append(f"{name} -> out")
        graph = balance("random", self.nodes, map(edge, self.paths))
        return graph.with_edges([*graph.edges, *self.loops(graph)])

    def loops(self, graph: Graph) -> list[Edge]:
        """Recurrent edges from any value into sums of its shape, one to three frames back."""
        sums = [n for n in graph.nodes if isinstance(n, SigmaDelta)]
        found = []
        for _ in range(self.pick(0, 1, 3) if sums else 0):
            target = sums[self.number(0, len(sums) - 1)]
            fit = [v for v in self.values if v[1:] == target.output_shape("out")]
            path = f"{fit[self.number(0, len(fit) - 1)][0]} ~> {target.name}"
            far = edge(path, delay=2**10)  # a try, to see how far the ends are apart
            late = max(0, far.delay + 1 - graph.frames_back(far)) + self.pick(0, 0, 1, 2)
            found.append(replace(far, delay=late))
        return found


def divisors(number: int) -> list[int]:
    """All divisors."""
    return [n for n in range(1, number + 1) if number % n == 0]


def grown(builder: Builder) -> Case:
    """The network of a fresh builder, with its inputs."""
    builder.add_gate()
    top = 2**builder.bits
    shapes = [(builder.tokens, builder.number(1, 4))]  # what attention needs, at least once
    if builder.pick(0, 1):
        shapes.append((builder.number(1, 12), builder.number(1, 4)))
    for shape in shapes:
        builder.values.append((builder.source(shape, -top, top), *shape))
    for _ in range(builder.number(1, 8)):
        builder.add_value()
    return builder.finish(), builder.inputs


def seeded(seed: int, bits: int = 8) -> Case:
    """The random network of a seed; ``bits`` is the size of its inputs."""
    rng = np.random.default_rng(seed)
    return grown(Builder(lambda lo, hi: int(rng.integers(lo, hi, endpoint=True)), bits))
