"""Motion sources by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError
from depth_snn.motion.base import Motion, MotionSource
from depth_snn.motion.codec import CodecVectors
from depth_snn.motion.dis import DISFlow
from depth_snn.motion.patch import PatchDifference

__all__ = ["SOURCES", "Motion", "MotionSource", "make_source"]

SOURCES: dict[str, Callable[[NetworkConfig], MotionSource]] = {
    "patch": PatchDifference,
    "dis": DISFlow,
    "codec": CodecVectors,
}


RAFT = "raft:"
"""What stands before the path of RAFT's weights."""


def make_source(name: str, config: NetworkConfig) -> MotionSource:
    """A motion source for frames of the network's size.

    Args:
        name: One of :data:`SOURCES`, or ``raft:PATH`` with RAFT-small's weights.
        config: Shape of the network.

    Raises:
        ConfigError: if there is no such source.
    """
    if name.startswith(RAFT):
        from depth_snn.motion.raft import RaftFlow

        return RaftFlow(config, Path(name.removeprefix(RAFT)))
    if name not in SOURCES:
        raise ConfigError(
            f"motion source {name!r}: expected one of {', '.join(SOURCES)}, or raft:FILE"
        )
    return SOURCES[name](config)
