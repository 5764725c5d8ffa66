"""Measuring scripts, and what they share."""
