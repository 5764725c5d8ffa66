"""Cases with recorded answers: a trace of a Loihi 2 chip, and networks that come with lava-dl."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from conversion.cases.building import Case, Inputs, IntArray
from conversion.cases.case import ConformanceCase, Known, Values
from conversion.cases.population_edges import neuron
from conversion.graph import Graph
from conversion.netx import import_netx, pilotnet
from depth_snn.errors import InputError

WEIGHT, DV, VTH = 10, 163, 25
"""The recorded neuron: its input's weight, its decay, its threshold."""
TINYNET_FRAMES = 15
PROBE_FIRED = 128
"""What the chip's probe and lava-dl's traces show in place of the potential of a firing neuron."""


def recorded(trace: Path | None) -> list[ConformanceCase]:
    """All cases of this file.

    Args:
        trace: The chip's trace, CSV of input, potential and spike by step; None if not at hand.
    """
    return [
        ConformanceCase("recorded/loihi 2 trace", lambda: chip_case(trace),
                        known=lambda _: chip_answer(trace)),
        ConformanceCase("recorded/pilotnet", pilotnet_lif, known=pilotnet_answer),
        ConformanceCase("recorded/pilotnet sigma-delta", pilotnet_sdnn, known=sdnn_answer),
        ConformanceCase("recorded/tinynet", tinynet, known=tinynet_answer),
        ConformanceCase("recorded/ntidigits", ntidigits, known=ntidigits_answer),
    ]  # fmt: skip


def read_trace(trace: Path | None) -> tuple[IntArray, IntArray, IntArray]:
    """Input, potential and spike of every step of the chip's trace, (T,) each.

    Raises:
        InputError: if no file is given, or it holds something else.
    """
    if trace is None or not trace.is_file():
        raise InputError("the chip's trace is not part of the project; give it with --trace FILE")
    try:
        x, v, spike = np.loadtxt(trace, delimiter=",").astype(np.int64).T
    except ValueError:
        raise InputError(f"{trace}: expected lines of input, potential, spike as CSV") from None
    return x, v, spike


def chip_case(trace: Path | None) -> Case:
    """The recorded neuron; on the chip an input reaches it one step later."""
    arriving = read_trace(trace)[0]
    drive = WEIGHT * np.concatenate([[0], arriving[:-1]])
    return neuron(drive[:, None], dv=DV, vth=VTH, reset="zero")


def chip_answer(trace: Path | None) -> Known:
    """Spikes and potential as the chip's probes showed them."""
    _, v, spike = read_trace(trace)

    def probed(values: Values) -> Values:
        fired, membrane = values["lif.out"][:, 0], values["lif.membrane"][:, 0]
        return {"spike": fired, "potential": np.where(fired == 1, PROBE_FIRED, membrane)}

    return Known({"spike": spike, "potential": v}, probed)


def pilotnet_lif() -> Case:
    """The spiking PilotNet, whose recording looks at one picture in every step."""
    return pilotnet.network(), repeated(pilotnet.picture(), pilotnet.STEPS)


def repeated(picture: IntArray, frames: int) -> Inputs:
    """One picture (N, C) as the input of every frame."""
    return {"input": np.repeat(picture[None], frames, axis=0)}


def pilotnet_answer(graph: Graph) -> Known:
    """Spikes, currents and potentials of every layer, from the step on that frame 0 reaches it."""
    want = {
        f"{layer} {key}": rows[graph.lags[f"{layer}.lif"] :]
        for layer in pilotnet.LAYERS
        for key, rows in pilotnet.golden(layer).items()
    }

    def read(values: Values) -> Values:
        return {
            f"{layer} {key}": rows
            for layer in pilotnet.LAYERS
            for key, rows in pilotnet.traces(graph, values, layer).items()
        }

    return Known(want, read)


def pilotnet_sdnn() -> Case:
    """The sigma-delta PilotNet as netx builds it, with its recorded input."""
    folder = pilotnet.folder("pilotnet_sdnn")
    graph = import_netx(folder / "network.net", as_netx=True)
    return graph, {"input": pilotnet.frames_of(np.load(folder / "input.npy"))}


def sdnn_answer(_: Graph) -> Known:
    """The steering angle of its one frame, the last of the recorded steps."""
    golden = np.load(pilotnet.folder("pilotnet_sdnn") / "output.npy").astype(np.int64)
    return Known({"output.out": golden[0][-1:].reshape(1, 1, 1)})


def tinynet() -> Case:
    """Two convolutions that come with lava-dl, looking at one picture."""
    folder = pilotnet.folder("tinynet")
    image = pilotnet.frames_of(np.load(folder / "input_bias.npy")[..., None])[0]
    return import_netx(folder.parent.parent / "tiny.net"), repeated(image, TINYNET_FRAMES)


def tinynet_answer(_: Graph) -> Known:
    """Spikes of both layers; the recording begins one step earlier."""
    folder = pilotnet.folder("tinynet")
    files = {"layer1.lif.out": "layer1.npy", "layer2.lif.out": "output.npy"}
    # Stored as (1, channels, columns, rows, T).
    stored = {key: np.load(folder / name)[0].transpose(2, 1, 0, 3) for key, name in files.items()}
    return Known({key: pilotnet.frames_of(array)[1:] for key, array in stored.items()})


def ntidigits() -> Case:
    """A network with axonal delays up to 62 on recorded spikes."""
    folder = pilotnet.folder("ntidigits")
    graph = import_netx(folder / "ntidigits.net", layers=5)
    spikes = np.load(folder / "input.npy").astype(np.int64).T[:, :, None]
    return graph, {"input": spikes}


def ntidigits_answer(_: Graph) -> Known:
    """Spikes of its last layer, which the recording shows four steps late."""
    golden = np.load(pilotnet.folder("ntidigits") / "output.npy").astype(np.int64).T[4:]

    def read(values: Values) -> Values:
        return {"spikes": values["layer4.lif.out"][:, 0]}

    return Known({"spikes": golden}, read)
