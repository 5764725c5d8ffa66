"""Values of a long run, written a few frames at a time in the form of an inputs file."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import h5py
import numpy as np
import numpy.typing as npt

from depth_snn.sealed import SEAL_BYTES, write_seal
from sims.open_arrays import FORMAT, FORMAT_VERSION

PIECE_BYTES = 2**20
"""About as much of an array is packed as one piece."""

IntArray = npt.NDArray[np.int64]


class ValuesWriter:
    """Takes the frames of a run in order; the file appears when all of them are written.

    Used as a context: left by an exception it removes what was written.

    Args:
        path: The file; an existing one is replaced at the end.
        shapes: Shape of one frame of each array, by name.
        frames: Number of frames T.
        chunk: Frames that come at a time.
    """

    def __init__(
        self, path: Path, shapes: Mapping[str, tuple[int, ...]], frames: int, chunk: int
    ) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._shapes, self._frames, self._chunk = shapes, frames, chunk

    def __enter__(self) -> ValuesWriter:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = h5py.File(self._temporary, "w", userblock_size=SEAL_BYTES)
        try:
            self._file.attrs["format"] = FORMAT
            self._file.attrs["format_version"] = FORMAT_VERSION
            for name, shape in self._shapes.items():
                self._add(name, shape)
        except BaseException:
            self._discard()
            raise
        return self

    def _add(self, name: str, shape: tuple[int, ...]) -> None:
        # A piece is as many frames as divide a chunk, so that none is packed twice.
        rows = max(1, min(self._chunk, self._frames))
        while rows > 1 and (8 * rows * math.prod(shape) > PIECE_BYTES or self._chunk % rows):
            rows -= 1
        self._file.create_dataset(
            name, (self._frames, *shape), np.int64, chunks=(rows, *shape),
            compression="gzip", compression_opts=1, shuffle=True,
        )  # fmt: skip

    def put(self, first: int, values: Mapping[str, IntArray]) -> None:
        """Write frames from ``first`` on, (n, *shape) by name."""
        for name, array in values.items():
            self._file[name][first : first + len(array)] = array

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._discard()
            return
        try:
            self._file.close()
            write_seal(self._temporary, FORMAT)
            os.replace(self._temporary, self._path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def _discard(self) -> None:
        try:
            self._file.close()  # flushes, which a full disk refuses
        finally:
            self._temporary.unlink(missing_ok=True)
