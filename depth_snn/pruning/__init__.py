"""Which tokens and heads are computed, what that costs, and the stream that computes only those."""
