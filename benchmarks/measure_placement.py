"""Cores, chips and hops of the shipped networks on Loihi 2, and PilotNet beside the board's tables.

Everything but the seconds is modelled: the memory model and the limits are those of
docs/placement.md. PilotNet's weights do not matter for a placement, only its shapes; the board's
sigma-delta network has those of the LIF network that comes with lava-dl.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np

from conversion.convert import convert
from conversion.graph import Edge, Graph
from conversion.netx import pilotnet
from conversion.nodes import Input, Node, StockSigmaDelta
from depth_snn.cli.chain.setup import calibration_clip, load_policy, prepare
from depth_snn.config import GateConfig, NetworkConfig
from depth_snn.errors import MissingDependency
from depth_snn.figures import Figure, found_now, publish
from depth_snn.models.build import build_network
from depth_snn.pruning.prices import prices_of
from loihi.placing.place import Placed, place, place_first_fit
from loihi.placing.summary import BASELINE, row_of, text_of
from loihi.target import load_target

COMMAND = "python benchmarks/measure_placement.py"
NAMES = (
    "place_tiny_cores", "place_small_cores", "place_small_chips", "place_small_seconds",
    "place_small_hops_vs_first_fit", "place_small_cores_vs_first_fit",
    "place_small_hops_over_bound", "place_small_cores_over_bound", "place_small_serial_cores",
    "place_small_serial_chips", "place_vit_tiny_cores", "place_vit_tiny_chips",
    "place_vit_tiny_serial_cores", "pilotnet_lif_cores", "pilotnet_sdnn_cores",
    "pilotnet_lif_cores_board", "pilotnet_sdnn_cores_board",
)  # fmt: skip
SYSTEM, CHIP = "hala_point", "loihi2"
VIT_TINY = NetworkConfig(
    name="vit_tiny", height=224, width=224, stem=(24, 48, 96), dim=192, heads=(3,) * 12,
    head_dim=64, mlp=768, decoder=48, region=2,
)  # fmt: skip
"""A DEPTH network of ViT-Tiny's size: 224×224 in patches of 16, 12 layers of 192 channels."""
BOARD = {
    "layer0": 13, "layer1": 25, "layer2": 13, "layer3": 3, "layer4": 3, "layer5": 2, "layer7": 12,
    "layer8": 1, "layer9": 1, "layer10": 1,
}  # fmt: skip
"""Cores by layer, quoted from the benchmark notebooks of lava-dl for PilotNet on a Loihi 2 board;
the sigma-delta network has the same, without layer0, whose encoder runs on the host."""
COLUMNS = {"layer0": 200, "layer1": 99, "layer2": 49, "layer3": 24, "layer4": 22, "layer5": 20}
"""Columns of the pictures, which Lava's compiler cuts into strips."""
STRIP_NEURONS = 4096
"""Neurons below which all printed strips stay."""


def vit_tiny() -> Graph:
    """The untrained network as an integer graph, its gates in it."""
    model = build_network(VIT_TINY).eval()
    prices = prices_of(VIT_TINY, scored=False)
    return convert(model, GateConfig(), prices, list(calibration_clip(VIT_TINY)))


def pilotnet_sdnn(lif: Graph) -> Graph:
    """The LIF network's shapes with sigma-delta neurons, and its encoder on the host."""
    first = lif.by_name["layer0.lif"].output_shape("out")
    nodes: list[Node] = [Input(name="input", shape=first, lo=-255, hi=255)]
    for node in lif.nodes:
        if node.name in ("input", "layer0.lif"):
            continue
        if node.kind == "LIF":
            rows, channels = node.output_shape("out")
            bias = np.zeros(channels, np.int64)
            nodes.append(StockSigmaDelta(name=node.name, tokens=rows, channels=channels, bias=bias,
                                         threshold=0))  # fmt: skip
        else:
            nodes.append(node)
    edges: list[Edge] = []
    for edge in lif.edges:
        if edge.target != "layer0.lif":
            source = "input" if edge.source == "layer0.lif" else edge.source
            edges.append(replace(edge, source=source))
    return Graph(name="pilotnet_sdnn", dialect="quantised", nodes=tuple(nodes), edges=tuple(edges))


