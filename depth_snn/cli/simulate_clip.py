"""One clip of `depth-snn simulate`, on any engine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.graph import Graph
from conversion.nodes import Input
from depth_snn.cli.interruption import Interruption
from depth_snn.cli.progress import Progress
from depth_snn.cli.simulate import done, print_counts
from depth_snn.cli.simulate_memory import allow
from depth_snn.cli.simulate_ports import Shapes, all_ports, named_ports, some_of, telling_ports
from depth_snn.errors import ExitCode
from sims.counts import NodeCounts
from sims.counts_file import save_counts
from sims.digest import Digest
from sims.fast import stream
from sims.inputs_file import clip_frames
from sims.memory import chunk_of, need_of
from sims.open_arrays import OpenArrays
from sims.value_comparison import Comparison, common_ports
from sims.values_file import ValuesWriter

Values = Mapping[str, npt.NDArray[np.int64]]
Sink = Callable[[int, Values], None]


def run_clip(args: argparse.Namespace, graph: Graph) -> int:
    """Simulate one inputs file; the exit code."""
    digest, other = Digest(), None
    with ExitStack() as files:
        inputs = files.enter_context(OpenArrays(args.inputs[0]))
        frames = clip_frames(inputs, graph)
        shapes = _kept(args, graph)
        compared: Comparison | None = None
        if args.compare:
            other = files.enter_context(OpenArrays(args.compare))
            shapes, compared = _comparison(args, graph, shapes, other, frames)
        chunk = chunk_of(graph, shapes, frames)
        if args.engine == "fast":
            allow(need_of(graph, shapes, frames, chunk), chunk, args.memory, args.out)
        sinks: list[Sink] = [digest.put]
        if args.out:
            sinks.append(files.enter_context(ValuesWriter(args.out, shapes, frames, chunk)).put)
        if compared:
            sinks.append(_only(compared.put, compared.names))
        counts = _run(args, graph, inputs, list(shapes), chunk, sinks)
        if args.counts:
            save_counts(counts, args.counts)
    # In the graph's order, so that two engines print the same.
    print_counts({n.name: counts[n.name] for n in graph.nodes if n.name in counts})
    print(f"{frames} frames, {len(shapes)} ports, digest {digest.text()}")
    for path in filter(None, (args.out, args.counts)):
        print(f"wrote {path}")
    return done(compared.found()) if compared else ExitCode.OK


def _kept(args: argparse.Namespace, graph: Graph) -> Shapes:
    if args.ports:
        return named_ports(graph, args.ports)
    return telling_ports(graph, stock=args.stock)


def _comparison(
    args: argparse.Namespace, graph: Graph, kept: Shapes, other: OpenArrays, frames: int
) -> tuple[Shapes, Comparison]:
    """What is kept when another run is compared, and the comparison; says what is not compared."""
    every = all_ports(graph)
    common = common_ports(other, kept if args.ports else every)
    left_out = [port for port in kept if port not in other.shapes]
    foreign = [name for name in other.shapes if name not in every]
    for what, ports in (("not in the file", left_out), ("not in the graph", foreign)):
        if ports:
            text = f"{len(ports)} of the ports are {what}: {some_of(ports)}"
            print(f"compare: {text}", file=sys.stderr)
    wanted = {*common, *(kept if args.out or args.ports else ())}
    shapes = {port: shape for port, shape in every.items() if port in wanted}
    return shapes, Comparison(other, {port: shapes[port] for port in common}, frames)


def _only(sink: Sink, names: Sequence[str]) -> Sink:
    return lambda first, values: sink(first, {name: values[name] for name in names})


def _run(
    args: argparse.Namespace,
    graph: Graph,
    inputs: OpenArrays,
    ports: list[str],
    chunk: int,
    sinks: list[Sink],
) -> Mapping[str, NodeCounts]:
    sink = all_of(sinks)
    if args.engine != "fast":
        result = _on_another_engine(args, graph, inputs.read(), ports)
        sink(0, result.values)
        return dict(result.counts)
    progress = Progress("fast simulator, frames", inputs.frames, "frames/s")
    try:
        with Interruption() as interruption:

            def watch(frame: int) -> None:
                progress.update(frame + 1)
                interruption.check()

            counts = stream(
                graph, frames_in(inputs, graph, chunk), sink, probes=ports,
                overflow=args.overflow, chunk=chunk, on_frame=watch, threads=args.threads or 1,
            )  # fmt: skip
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"after {progress.done} of {inputs.frames} frames; no file was written"
        ) from None
    progress.finish()
    return counts


def all_of(sinks: Sequence[Sink]) -> Sink:
    """One sink that fills several."""

    def fill(first: int, values: Values) -> None:
        for each in sinks:
            each(first, values)

    return fill


def frames_in(inputs: OpenArrays, graph: Graph, chunk: int) -> Iterator[dict[str, Any]]:
    """The frames of a clip one by one, read from its file ``chunk`` at a time."""
    names = [node.name for node in graph.nodes if isinstance(node, Input)]
    for first in range(0, inputs.frames, chunk):
        block = inputs.read(first, first + chunk, names)
        for row in range(min(chunk, inputs.frames - first)):
            yield {name: array[row] for name, array in block.items()}


def _on_another_engine(
    args: argparse.Namespace, graph: Graph, inputs: dict[str, Any], ports: list[str]
) -> Any:
    from depth_snn.cli.chain.engines import lava_deadline
    from depth_snn.cli.chain.witness import run_lava, run_reference

    if args.engine == "reference":
        return run_reference(graph, inputs, ports, args.overflow)
    steps = len(next(iter(inputs.values()))) + max(graph.lags.values())
    deadline = args.deadline or lava_deadline(steps)
    return run_lava(
        graph, inputs, deadline, args.stock, ports, blocks=args.blocks or "apart",
        overflow=args.overflow,
    )[0]  # fmt: skip
