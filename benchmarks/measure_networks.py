"""Accuracy of the shipped networks on scenes they have not seen: the twin, the Loihi kind, int8.

The frames, their seeds and the code are those of `depth-snn eval --protocol accuracy`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from depth_snn.cli.accuracy import evaluate_integers
from depth_snn.data.classes import PEDESTRIAN
from depth_snn.data.metrics import miou, per_class_iou
from depth_snn.figures import Figure, found_now, publish
from depth_snn.models.weights import facts_of, load_network, shipped
from depth_snn.training.dataset import LabelledFrames
from depth_snn.training.evaluate import evaluate
from depth_snn.training.scores import unseen_frames

COMMAND = "python benchmarks/measure_networks.py"
NAMES = (
    "miou_vit_known", "miou_vit_known_worst_class",
    "miou_vit_heldout", "miou_vit_heldout_pedestrian", "miou_vit_heldout_worst_class",
    "miou_loihi_float_known", "miou_loihi_float_heldout", "miou_loihi_float_heldout_pedestrian",
    "miou_loihi_int8_heldout", "miou_loihi_int8_loss", "train_vit_minutes", "train_loihi_minutes",
)  # fmt: skip
TWIN, LOIHI = "small_vit", "small"


def scores(frames: dict[str, LabelledFrames], int8_frames: int) -> dict[str, tuple[float, str]]:
    """Every figure's value and unit."""
    found: dict[str, tuple[float, str]] = {}
    for kind, name in (("vit", TWIN), ("loihi_float", LOIHI)):
        model = load_network(shipped(name))
        for assets, labelled in frames.items():
            matrix = evaluate(model, labelled)
            classes = 100 * per_class_iou(matrix)
            print(f"{name} {assets}: mIoU {100 * miou(matrix):.2f}, classes {classes.round(2)}")
            found[f"miou_{kind}_{assets}"] = (100 * miou(matrix), "%")
            found[f"miou_{kind}_{assets}_pedestrian"] = (float(classes[PEDESTRIAN]), "%")
            found[f"miou_{kind}_{assets}_worst_class"] = (float(classes.min()), "%")
    few = frames["heldout"][:int8_frames]
    floats = 100 * miou(evaluate(load_network(shipped(LOIHI)), few))
    integers = 100 * miou(evaluate_integers(LOIHI, few))
    print(f"{LOIHI} on {len(few)} held-out frames: float {floats:.2f}, int8 {integers:.2f}")
    found["miou_loihi_int8_heldout"] = (integers, "%")
    found["miou_loihi_int8_loss"] = (floats - integers, "points")
    for kind, name in (("vit", TWIN), ("loihi", LOIHI)):
        found[f"train_{kind}_minutes"] = (float(facts_of(shipped(name))["minutes"]), "min")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--clips", type=int, default=64, help="groups of twelve frames of each")
    parser.add_argument("--int8-frames", type=int, default=768, help="held-out frames in integers")
    parser.add_argument("--cache", type=Path, help="keep painted frames in this folder")
    options = parser.parse_args()
    config = load_network(shipped(LOIHI)).config
    frames = dict(unseen_frames(config, clips=options.clips, cache=options.cache))
    values = scores(frames, options.int8_frames)
    figures: dict[str, Figure] = {
        name: found_now(values[name][0], unit=values[name][1], command=COMMAND) for name in NAMES
    }
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
