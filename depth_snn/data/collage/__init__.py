"""Clips made of real labelled pictures: a moving crop, and real objects that appear suddenly."""

from __future__ import annotations

from depth_snn.data.collage.clip import CollageClip
from depth_snn.data.collage.course import CAMERAS
from depth_snn.data.collage.sampling import random_collage

__all__ = ["CAMERAS", "CollageClip", "random_collage"]
