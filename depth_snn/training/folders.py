"""Labelled frames from data sets on disk, as training holds them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from depth_snn.config import NetworkConfig
from depth_snn.data.readers import CAMVID_CLASSES, open_camvid
from depth_snn.errors import ConfigError
from depth_snn.training.dataset import LabelledFrames


def read_camvid(config: NetworkConfig, folder: Path | None, split: str) -> LabelledFrames:
    """All frames of a split of CamVid at the network's size, in order.

    Args:
        config: Network whose size and number of classes are used.
        folder: Where CamVid lies.
        split: ``"train"``, ``"val"`` or ``"test"``.

    Raises:
        ConfigError: if no folder is given or the network has not CamVid's classes.
        InputError: if the folder holds something else.
    """
    if folder is None:
        raise ConfigError("a network of CamVid's classes needs CamVid; give it with --data DIR")
    if config.classes != len(CAMVID_CLASSES):
        raise ConfigError(
            f"network {config.name} has {config.classes} classes; CamVid has {len(CAMVID_CLASSES)}"
        )
    reader = open_camvid(folder, split=split, size=(config.height, config.width))
    samples = [reader[index] for index in range(len(reader))]
    labels = [s.label for s in samples if s.label is not None]
    return LabelledFrames(np.stack([s.rgb for s in samples]), np.stack(labels))
