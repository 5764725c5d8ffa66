"""Readers of labelled street video: Cityscapes, CamVid, DAVIS 2017 and CARLA recordings."""

from __future__ import annotations

from depth_snn.data.readers.camvid import open_camvid
from depth_snn.data.readers.carla import CarlaSample, decide_recorded_flow, open_carla
from depth_snn.data.readers.cityscapes import open_cityscapes
from depth_snn.data.readers.classmaps import (
    CAMVID_CLASSES,
    CAMVID_TO_STREET,
    CITYSCAPES_CLASSES,
    CITYSCAPES_TO_STREET,
    STREET_CLASSES,
    STREET_TO_CAMVID,
)
from depth_snn.data.readers.davis import open_davis
from depth_snn.data.readers.reader import Reader
from depth_snn.data.readers.sample import Entry, ObjectSample, Sample

__all__ = [
    "CAMVID_CLASSES",
    "CAMVID_TO_STREET",
    "CITYSCAPES_CLASSES",
    "CITYSCAPES_TO_STREET",
    "STREET_CLASSES",
    "STREET_TO_CAMVID",
    "CarlaSample",
    "Entry",
    "ObjectSample",
    "Reader",
    "Sample",
    "decide_recorded_flow",
    "open_camvid",
    "open_carla",
    "open_cityscapes",
    "open_davis",
]
