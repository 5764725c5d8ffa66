"""Parts of `depth-snn search`."""
