"""A procedural 2.5-D street: textured cards painted far to near, with exact label and flow."""

from __future__ import annotations

from depth_snn.data.scene.frame import (
    BurstEvent,
    CameraMotion,
    LabelledFrame,
    Pose,
    SceneFrame,
)
from depth_snn.data.scene.sampling import random_clip, sample_frames
from depth_snn.data.scene.street import CAMERAS, StreetScene
from depth_snn.data.scene.style import ASSETS, DOMAINS

__all__ = [
    "ASSETS",
    "CAMERAS",
    "DOMAINS",
    "BurstEvent",
    "CameraMotion",
    "LabelledFrame",
    "Pose",
    "SceneFrame",
    "StreetScene",
    "random_clip",
    "sample_frames",
]
