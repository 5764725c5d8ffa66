"""CamVid, from the scene weights against from nothing: same network, data, steps and minutes.

Trains both recipes (`camvid`, `camvid_scratch`) and measures them on val, 101 labelled frames. With
`--shipped` the fine-tuned network is not trained again: the shipped weights are measured. Weights
that already lie in `--out` are measured as they are.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from depth_snn.data.metrics import miou, per_class_iou
from depth_snn.data.readers import CAMVID_CLASSES
from depth_snn.figures import Figure, found_now, publish
from depth_snn.models.weights import facts_of, load_network, shipped
from depth_snn.training.scores import score_text, unseen_scores

COMMAND = "python benchmarks/measure_camvid.py --data DIR"
RECIPES = {"finetuned": "camvid", "scratch": "camvid_scratch"}
NAMES = (
    "camvid_val_finetuned", "camvid_val_scratch", "camvid_minutes", "camvid_scratch_minutes",
    *(f"camvid_val_{kind}_{name}" for kind in RECIPES for name in CAMVID_CLASSES),
)  # fmt: skip
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "camvid"


def trained(recipe: str, data: Path, folder: Path, more: list[str]) -> Path:
    """Weights of a recipe, trained now unless they are there."""
    out = folder / f"{recipe}.safetensors"
    if out.is_file():
        return out
    words = ["train", recipe, "--out", str(out), "--data", str(data), *more]
    subprocess.run([sys.executable, "-m", "depth_snn.cli", *words], check=True)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--data", type=Path, default=BESIDE, help="CamVid (default: beside)")
    parser.add_argument("--shipped", action="store_true", help="measure the shipped fine-tuned one")
    parser.add_argument("--out", type=Path, help="keep the trained weights in this folder")
    parser.add_argument("--args", default="", help="more options of `depth-snn train`")
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"measure_camvid: error: no CamVid at {options.data}; give --data", file=sys.stderr)
        return 1
    found: dict[str, tuple[float, str]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        for kind, recipe in RECIPES.items():
            if recipe == "camvid" and options.shipped:
                path = shipped("camvid")
            else:
                path = trained(recipe, options.data, folder, options.args.split())
            model = load_network(path)
            matrix = unseen_scores(model, clips=1, folder=options.data)["val"]
            print(f"{recipe}: {score_text(matrix, model.config)}")
            found[f"camvid_val_{kind}"] = (100 * miou(matrix), "%")
            for name, value in zip(CAMVID_CLASSES, per_class_iou(matrix), strict=True):
                found[f"camvid_val_{kind}_{name}"] = (100 * float(value), "%")
            found[f"{recipe}_minutes"] = (float(facts_of(path)["minutes"]), "min")
    figures: dict[str, Figure] = {
        name: found_now(value, unit=unit, command=COMMAND) for name, (value, unit) in found.items()
    }
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
