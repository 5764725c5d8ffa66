"""Spike recovery: what drives the gates, and what a spike may restore under the cap."""
