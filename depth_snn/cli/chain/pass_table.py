"""What each pass of a conversion costs: largest error in LSB, and mIoU on built-in scenes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.evaluate import evaluate_float
from conversion.graph import Graph
from conversion.nodes import Input
from conversion.pass_error import PassError, shown_by
from conversion.passes.balance_delays import balance_delays
from depth_snn.cli.chain.footage import quiet_inputs
from depth_snn.cli.progress import Progress
from depth_snn.config import NetworkConfig
from depth_snn.data.metrics import confusion_matrix, miou
from depth_snn.training.dataset import LabelledFrames, paint
from depth_snn.training.scores import UNSEEN_SEED
from depth_snn.windows import class_map
from sims.fast import FastSimulator

OUT = "head.out"
Array = npt.NDArray[Any]
HEADER = f"{'pass':20} {'largest error':>14} {'at node':20} {'mean of logits':>14} {'mIoU %':>8}"


class PassTable:
    """Measures the graph after each pass, all on the same frames.

    Args:
        config: Shape of the network.
        made: Graph after each pass, in the order of the passes.
    """

    def __init__(self, config: NetworkConfig, made: Mapping[str, Graph]) -> None:
        self.config, self.made = config, made

    def lines(self, clips: int) -> Iterator[str]:
        """Rows of the table, each when it is measured.

        Args:
            clips: Groups of twelve unseen frames of built-in scenes.
        """
        frames = paint(self.config, clips, first_seed=UNSEEN_SEED, workers=1)
        final = self.made["lower"]
        scales = {
            name: scale for name, scale in final.meta["scales"].items()
            if name in self.made["build"].by_name and name in final.by_name
        }  # fmt: skip
        progress = Progress("passes measured", len(self.made))
        yield HEADER
        for index, (name, graph) in enumerate(self.made.items()):
            error, score = self._measure(graph, scales, frames)
            worst, size = error.worst(without=OUT)
            yield (
                f"{name:20} {size:10.3f} LSB {worst:20} {error.mean(OUT):10.3f} LSB {score:8.2f}"
            )
            progress.update(index + 1)
        progress.finish()

    def _measure(
        self, graph: Graph, scales: Mapping[str, float], frames: LabelledFrames
    ) -> tuple[PassError, float]:
        """Errors of a graph against the network as it was read, and its mIoU in percent."""
        config, error = self.config, PassError(scales)
        player = _player_of(graph, config, scales)
        build = self.made["build"]
        shown = shown_by(build)
        matrix = np.zeros((config.classes, config.classes), np.int64)
        for rgb, label in zip(frames.rgb, frames.label, strict=True):
            network = evaluate_float(build, rgb)
            found = player.values(rgb)
            error.add({name: network[shown[name]] for name in scales}, found)
            logits = np.asarray(found[OUT], np.float32)
            matrix += confusion_matrix(class_map(logits, config), label, config.classes)
        return error, 100 * miou(matrix)


class _Floats:
    """Values of a float graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph, self._shown = graph, shown_by(graph)

    def values(self, rgb: npt.NDArray[np.uint8]) -> dict[str, Array]:
        """Values of one frame by node, once norms are folded."""
        values = evaluate_float(self._graph, rgb)
        return {name: values[node] for name, node in self._shown.items() if node in values}


class _Integers:
    """What the receivers of an integer graph hold, in real units; every token open."""

    def __init__(self, graph: Graph, config: NetworkConfig, scales: Mapping[str, float]) -> None:
        balanced = balance_delays(graph)
        self._config, self._scales = config, scales
        self._takes = {n.name for n in balanced.nodes if isinstance(n, Input)}
        self._fast = FastSimulator(balanced, [f"{name}.out" for name in scales])
        self._sent: dict[str, Array] = {}

    def values(self, rgb: npt.NDArray[np.uint8]) -> dict[str, Array]:
        """Values of the next frame by node."""
        inputs = quiet_inputs(self._config, rgb)
        shown = self._fast.step({k: v for k, v in inputs.items() if k in self._takes})
        out: dict[str, Array] = {}
        for name, scale in self._scales.items():
            value = shown[f"{name}.out"]
            if name != OUT:  # messages; an Output shows the whole value
                value = self._sent[name] = self._sent.get(name, 0) + value
            out[name] = value * scale
        return out


def _player_of(
    graph: Graph, config: NetworkConfig, scales: Mapping[str, float]
) -> _Floats | _Integers:
    return _Floats(graph) if graph.dialect == "float" else _Integers(graph, config, scales)
