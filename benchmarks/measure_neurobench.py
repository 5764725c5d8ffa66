"""Our counts against NeuroBench's definitions, on plain linear and convolutional networks.

NeuroBench runs in an environment of its own, made here under a cache folder (its torchaudio fits
no torch of ours): some gigabytes, once. Outputs are compared first, then synaptic operations (its
effective MACs and ACs together), operations of the dense network, and activation sparsity. One
frame at a time starts afresh, so that a message is an activation and not a change of one.
NeuroBench leaves zero weights out of the effective operations and we count them, so a network with
zero weights shows that difference, and it is the only one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from conversion.dense_operations import dense_operations
from conversion.graph import Edge, Graph
from conversion.node import IntArray
from conversion.nodes import Conv, Delta, Input, Node, Output, SigmaDelta
from depth_snn.errors import EngineError, MissingDependency
from depth_snn.figures import found_now, publish
from sims import fast

COMMAND = "python benchmarks/measure_neurobench.py"
NAMES = ("neurobench_count_mismatches", "neurobench_counts_compared")
PIN = "neurobench==2.3.0"
CACHE = Path.home() / ".cache" / "depth-snn"
CHILD = Path(__file__).with_name("neurobench_child.py")
FAR = 2**22
"""Beyond every value here: encoders clip nothing, so that ReLU is all they do."""
SAMPLES = 5


@dataclass(frozen=True)
class Layer:
    """Weights (out, in) or (out, in, k, k), and stride and padding of a convolution."""

    weight: IntArray
    rule: tuple[int, int] = (1, 0)


@dataclass(frozen=True)
class Network:
    """Layers with ReLU between them, and inputs (samples, channels, rows, columns)."""

    layers: tuple[Layer, ...]
    inputs: IntArray
    zeros: bool


def networks() -> dict[str, Network]:
    """Small networks, with and without weights that are 0."""
    rng = np.random.default_rng(20)

    def weight(*shape: int, zeros: bool = False) -> IntArray:
        drawn = rng.choice([-2, -1, 1, 2], shape)
        return np.where(rng.random(shape) < 0.3, 0, drawn) if zeros else drawn

    def inputs(*shape: int) -> IntArray:
        drawn = rng.integers(-3, 4, (SAMPLES, *shape))
        return np.where(rng.random(drawn.shape) < 0.4, 0, drawn)

    found = {}
    for zeros, suffix in ((False, ""), (True, ", some weights 0")):
        linear = [Layer(weight(o, i, zeros=zeros)) for o, i in ((30, 24), (16, 30), (5, 16))]
        found[f"linear{suffix}"] = Network(tuple(linear), inputs(24, 1, 1), zeros)
        conv = (
            Layer(weight(6, 3, 3, 3, zeros=zeros), (1, 1)),
            Layer(weight(8, 6, 3, 3, zeros=zeros), (2, 1)),
            Layer(weight(4, 8 * 5 * 6, zeros=zeros)),
        )
        found[f"convolutional{suffix}"] = Network(conv, inputs(3, 10, 12), zeros)
        wide = (Layer(weight(4, 2, 5, 5, zeros=zeros), (3, 0)), Layer(weight(7, 4 * 2 * 3)))
        found[f"wide stride{suffix}"] = Network(wide, inputs(2, 10, 13), zeros)
    return found


def graph_of(network: Network) -> Graph:
    """The network as a graph: every layer a Conv, ReLU in the encoder behind it."""
    channels, rows, columns = network.inputs.shape[1:]
    plain = {"stage": 0, "shift": 0, "hi": FAR, "gated": False}
    nodes: list[Node] = [
        Input(name="x", shape=(rows * columns, channels), lo=-FAR, hi=FAR),
        Delta(name="code", tokens=rows * columns, channels=channels, lo=-FAR,
              bias=np.zeros(channels, np.int64), **plain),
    ]  # fmt: skip
    for i, layer in enumerate(network.layers):
        weight = layer.weight
        if weight.ndim == 2:
            weight = weight.reshape(len(weight), channels, rows, columns)
        stride, padding = layer.rule
        node = Conv(name=f"conv{i}", height=rows, width=columns, weight=weight, stride=stride,
                    padding=padding, exponent=0)  # fmt: skip
        (rows, columns), channels = node.grid, len(weight)
        nodes.append(node)
        shape: dict[str, Any] = {"tokens": rows * columns, "channels": channels}
        if i < len(network.layers) - 1:
            nodes.append(SigmaDelta(name=f"relu{i}", lo=0, bias=np.zeros(channels, np.int64),
                                    **shape, **plain))  # fmt: skip
        else:
            nodes.append(Output(name="out", **shape))
    edges = [Edge(source=a.name, target=b.name) for a, b in pairwise(nodes)]
    return Graph(name="plain", dialect="quantised", nodes=tuple(nodes), edges=tuple(edges))


def count(network: Network) -> dict[str, Any]:
    """Our counts, summed over samples that each start afresh."""
    graph = graph_of(network)
    operations, messages, neurons, outputs = 0, 0, 0, []
    for sample in network.inputs:
        frame = sample.transpose(1, 2, 0).reshape(1, -1, sample.shape[0])
        run = fast.simulate(graph, {"x": frame}, probes=["out.out"])
        outputs.append(run.values["out.out"][0].reshape(-1).tolist())
        for node in run.counts.values():
            operations += int(node.synaptic_operations.sum())
            if node.kind == "SigmaDelta":
                messages += int(node.messages.sum())
                neurons += node.neurons
    return {
        "effective": operations,
        "dense": sum(dense_operations(graph).values()) * len(network.inputs),
        "activation_sparsity": (neurons - messages) / neurons,
        "outputs": outputs,
    }


def environment(cache: Path) -> Path:
    """Python of NeuroBench's environment, made when it is not there.

    Raises:
        MissingDependency: uv is missing, or the packages cannot be installed.
    """
    folder = cache / PIN.replace("==", "-")
    python = folder / "bin" / "python"
    if (folder / "ready").is_file():
        return python
    beside = Path(sys.executable).with_name("uv")
    uv = shutil.which("uv") or (str(beside) if beside.is_file() else None)
    if uv is None:
        raise MissingDependency("NeuroBench needs an environment of its own; install uv to make it")
    install = [uv, "pip", "install", "--python", str(python), PIN]
    for words in ([uv, "venv", "--clear", "--python", sys.executable, str(folder)], install):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise MissingDependency(f"{' '.join(words[:3])}: {last}")
    (folder / "ready").touch()
    return python


def theirs(found: dict[str, Network], cache: Path) -> dict[str, Any]:
    """NeuroBench's counts by network.

    Raises:
        EngineError: It fails.
    """
    arrays: dict[str, Any] = {"names": np.array(list(found))}
    for name, network in found.items():
        arrays[f"{name}.layers"] = np.array(len(network.layers))
        arrays[f"{name}.inputs"] = network.inputs
        for i, layer in enumerate(network.layers):
            arrays[f"{name}.{i}.weight"] = layer.weight
            arrays[f"{name}.{i}.rule"] = np.array(layer.rule)
    python = environment(cache)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "networks.npz"
        np.savez(path, **arrays)
        words = [str(python), "-I", str(CHILD), str(path)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EngineError(f"NeuroBench: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compare(found: dict[str, Network], ours: dict[str, Any], other: dict[str, Any]) -> int:
    """Counts that differ; prints each pair."""
    wrong = 0
    for name, network in found.items():
        if ours[name]["outputs"] != other[name]["outputs"]:
            raise EngineError(f"{name}: the two networks give different outputs")
        for what in ("effective", "dense", "activation_sparsity"):
            left, right = ours[name][what], other[name][what]
            differs = abs(left - right) > 1e-12
            expected = network.zeros and what == "effective" and left > right
            note = " (zero weights, which we count)" if expected else " DIFFERS" if differs else ""
            print(f"{name:32} {what:20} ours {left:<12.6g} NeuroBench {right:<12.6g}{note}")
            wrong += differs and not expected
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--cache", type=Path, default=CACHE, help=f"environments ({CACHE})")
    options = parser.parse_args()
    found = networks()
    try:
        other = theirs(found, options.cache)
        wrong = compare(found, {n: count(network) for n, network in found.items()}, other)
    except (MissingDependency, EngineError) as error:
        print(f"measure_neurobench: error: {error}", file=sys.stderr)
        return 1
    compared = sum(2 if network.zeros else 3 for network in found.values())
    figures = {
        NAMES[0]: found_now(wrong, unit="", command=COMMAND),
        NAMES[1]: found_now(compared, unit="", command=COMMAND),
    }
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
