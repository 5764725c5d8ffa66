"""Placing a graph's neurons on the cores of a target."""
