"""Plain temporal consistency praises an output that never changes; the one used here does not.

Four outputs for a street seen from a standing camera, made from its own truth: right in every
frame, frozen at the first frame, frozen and wrong, and wrong in every second frame. Consistency
along the flow puts the frozen wrong one beside the right one. Asking for the right answer at both
ends of the flow gives it nothing, and on what moves it gives the frozen one little.
"""

from __future__ import annotations

import numpy as np

from depth_snn.data.classes import CLASS_NAMES
from depth_snn.data.metrics import confusion_matrix, miou
from depth_snn.data.scene import StreetScene
from depth_snn.data.temporal import (
    correct_consistency,
    count_clip,
    temporal_agreement,
    temporal_miou,
)

CLASSES = len(CLASS_NAMES)
MOVES_PX = 0.5


def outputs(truth: np.ndarray) -> dict[str, np.ndarray]:
    """Class maps (T, H, W) by the way they came about."""
    wrong = (truth + 6) % CLASSES  # the road is sky, walls are poles: nothing moves onto its own
    every_second = np.arange(len(truth))[:, None, None] % 2 == 1
    return {
        "right": truth,
        "frozen": np.broadcast_to(truth[0], truth.shape),
        "frozen and wrong": np.broadcast_to(wrong[0], truth.shape),
        "flickering": np.where(every_second, wrong, truth),
    }


def main() -> None:
    frames = list(StreetScene(2, height=96, width=192, frames=24))
    truth, flow, hidden = (
        np.stack([getattr(frame, name) for frame in frames])
        for name in ("label", "flow", "occluded")
    )
    moves = np.linalg.norm(flow, axis=-1) > MOVES_PX
    agrees, correct, moving = {}, {}, {}
    print(f"{'output':18}{'mIoU':>7}{'agrees':>9}{'warped':>9}{'correct':>9}{'moving':>9}")
    for name, pred in outputs(truth).items():
        every = count_clip(pred, truth, flow, hidden, CLASSES)
        agrees[name], correct[name] = temporal_agreement(every), correct_consistency(every)
        moving[name] = correct_consistency(count_clip(pred, truth, flow, hidden, CLASSES, moves))
        print(
            f"{name:18}{miou(confusion_matrix(pred, truth, CLASSES)):7.3f}{agrees[name]:9.3f}"
            f"{temporal_miou(every):9.3f}{correct[name]:9.3f}{moving[name]:9.3f}"
        )
    assert correct["right"] == moving["right"] == 1.0
    assert agrees["frozen and wrong"] > 0.95, "plain consistency likes whatever stands still"
    assert max(correct["frozen and wrong"], moving["frozen and wrong"]) < 0.05, (
        "a frozen wrong output does not score"
    )
    assert correct["flickering"] == 0.0, "right half of the time, and never twice"
    assert moving["frozen"] < 0.5 < correct["frozen"] < 1.0, "it loses what it did not follow"


if __name__ == "__main__":
    main()
