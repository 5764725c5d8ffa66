"""What only the command line can put together: Lava as an engine, a trained network as a case."""
