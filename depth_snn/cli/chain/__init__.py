"""The whole chain, put together: the one place that imports from all four packages."""
