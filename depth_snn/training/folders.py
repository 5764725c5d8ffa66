"""Labelled frames from data sets on disk."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError, InputError
from depth_snn.training.dataset import LabelledFrames

CAMVID_NAMES = (
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
)


def read_camvid(config: NetworkConfig, folder: Path | None, split: str) -> LabelledFrames:
    """All frames of a split of CamVid in the SegNet layout, at the network's size."""
    if folder is None:
        raise ConfigError("this recipe learns from CamVid; give its folder with --data DIR")
    names = sorted(p for p in (folder / split).glob("*") if p.suffix in (".png", ".jpg"))
    if not names:
        raise InputError(f"{folder}: no frames in {split}/; expected CamVid in the SegNet layout")
    rgb, label = [], []
    for p in names:
        q = folder / f"{split}annot" / (p.stem + ".png")
        a = cv2.cvtColor(cv2.imread(str(p)), cv2.COLOR_BGR2RGB)
        b = cv2.imread(str(q), cv2.IMREAD_UNCHANGED)
        rgb.append(cv2.resize(a, (config.width, config.height), interpolation=cv2.INTER_AREA))
        b = cv2.resize(b, (config.width, config.height), interpolation=cv2.INTER_NEAREST)
        label.append(np.where(b >= 11, 255, b).astype(np.uint8))
    return LabelledFrames(np.stack(rgb), np.stack(label))
