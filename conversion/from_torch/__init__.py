"""Reads torch networks; the one place of the conversion that imports torch."""

from conversion.from_torch.network import PIXELS, build_float_graph

__all__ = ["PIXELS", "build_float_graph"]
