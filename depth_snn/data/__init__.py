"""Frames, procedural street scenes, class names and segmentation metrics (no torch)."""
