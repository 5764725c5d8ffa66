"""Graphs with inputs on which every engine must show the same integers (docs/conformance.md)."""
