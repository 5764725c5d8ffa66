"""A run packed for others: graph, inputs, expected integers, and how to tell whether they match."""
