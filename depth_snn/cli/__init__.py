"""The command line: the one place that may import from all four packages, always lazily."""
