"""Clips that policies are measured on, in sets; every set holds the same scenes of another seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from depth_snn.config import NetworkConfig
from depth_snn.data.bursts import LAST_LAG
from depth_snn.data.frames import Frame, open_frames
from depth_snn.data.scene import SCENES
from depth_snn.errors import ConfigError

SEARCH_SCENES = ("standing-traffic", "driving-day", "driving-rain", "standing-night")
SEARCH_FRAMES = 15
SEARCH_SEEDS = tuple(range(320, 326))
HELD_OUT_SEEDS = tuple(range(450, 458))
"""Streets that no search sees: what is reported of a front is measured here."""
FEWEST_FRAMES, MOST_FRAMES = 4, 10_000
"""A scene of fewer frames has no sudden event."""
PIXEL_BYTES = 3 + 1 + 8
"""Held of every pixel of a set: colours, label, and the flow found once, two floats."""
MOST_BYTES = 4 * 2**30
"""Most that the sets of one search may take in one process."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A labelled clip and the first frames of its sudden events."""

    frames: Sequence[Frame]
    events: Sequence[int]


@dataclass(frozen=True, eq=False)
class ClipSet:
    """Clips that are measured together.

    Attributes:
        number: Which set of a search it is, from 0.
        clips: One for each scene.
    """

    number: int
    clips: tuple[Clip, ...]

    @property
    def last_lag(self) -> int:
        """Last lag of a burst window: as usual, or as far as the clips reach behind their events.

        At 15 frames an event is in frame 5, and a window has lags 0 to 9.
        """
        first = [len(c.frames) - 1 - min(c.events) for c in self.clips if c.events]
        return min(LAST_LAG, *first) if first else LAST_LAG


def scene_clip(scene: str, seed: int, frames: int, config: NetworkConfig) -> Clip:
    """A built-in scene of the network's size."""
    source = open_frames(
        f"scene:{scene}", height=config.height, width=config.width, limit=frames, seed=seed
    )
    return Clip(list(source), sorted(event.first_frame for event in source.events))


def make_set(
    number: int, scenes: Sequence[str], seed: int, frames: int, config: NetworkConfig
) -> ClipSet:
    """Render a set."""
    return ClipSet(number, tuple(scene_clip(s, seed, frames, config) for s in scenes))


def set_bytes(scenes: int, frames: int, config: NetworkConfig) -> int:
    """Memory of one set with what is worked out about it once.

    24 MB for four scenes of 15 frames in the size of ``small``.
    """
    matrix = 8 * config.classes**2
    return scenes * frames * (PIXEL_BYTES * config.height * config.width + matrix)


def check_clips(
    scenes: Sequence[str], frames: int, seeds: Sequence[int], config: NetworkConfig
) -> None:
    """Refuse sets that cannot be rendered or would not fit, before anything runs.

    Raises:
        ConfigError: naming what is wrong.
    """
    for scene in scenes:
        if scene not in SCENES:
            raise ConfigError(f"scene {scene!r}: unknown; use some of {', '.join(SCENES)}")
    if not scenes or len(set(scenes)) != len(scenes):
        raise ConfigError(f"scenes {', '.join(scenes) or 'none'}: expected at least one, each once")
    if type(frames) is not int or not FEWEST_FRAMES <= frames <= MOST_FRAMES:
        raise ConfigError(f"frames {frames}: expected {FEWEST_FRAMES} to {MOST_FRAMES}")
    if not all(type(seed) is int and 0 <= seed < 2**31 for seed in seeds):
        raise ConfigError(f"seeds {list(seeds)}: expected whole numbers from 0")
    if not seeds or len(set(seeds)) != len(seeds):
        raise ConfigError(f"seeds {list(seeds)}: expected at least one, each once")
    needed = len(seeds) * set_bytes(len(scenes), frames, config)
    if needed > MOST_BYTES:
        raise ConfigError(
            f"{len(seeds)} sets of {len(scenes)} scenes of {frames} frames take "
            f"{needed / 2**30:.1f} GiB in every process, the limit is {MOST_BYTES / 2**30:.0f}; "
            "use fewer or shorter ones"
        )