def strips(shape: tuple[int, ...], columns: int) -> int:
    """Cores of a picture cut into strips of 1, 2, 4, … columns, as wide as the neurons allow."""
    of_column = prod(shape) // columns
    wide = 1
    while 2 * wide * of_column < STRIP_NEURONS:
        wide *= 2
    return -(-columns // wide)


def compare_with_board(graph: Graph) -> int:
    """Print our cores by layer beside the board's; returns ours in all."""
    placed = place(graph, load_target(CHIP))
    cores = placed.cores
    print(f"{graph.name}, cores by layer (a core may hold parts of several layers)")
    print(f"{'layer':10}{'neurons':>9}{'ours':>6}{'board':>7}{'strips':>8}")
    total = 0
    for name, parts in placed.placement.parts.items():
        layer = name.split(".")[0]
        shape = graph.by_name[name].output_shape("out")
        cut = strips(shape, COLUMNS[layer]) if layer in COLUMNS else "-"
        ours = len({part.core for part in parts})
        total += BOARD[layer]
        print(f"{layer:10}{prod(shape):>9}{ours:>6}{BOARD[layer]:>7}{cut!s:>8}")
    print(f"{'all':10}{'':>9}{cores:>6}{total:>7}", flush=True)
    return cores


def network(graph: Graph, target: str) -> tuple[Placed, Placed, Placed, float]:
    """Place a graph and print the table; spatial, first fit, serial, and seconds of the first."""
    system = load_target(target)
    start = time.perf_counter()
    ours = place(graph, system)
    seconds = time.perf_counter() - start
    base = place_first_fit(graph, system)
    serial = place(graph, system, mapping="serial")
    rows = [row_of(graph, ours, "placed"), row_of(graph, base, BASELINE)]
    rows.append(row_of(graph, serial, "placed"))
    rows.append(row_of(graph, place_first_fit(graph, system, mapping="serial"), BASELINE))
    print(f"{graph.name} on {target}, placed in {seconds:.1f} s\n{text_of(rows)}\n", flush=True)
    return ours, base, serial, seconds


def measure() -> dict[str, tuple[float, str, str]]:
    """Every figure's value, unit and kind."""
    found: dict[str, tuple[float, str, str]] = {}

    def add(name: str, value: float, unit: str = "", kind: str = "modelled") -> None:
        found[name] = (value, unit, kind)

    for name in ("tiny", "small"):
        graph = prepare(name, load_policy(None, name)).graph
        # The tiny network comes first, so that the loop of exchanges is compiled before the clock.
        ours, base, serial, seconds = network(graph, CHIP if name == "tiny" else SYSTEM)
        add(f"place_{name}_cores", ours.cores)
    add("place_small_chips", ours.chips)
    add("place_small_seconds", seconds, "s", "measured")
    add("place_small_hops_vs_first_fit", ours.hops / base.hops)
    add("place_small_cores_vs_first_fit", ours.cores / base.cores)
    add("place_small_hops_over_bound", ours.hops / ours.least_hops)
    add("place_small_cores_over_bound", ours.cores / max(ours.fewest_cores.values()))
    add("place_small_serial_cores", serial.cores)
    add("place_small_serial_chips", serial.chips)
    large = vit_tiny()
    ours, _, serial, _ = network(large, SYSTEM)
    add("place_vit_tiny_cores", ours.cores)
    add("place_vit_tiny_chips", ours.chips)
    add("place_vit_tiny_serial_cores", serial.cores)
    lif = pilotnet.network()
    add("pilotnet_lif_cores", compare_with_board(replace(lif, name="pilotnet_lif")))
    add("pilotnet_sdnn_cores", compare_with_board(pilotnet_sdnn(lif)))
    add("pilotnet_lif_cores_board", sum(BOARD.values()), "", "quoted")
    add("pilotnet_sdnn_cores_board", sum(BOARD.values()) - BOARD["layer0"], "", "quoted")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    try:
        values = measure()
    except MissingDependency as error:
        print(f"measure_placement: error: {error}", file=sys.stderr)
        return 1
    figures: dict[str, Figure] = {}
    for name in NAMES:
        value, unit, kind = values[name]
        figures[name] = found_now(value, unit=unit, command=COMMAND, kind=kind)
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
