"""Counts of a run by node and frame as an HDF5 file, in the form of an inputs file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sims.counts import NodeCounts
from sims.inputs_file import save_arrays


def save_counts(counts: Mapping[str, NodeCounts], path: Path) -> None:
    """Write counts; :func:`sims.inputs_file.load_arrays` reads them.

    Args:
        counts: Counts by node.
        path: The file. It holds ``"node.field"`` (T,) for each count taken, and
            ``"node.neurons"`` (1,).
    """
    arrays = {f"{name}.{f}": getattr(c, f) for name, c in counts.items() for f in c.counted}
    arrays |= {f"{name}.neurons": np.array([c.neurons]) for name, c in counts.items()}
    save_arrays(arrays, path)
