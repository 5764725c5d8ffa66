"""The gate neuron: one equation, three bodies (Loihi integers, snntorch, norse)."""
