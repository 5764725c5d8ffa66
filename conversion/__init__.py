"""The typed graph: from a torch module to integers a chip can hold."""
