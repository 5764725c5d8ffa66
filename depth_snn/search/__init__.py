"""Evolution finds the pruning: genomes, problems, algorithms, executors, and the loop over them."""
