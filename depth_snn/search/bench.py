"""What evaluations keep in a process: the network, clips, and what is known of them.

The two problems used last are kept, which are a search and its held-out twin; a network is shared.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError, InputError
from depth_snn.motion.sources import RAFT
from depth_snn.recovery.judge_file import judge_path
from depth_snn.search.clips import ClipSet, make_set
from depth_snn.search.measure import Known, known_of

if TYPE_CHECKING:
    from depth_snn.pruning.play import Player

KEPT = 2
LOCK = threading.RLock()
"""Held by whoever measures: buffers of a network are its own, and threads are set for all."""

Files = tuple[tuple[str, str], ...]
T = TypeVar("T")


@dataclass(frozen=True)
class BenchKey:
    """What heavy state depends on.

    Attributes:
        network: Name of shipped weights, or a file.
        files: SHA-256 of every file that results rest on, by role.
        judge, motion: As in a policy.
        scenes, frames, seeds: The sets; set k holds every scene at seed k.
    """

    network: str
    files: Files
    judge: str
    motion: str
    scenes: tuple[str, ...]
    frames: int
    seeds: tuple[int, ...]


@dataclass
class Bench:
    """A network and its sets of clips, rendered when first asked for; about 24 MB a set."""

    key: BenchKey
    player: Player
    _sets: dict[int, tuple[ClipSet, tuple[Known, ...]]] = field(default_factory=dict)

    def clip_set(self, number: int) -> tuple[ClipSet, tuple[Known, ...]]:
        """A set of clips and what is known of each."""
        if number not in self._sets:
            key, config = self.key, self.player.model.config
            made = make_set(number, key.scenes, key.seeds[number], key.frames, config)
            known = tuple(known_of(clip, self.player, key.motion) for clip in made.clips)
            self._sets[number] = made, known
        return self._sets[number]


_benches: OrderedDict[Hashable, Bench] = OrderedDict()
_players: OrderedDict[Hashable, Player] = OrderedDict()


def bench_of(key: BenchKey) -> Bench:
    """The process's own state for a problem, made when first asked for.

    Raises:
        ConfigError: if a file is not the one the problem was made with.
    """
    return _kept(_benches, key, lambda: Bench(key, _player(key)))


def file_digests(network: str, base: PolicyConfig) -> Files:
    """SHA-256 of the files that results rest on: weights, trained judge, RAFT's weights.

    Raises:
        InputError: if there is no such file.
        ConfigError: if there is no such judge.
    """
    from depth_snn.models.weights import find_weights

    paths = {"judge": judge_path(base.judge), "weights": find_weights(network)}
    if base.motion.startswith(RAFT):
        paths["motion"] = Path(base.motion.removeprefix(RAFT))
    named = sorted((role, path) for role, path in paths.items() if path is not None)
    return tuple((role, _digest(path)) for role, path in named)


def _player(key: BenchKey) -> Player:
    from depth_snn.models.weights import find_network
    from depth_snn.pruning.play import Player

    now = file_digests(key.network, PolicyConfig(judge=key.judge, motion=key.motion))
    wanted = dict(key.files)
    for role, found in now:
        if found != wanted.get(role):
            raise ConfigError(
                f"network {key.network}: its {role} file is not the one this search began with "
                f"(SHA-256 {found[:12]}…, not {wanted.get(role, 'known')[:12]}…); put that one "
                "back or start anew"
            )
    names = (key.network, wanted["weights"])
    return _kept(_players, names, lambda: Player(find_network(key.network)))


def _kept(held: OrderedDict[Hashable, T], key: Hashable, make: Callable[[], T]) -> T:
    if key not in held:
        while len(held) >= KEPT:  # before the next one takes its memory
            held.popitem(last=False)
        held[key] = make()
    held.move_to_end(key)
    return held[key]


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
