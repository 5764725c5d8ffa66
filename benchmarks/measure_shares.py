"""Where the work of each network lies: neurocores, the embedded processor, the host.

Operations of one dense frame in closed form, counted as docs/fixed_point.md §10 counts them
(`conversion.shares`), of the graphs that `depth-snn convert` makes. Softmax networks have no gates.
timm's ViT-Tiny has random weights from a seed; only its accuracy depends on them, not its work.
For it and for the float twin, the integers are compared with the floats too: where softmax, norms
and GELU are integers on the host, how much is lost?
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from conversion.convert import convert
from conversion.evaluate import evaluate_float
from conversion.from_torch import build_float_graph
from conversion.graph import Graph
from conversion.nodes import Delta
from conversion.passes.fold_norms import fold_norms
from conversion.shares import operations_by_place, shares_of
from depth_snn.cli.chain.setup import load_policy, prepare
from depth_snn.cli.convert_softmax import calibration_frames, softmax_network
from depth_snn.data.scene import sample_frames
from depth_snn.figures import Figure, found_now, publish
from sims.fast import FastSimulator

COMMAND = "python benchmarks/measure_shares.py"
NAMES = (
    "neurocore_op_share", "neurocore_op_share_tiny", "neurocore_op_share_twin",
    "neurocore_op_share_timm", "twin_int_logit_error", "twin_int_agreement",
    "twin_int_encoder_error", "timm_int_logit_error", "timm_int_encoder_error",
)  # fmt: skip
LOIHI = {"neurocore_op_share": "small", "neurocore_op_share_tiny": "tiny"}
TWIN, TIMM = "small_vit", "timm:vit_tiny_patch16_224"
SEED = 515_151
LOGITS = "head.out"


def share(what: str, graph: Graph) -> float:
    """Neurocores' part of the graph's operations in percent, printed beside the others'."""
    operations = operations_by_place(graph)
    parts = {place: 100 * part for place, part in shares_of(operations).items()}
    places = ", ".join(f"{place} {part:.2f} %" for place, part in parts.items())
    print(f"{what}: {sum(operations.values()) / 1e6:.1f} M operations: {places}", flush=True)
    return parts["neurocore"]


def pictures(size: tuple[int, int], count: int) -> Iterator[Any]:
    """Frames that no calibration has seen, (H·W, 3)."""
    height, width = size
    for frame in sample_frames(SEED, count, height=height, width=width, per_street=1):
        yield frame.rgb.reshape(-1, 3).astype(np.int64)


def compare(model: Any, graph: Graph, size: tuple[int, int], count: int) -> tuple[float, float]:
    """Error of the integer logits in percent of the logits' deviation, and equal classes in %."""
    floats = fold_norms(build_float_graph(model))
    classes = model.config.classes if hasattr(model, "config") else model.num_classes
    simulator = FastSimulator(graph, (f"{LOGITS}.out",))
    errors, same = [], []
    for pixels in pictures(size, count):
        right = evaluate_float(floats, pixels)[LOGITS]
        steps = simulator.step({"pixels": pixels})[f"{LOGITS}.out"]
        got = steps * graph.meta["scales"][LOGITS]
        errors.append(float(np.abs(got - right).mean() / right.std()))
        pairs = (x.reshape(-1, classes).argmax(1) for x in (got, right))
        same.append(float(np.equal(*pairs).mean()))
    return 100 * float(np.mean(errors)), 100 * float(np.mean(same))


def encoder_error(model: Any, graph: Graph, size: tuple[int, int]) -> float:
    """Mean error of every encoder's value on one frame, in its own LSB; the worst are printed."""
    (pixels,) = pictures(size, 1)
    floats = evaluate_float(fold_norms(build_float_graph(model)), pixels)
    # What an encoder sends on the first frame is its whole value.
    shown = FastSimulator(graph).step({"pixels": pixels})
    scales = graph.meta["scales"]
    off = {
        node.name: float(np.abs(shown[f"{node.name}.out"] - floats[node.name] / scales[node.name])
                         .mean())
        for node in graph.nodes
        if isinstance(node, Delta) and node.name in floats
    }  # fmt: skip
    worst = sorted(off, key=off.__getitem__)[-4:]
    print("  LSB of encoders:", ", ".join(f"{name} {off[name]:.2f}" for name in worst), "at worst")
    return float(np.mean(list(off.values())))


def measure(frames: int) -> dict[str, tuple[float, str]]:
    """Every figure's value and unit."""
    found: dict[str, tuple[float, str]] = {}
    for name, network in LOIHI.items():
        graph = prepare(network, load_policy(None, network)).graph
        found[name] = share(network, graph), "%"
    for what, spec in (("twin", TWIN), ("timm", TIMM)):
        model, size = softmax_network(spec)
        began = time.perf_counter()
        graph = convert(model, None, None, calibration_frames(size, None))
        print(f"{spec}: converted in {time.perf_counter() - began:.1f} s")
        found[f"neurocore_op_share_{what}"] = share(spec, graph), "%"
        error, same = compare(model, graph, size, frames)
        print(f"{spec}: logits off by {error:.2f} % of their deviation, {same:.2f} % same class")
        found[f"{what}_int_logit_error"] = error, "%"
        found[f"{what}_int_agreement"] = same, "%"
        found[f"{what}_int_encoder_error"] = encoder_error(model, graph, size), "LSB"
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--frames", type=int, default=8, help="frames on which logits are compared")
    options = parser.parse_args()
    values = measure(options.frames)
    figures: dict[str, Figure] = {
        name: found_now(values[name][0], unit=values[name][1], command=COMMAND) for name in NAMES
    }
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
