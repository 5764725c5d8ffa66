"""Opening an array of an HDF5 file only when it really lies inside that file."""

from __future__ import annotations

from pathlib import Path

import h5py

from depth_snn.errors import InputError


def stored_array(source: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """A dataset by name; links are not followed, so no other file is ever opened.

    Args:
        source: Path of the file, for messages.
        file: The open file.
        name: Name of the dataset.

    Returns:
        The dataset, not yet read.

    Raises:
        InputError: There is none, it is a soft or external link or a group, or its values are
            stored in another file.
    """
    link = file.get(name, getlink=True)
    item = file[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(item, h5py.Dataset) or item.external or item.is_virtual:
        raise InputError(f"{source}: '{name}' is missing or not an array inside the file")
    return item
