"""NIR, the neuromorphic intermediate representation: in and out (docs/nir.md).

Nothing here imports the package `nir` before a graph is read or written.
"""

from conversion.nir_io.files import read_file, write_file
from conversion.nir_io.read import import_nir
from conversion.nir_io.write import export_nir

__all__ = ["export_nir", "import_nir", "read_file", "write_file"]
