"""A procedural 2.5-D street: textured cards painted far to near, with exact label and flow."""

from __future__ import annotations

from depth_snn.data.scene.domain import DOMAINS
from depth_snn.data.scene.events import KINDS
from depth_snn.data.scene.frame import (
    BurstEvent,
    CameraMotion,
    LabelledFrame,
    Pose,
    SceneFrame,
)
from depth_snn.data.scene.names import SCENES, SceneSpec
from depth_snn.data.scene.palette import ASSETS
from depth_snn.data.scene.sampling import random_clip, sample_frames
from depth_snn.data.scene.street import CAMERAS, StreetScene

__all__ = [
    "ASSETS",
    "CAMERAS",
    "DOMAINS",
    "KINDS",
    "SCENES",
    "BurstEvent",
    "CameraMotion",
    "LabelledFrame",
    "Pose",
    "SceneFrame",
    "SceneSpec",
    "StreetScene",
    "random_clip",
    "sample_frames",
]
