"""DEPTH-SNN: a pruned video ViT whose pruned parts come back when spiking neurons say so.

The package imports nothing heavy by itself; import the module you need.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
