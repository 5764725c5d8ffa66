"""Streams of compiled spiking networks: chunks, threads, and which frame is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conversion.cases.loops import spiking_loop_case
from conversion.cases.spiking import spiking_case
from depth_snn.errors import InputError
from sims.counts import COUNT_FIELDS
from sims.fast import FastSimulator, simulate, stream


def gathered(pieces: list[tuple[int, dict[str, Any]]], port: str) -> Any:
    return np.concatenate([values[port] for _, values in pieces])


@pytest.mark.parametrize("chunk", [1, 4, 500])
@pytest.mark.parametrize("case", [spiking_case(3), spiking_loop_case(2)], ids=["layers", "loops"])
def test_a_streamed_program_gives_what_one_run_gives(case: Any, chunk: int) -> None:
    graph, inputs = case
    assert FastSimulator(graph).compiled
    want = simulate(graph, inputs)
    pieces: list[tuple[int, dict[str, Any]]] = []
    seen: list[int] = []
    frames = [{n: a[f] for n, a in inputs.items()} for f in range(want.frames)]

    def sink(first: int, values: Any) -> None:
        pieces.append((first, {port: array.copy() for port, array in values.items()}))

    counts = stream(graph, frames, sink, chunk=chunk, on_frame=seen.append, threads=2)
    assert [first for first, _ in pieces] == list(range(0, want.frames, chunk))
    assert seen == list(range(want.frames))
    for port, array in want.values.items():
        assert (gathered(pieces, port) == array).all(), port
    for name, node in want.counts.items():
        for field in COUNT_FIELDS:
            assert (getattr(counts[name], field) == getattr(node, field)).all(), (name, field)


def test_a_wrong_frame_is_named() -> None:
    graph, inputs = spiking_case(3)
    (name,) = inputs
    frames = [{name: array} for array in inputs[name]]
    for wrong in ({name: inputs[name][0] * 0 + 10_000}, {name: inputs[name][0][:1]}, {}):
        with pytest.raises(InputError, match="frame 5: "):
            stream(graph, [*frames[:5], wrong, *frames[5:]], lambda *_: None, chunk=3)
