"""The metrics log that TensorBoard reads; the package is optional."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from depth_snn.errors import MissingDependency


class MetricsLog:
    """Scalars by step in a folder; without a folder nothing is written.

    Args:
        folder: Where to, or None.
        first_step: Records of a cut run from this step on are superseded by what follows.

    Raises:
        MissingDependency: if a folder is given and the package is missing.
    """

    def __init__(self, folder: Path | None, first_step: int = 0) -> None:
        self._writer: Any = None
        if folder is not None:
            try:
                from torch.utils.tensorboard.writer import SummaryWriter
            except ImportError:
                raise MissingDependency(
                    "--log needs TensorBoard's writer: pip install '.[train]', or leave it out"
                ) from None
            self._writer = SummaryWriter(str(folder), purge_step=first_step or None)

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Note values of a step."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()
