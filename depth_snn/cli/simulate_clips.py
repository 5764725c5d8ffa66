"""Several clips of `depth-snn simulate` side by side on the fast engine."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from conversion.graph import Graph
from depth_snn.cli.progress import Progress
from depth_snn.cli.simulate import print_counts
from depth_snn.cli.simulate_clip import Sink, all_of, frames_in
from depth_snn.cli.simulate_memory import allow
from depth_snn.cli.simulate_ports import Shapes, named_ports, telling_ports
from depth_snn.errors import ConfigError, ExitCode
from depth_snn.machine import usable_cores
from sims.counts import COUNT_FIELDS, NodeCounts
from sims.counts_file import save_counts
from sims.digest import Digest
from sims.fast import stream
from sims.fast.batch import Stopped, in_threads
from sims.inputs_file import clip_frames
from sims.memory import Need, chunk_of, need_of
from sims.open_arrays import OpenArrays
from sims.values_file import ValuesWriter


@dataclass(frozen=True)
class Clip:
    """One inputs file: its place, its length, and where its values and counts go."""

    path: Path
    frames: int
    out: Path | None
    counts: Path | None


@dataclass(frozen=True)
class Outcome:
    """What is left of a clip."""

    digest: str
    counts: Mapping[str, NodeCounts]


class Batch:
    """The clips of one command.

    Args:
        args: The command's options.
        graph: The graph that all of them run through.
    """

    def __init__(self, args: argparse.Namespace, graph: Graph) -> None:
        self._args, self._graph = args, graph
        self.shapes: Shapes = (
            named_ports(graph, args.ports) if args.ports else telling_ports(graph, stock=False)
        )
        self.clips = [self._clip(path) for path in args.inputs]
        self.chunk = chunk_of(graph, self.shapes, max(c.frames for c in self.clips))
        total = sum(clip.frames for clip in self.clips)
        self.progress = Progress("fast simulator, frames", total, "frames/s")
        self.stop, self._lock = threading.Event(), threading.Lock()

    def _clip(self, path: Path) -> Clip:
        with OpenArrays(path) as file:
            frames = clip_frames(file, self._graph)
        out, counts = (
            folder / path.name if folder else None for folder in (self._args.out, self._args.counts)
        )
        return Clip(path, frames, out, counts)

    def need(self, threads: int) -> Need:
        """Memory of all clips that run at a time, weights once, and all files."""
        needs = [need_of(self._graph, self.shapes, c.frames, self.chunk) for c in self.clips]
        together = min(threads, len(needs))
        one = needs[0]
        return replace(
            one,
            states=together * one.states,
            frame=together * one.frame,
            chunk=together * one.chunk,
            counts=sum(need.counts for need in needs),
            file=sum(need.file for need in needs),
        )

    def run(self, clip: Clip) -> Outcome:
        """One clip, from its file to its files."""
        digest = Digest()
        with ExitStack() as files:
            inputs = files.enter_context(OpenArrays(clip.path))
            sinks: list[Sink] = [digest.put]
            if clip.out:
                writer = ValuesWriter(clip.out, self.shapes, clip.frames, self.chunk)
                sinks.append(files.enter_context(writer).put)
            counts = stream(
                self._graph, frames_in(inputs, self._graph, self.chunk),
                all_of(sinks),
                probes=list(self.shapes), overflow=self._args.overflow, chunk=self.chunk,
                on_frame=self._watch,
            )  # fmt: skip
            if clip.counts:
                save_counts(counts, clip.counts)
        return Outcome(digest.text(), counts)

    def _watch(self, _: int) -> None:
        if self.stop.is_set():
            raise Stopped
        with self._lock:
            self.progress.update(self.progress.done + 1)


def run_clips(args: argparse.Namespace, graph: Graph) -> int:
    """Simulate several inputs files; the exit code."""
    names = [path.name for path in args.inputs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice and (args.out or args.counts):
        raise ConfigError(f"{twice}: names two clips, whose files would replace each other")
    batch, threads = Batch(args, graph), args.threads or usable_cores()
    allow(batch.need(threads), batch.chunk, args.memory, args.out)
    try:
        outcomes = in_threads(batch.run, batch.clips, threads=threads, stop=batch.stop)
    except KeyboardInterrupt:
        frames = f"after {batch.progress.done} of {batch.progress.total} frames"
        raise KeyboardInterrupt(f"{frames}; only clips that were done are written") from None
    batch.progress.finish()
    print_counts({n.name: _sum([o.counts[n.name] for o in outcomes]) for n in graph.nodes})
    for clip, outcome in zip(batch.clips, outcomes, strict=True):
        about = f"{clip.frames} frames, {len(batch.shapes)} ports, digest {outcome.digest}"
        print(f"{clip.path.name}: {about}")
    for folder in filter(None, (args.out, args.counts)):
        print(f"wrote {len(outcomes)} files to {folder}")
    return ExitCode.OK


def _sum(counts: list[NodeCounts]) -> NodeCounts:
    """The counts of all clips' frames, one clip after the other."""
    joined = {f: np.concatenate([getattr(c, f) for c in counts]) for f in COUNT_FIELDS}
    return replace(counts[0], **joined)
