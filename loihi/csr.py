"""The weights of a Sparse as a matrix of scipy's, which Lava takes."""

from __future__ import annotations

from typing import Any

from conversion.nodes import Sparse


def csr_of(node: Sparse, kind: Any) -> Any:
    """The weights (R', R) in compressed rows, of a NumPy type; ours are its columns."""
    from scipy.sparse import csc_matrix  # comes with Lava, and is needed with it only

    parts = (node.weight.astype(kind), node.targets, node.starts)
    return csc_matrix(parts, shape=(node.count, node.sources)).tocsr()
