"""Passes: functions from a graph to a graph, one verb per file."""
