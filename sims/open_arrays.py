"""A file of integer arrays, read a few frames at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from depth_snn.errors import InputError, no_file
from depth_snn.sealed import seal_fault
from sims.stored_array import stored_array

FORMAT = "depth-snn-inputs"
FORMAT_VERSION = 1
MAX_PIECE_BYTES = 2**28
"""The most that a file may unpack at once, in whatever pieces its arrays are stored."""
INT64_TOP = 2**63 - 1
_DAMAGE = (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError)

IntArray = npt.NDArray[np.int64]


class OpenArrays:
    """What :func:`sims.inputs_file.save_arrays` or a run wrote, open for reading.

    Args:
        path: The file.

    Attributes:
        shapes: Shape of each array, frames first, by name.

    Raises:
        InputError: in one line, when the file is missing, damaged or foreign, or when an array is
            no array of whole numbers inside the file, or is stored in too large pieces.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            advice = (
                "no such file; `depth-snn run` writes inputs.h5 beside its report, "
                "sims.inputs_file.save_arrays those of other graphs"
            )
            raise InputError(no_file(self.path, advice))
        try:
            fault = seal_fault(self.path, FORMAT)
            if fault:
                raise InputError(f"{path}: not a readable inputs file ({fault})")
            self._file = h5py.File(self.path, "r")
        except _DAMAGE as error:
            raise self._unreadable(error) from None
        try:
            self._datasets = self._checked()
        except BaseException as error:
            self._file.close()
            if isinstance(error, _DAMAGE):
                raise self._unreadable(error) from None
            raise
        self.shapes: Mapping[str, tuple[int, ...]] = {
            name: tuple(d.shape) for name, d in self._datasets.items()
        }

    @property
    def frames(self) -> int:
        """Length of the first array; 0 where there is none."""
        return next((shape[0] for shape in self.shapes.values() if shape), 0)

    @property
    def unpacked_bytes(self) -> int:
        """Size of all arrays as int64."""
        return sum(8 * int(d.size) for d in self._datasets.values())

    def read(
        self,
        first: int | None = None,
        last: int | None = None,
        names: Collection[str] | None = None,
    ) -> dict[str, IntArray]:
        """Frames ``first`` up to before ``last`` of some arrays, all by default, as int64.

        Raises:
            InputError: if what is stored cannot be read, or does not fit int64.
        """
        wanted = self.shapes if names is None else names
        return {name: self._part(name, slice(first, last)) for name in wanted}

    def _part(self, name: str, rows: slice) -> IntArray:
        dataset = self._datasets[name]
        try:
            part: npt.NDArray[Any] = np.asarray(dataset[rows] if dataset.shape else dataset[()])
        except _DAMAGE as error:
            raise self._unreadable(error) from None
        if part.dtype.kind == "u" and part.size and int(part.max()) > INT64_TOP:
            raise InputError(
                f"{self.path}: array {name!r} holds {part.max()}; 2^63 - 1 is the most"
            )
        return part.astype(np.int64)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> OpenArrays:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _checked(self) -> dict[str, h5py.Dataset]:
        file, path = self._file, self.path
        if file.attrs.get("format") != FORMAT or int(file.attrs["format_version"]) != 1:
            raise InputError(f"{path}: not a {FORMAT} file of version {FORMAT_VERSION}")
        datasets = {name: stored_array(path, file, name) for name in file}
        for name, dataset in datasets.items():
            if dataset.dtype.kind not in "iub":
                raise InputError(f"{path}: array {name!r} does not hold integers")
            piece = int(np.prod(dataset.chunks or (0,), dtype=object)) * dataset.dtype.itemsize
            if piece > MAX_PIECE_BYTES:
                raise InputError(
                    f"{path}: array {name!r} is stored in pieces of {piece} bytes, more than the "
                    f"limit of {MAX_PIECE_BYTES}; write it with sims.inputs_file.save_arrays"
                )
        return datasets

    def _unreadable(self, error: BaseException) -> InputError:
        return InputError(f"{self.path}: not a readable inputs file ({error})")
