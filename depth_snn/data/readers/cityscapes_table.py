"""Cityscapes' label ids and trainIds: from the cityscapesScripts package, or the copy here.

The one place that imports the package. The copy keeps reading possible without the package's
dozen dependencies; a test compares the two wherever the package is installed.
"""

from __future__ import annotations

import importlib

from depth_snn.data.readers.classmaps import CITYSCAPES_CLASSES, table_of
from depth_snn.data.scene.arrays import U8
from depth_snn.errors import ConfigError, MissingDependency

# Ids of the evaluated classes in the order of their trainIds. Source: the public table in
# cityscapesscripts/helpers/labels.py. Every other id (unlabeled, ego vehicle, rectification
# border, out of roi, static, dynamic, ground, parking, rail track, guard rail, bridge, tunnel,
# polegroup, caravan, trailer, licence plate) has trainId 255 or -1 and is ignored.
_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
CARRIED_TRAIN_IDS: dict[int, int] = {number: train for train, number in enumerate(_IDS)}
"""trainId by label id, for the nineteen evaluated classes."""

SOURCES = ("auto", "package", "carried")


def train_ids_of_package() -> dict[int, int]:
    """The trainId of each label id from cityscapesScripts, evaluated classes only.

    Raises:
        MissingDependency: If the package is not installed.
    """
    try:
        module = importlib.import_module("cityscapesscripts.helpers.labels")
    except ImportError as error:
        raise MissingDependency(
            "cityscapesScripts is not installed; pip install cityscapesscripts, "
            'or ask for the table of source "carried"'
        ) from error
    return {
        int(label.id): int(label.trainId)
        for label in module.labels
        if label.id >= 0 and 0 <= label.trainId < len(CITYSCAPES_CLASSES)
    }


def train_id_table(source: str = "auto") -> U8:
    """Lookup table from label ids to trainIds, uint8 (256,), 255 = ignore.

    Args:
        source: "package" for cityscapesScripts' own table, "carried" for the copy here, "auto"
            for the package where it is installed.

    Raises:
        ConfigError: If the source is unknown.
        MissingDependency: If the package is asked for and not installed.
    """
    if source not in SOURCES:
        raise ConfigError(f"label table source {source!r}: use one of {', '.join(SOURCES)}")
    if source == "carried":
        return table_of(CARRIED_TRAIN_IDS)
    try:
        return table_of(train_ids_of_package())
    except MissingDependency:
        if source == "package":
            raise
        return table_of(CARRIED_TRAIN_IDS)
