"""Training the shipped `street` network from nothing, with the command that made its weights.

Takes some minutes on two cores: painting, training, and measuring on unseen scenes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from depth_snn.figures import found_now, publish
from depth_snn.models.weights import facts_of

COMMAND = "python benchmarks/measure_train.py"
NAMES = ("train_street_minutes", "train_street_miou_known", "train_street_miou_heldout")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--out", type=Path, help="keep the weights in this file")
    parser.add_argument("--args", default="", help="more options of `depth-snn train`")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder) / "street.safetensors"
        words = ["train", "street", "--out", str(out), *options.args.split()]
        start = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "depth_snn.cli", *words], check=False)
        minutes = (time.monotonic() - start) / 60
        if done.returncode != 0:
            print(f"measure_train: error: depth-snn train: exit {done.returncode}", file=sys.stderr)
            return 1
        facts = facts_of(out)
    command = COMMAND + (f" --args '{options.args}'" if options.args else "")
    values = (
        (minutes, "min"),
        (100 * float(facts["miou_known"]), "%"),
        (100 * float(facts["miou_heldout"]), "%"),
    )
    figures = {
        name: found_now(value, unit=unit, command=command)
        for name, (value, unit) in zip(NAMES, values, strict=True)
    }
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
