"""What a reader hands out: a picture with its class labels, or with its object numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from depth_snn.data.scene.arrays import U8


@dataclass(frozen=True)
class Entry:
    """Where one sample lies; nothing of it is loaded yet.

    Attributes:
        name: The sample's name inside its dataset.
        sequence: Name of the run of consecutive frames it belongs to.
        index: Its place in that sequence, from 0.
        rgb: File of the picture.
        label: File of the labels, or None where the dataset has none for this frame.
    """

    name: str
    sequence: str
    index: int
    rgb: Path
    label: Path | None


@dataclass(frozen=True)
class Sample:
    """One frame of a dataset.

    Attributes:
        name: The sample's name inside its dataset.
        rgb: uint8 (H, W, 3).
        label: uint8 (H, W), index into the reader's `classes`, 255 = ignore; None if unlabelled.
        sequence: Name of the run of consecutive frames it belongs to.
        index: Its place in that sequence, from 0.
    """

    name: str
    rgb: U8
    label: U8 | None
    sequence: str
    index: int


@dataclass(frozen=True)
class ObjectSample(Sample):
    """A frame whose truth is objects, not classes; its `label` is therefore always None.

    Attributes:
        objects: uint8 (H, W), 0 = background, 1.. = number of the object in its sequence,
            255 = ignore; None if this frame is not annotated.
    """

    objects: U8 | None
