"""Networks in the HDF5 format of lava-dl's netx: read into our graph, and written from it."""

from conversion.netx.importer import import_netx
from conversion.netx.write import export_netx

__all__ = ["export_netx", "import_netx"]
