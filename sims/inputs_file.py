"""Inputs of a graph as an HDF5 file, so that a run can be simulated again by any engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from depth_snn.errors import InputError
from depth_snn.sealed import SEAL_BYTES, seal_fault, write_seal
from sims.stored_array import stored_array

FORMAT = "depth-snn-inputs"
FORMAT_VERSION = 1
MAX_BYTES = 2**32

Arrays = Mapping[str, npt.NDArray[np.integer[Any]]]


def save_arrays(arrays: Arrays, path: Path | str) -> None:
    """Write integer arrays (T, *shape) by name; replaces an existing file when all is written."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with h5py.File(temporary, "w", userblock_size=SEAL_BYTES) as file:
            file.attrs["format"], file.attrs["format_version"] = FORMAT, FORMAT_VERSION
            for name, array in arrays.items():
                file.create_dataset(name, data=array, compression="gzip", shuffle=True)
        write_seal(temporary, FORMAT)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def load_arrays(path: Path | str) -> dict[str, npt.NDArray[np.int64]]:
    """Read what :func:`save_arrays` wrote, as int64.

    Raises:
        InputError: in one line, when the file is missing, damaged, foreign or larger than 4 GiB
        unpacked, or when an array is a link or is stored outside the file.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; `depth-snn run` writes inputs.h5 beside its report, "
            "sims.inputs_file.save_arrays those of other graphs"
        )
    try:
        fault = seal_fault(path, FORMAT)
        if fault:
            raise InputError(f"{path}: not a readable inputs file ({fault})")
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != FORMAT or int(file.attrs["format_version"]) != 1:
                raise InputError(f"{path}: not a {FORMAT} file of version {FORMAT_VERSION}")
            datasets = {name: stored_array(path, file, name) for name in file}
            size = sum(8 * d.size for d in datasets.values())
            if size > MAX_BYTES:
                raise InputError(
                    f"{path}: {size} bytes unpacked, more than the limit of {MAX_BYTES}"
                )
            bad = [name for name, d in datasets.items() if d.dtype.kind not in "iub"]
            if bad:
                raise InputError(f"{path}: array {bad[0]!r} does not hold integers")
            return {name: dataset[()].astype(np.int64) for name, dataset in datasets.items()}
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise InputError(f"{path}: not a readable inputs file ({error})") from None
