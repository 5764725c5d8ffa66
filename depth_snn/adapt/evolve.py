"""Evolution beside a running stream: a policy for a scene that no known one is meant for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_snn.adapt.jobs import Job, Worker
from depth_snn.adapt.rehearsal import Image
from depth_snn.adapt.statistics import CUT
from depth_snn.adapt.study import Study, Trial
from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError

Floats = npt.NDArray[np.float64]
REMEMBERED = 512
"""Frames whose statistics make a found policy's centre; older ones are forgotten."""
BUSY = ("search", "try", "watch try")
"""Phases in which the worker has a job."""


@dataclass(frozen=True)
class Accepted:
    """A policy that passed its trial, and the scene it is for.

    Attributes:
        policy: What was found.
        centre: Mean statistics of the scene's frames (F,).
        reach: Largest distance of one of them, given by the evolver's measure.
    """

    policy: PolicyConfig
    centre: tuple[float, ...]
    reach: float


@dataclass(frozen=True)
class Dropped:
    """A policy found earlier that fell behind the fallback."""

    domain: str


@dataclass(frozen=True)
class Pace:
    """Frames that things take.

    Attributes:
        window: Frames that a search or a trial plays, two or more.
        rest: Frames after a search that came to nothing before the next begins.
        watch: Frames between trials of a policy that was accepted.
    """

    window: int = 12
    rest: int = 60
    watch: int = 120

    def __post_init__(self) -> None:
        if self.window < 2 or self.rest < 0 or self.watch < self.window:
            raise ConfigError(
                f"window {self.window}, rest {self.rest}, watch {self.watch}: expected 2 or more, "
                "0 or more, and at least the window"
            )


class Evolver:
    """Searches while the scene is unknown, tries what is found, and watches what was accepted.

    What it returns takes effect at the next frame boundary. A policy is accepted only if, on frames
    that came after those its search saw, it scores no less than the fallback; after that it is
    tried again every :attr:`Pace.watch` frames, and dropped when it scores less.

    Args:
        study: How to search.
        worker: Does the searching.
        distance: Of statistics to a centre.
        pace: When.

    Attributes:
        trials: Every comparison with the fallback so far.
        searches: Searches begun.
    """

    def __init__(
        self, study: Study, worker: Worker, distance: Callable[[Floats, Floats], float],
        pace: Pace | None = None,
    ) -> None:  # fmt: skip
        self.study, self.worker, self.pace = study, worker, pace or Pace()
        self.trials: list[Trial] = []
        self.searches = 0
        self._distance = distance
        self._frames: deque[Image] = deque(maxlen=self.pace.window)
        self._seen: deque[Floats] = deque(maxlen=REMEMBERED)
        self._phase, self._wait = "gather", 0
        self._found: PolicyConfig | None = None
        self._watched = ""

    def step(
        self, rgb: Image, statistics: Floats, domain: str | None, watched: bool,
        policy: PolicyConfig, fallback: PolicyConfig,
    ) -> Accepted | Dropped | None:  # fmt: skip
        """Hear of one frame.

        Args:
            rgb: The frame (H, W, 3).
            statistics: Its statistics (F,).
            domain: The domain it is in; None for unknown.
            watched: Whether that domain's policy was found here.
            policy: What runs.
            fallback: What runs in unknown scenes.
        """
        if domain is not None:
            if watched:
                return self._watch(rgb, domain, policy, fallback)
            self.forget()
            return None
        if self._phase.startswith("watch"):
            self.forget()
        if self._wait:
            self._wait -= 1
            return None
        self._frames.append(rgb)
        self._seen.append(statistics)
        return self._evolve(policy, fallback)

    def forget(self) -> None:
        """Give up what is under way: the scene has changed."""
        if self._phase in BUSY:
            self.worker.cancel()
        self._restart(0)

    def close(self) -> None:
        """End the worker."""
        self.worker.close()

    def _restart(self, wait: int) -> None:
        self._phase, self._wait, self._found = "gather", wait, None
        self._frames.clear()
        self._seen.clear()

    def _evolve(self, policy: PolicyConfig, fallback: PolicyConfig) -> Accepted | None:
        full = len(self._frames) == self.pace.window
        if self._phase == "gather" and full:
            job = self.study.search(tuple(self._frames), self.searches, policy, fallback)
            self._begin("search", job)
            self.searches += 1
        elif self._phase == "search":
            ended, self._found = self.worker.poll()
            if ended and self._found is None:
                self._restart(self.pace.rest)
            elif ended:
                self._phase = "later"
        # Frames that came while the search ran are new to it, so a trial may begin with them.
        if self._phase == "later" and len(self._frames) == self.pace.window:
            assert self._found is not None
            self._begin("try", self.study.compare(tuple(self._frames), self._found, fallback))
        elif self._phase == "try":
            return self._tried()
        return None

    def _tried(self) -> Accepted | None:
        ended, trial = self.worker.poll()
        if not ended:
            return None
        self.trials.append(trial)
        found = None
        if trial.passed:
            assert self._found is not None
            seen = np.array(self._seen)
            centre = _centre(seen)
            reach = max(self._distance(one, centre) for one in seen)
            found = Accepted(self._found, tuple(float(v) for v in centre), reach)
        self._restart(0 if found else self.pace.rest)
        return found

    def _begin(self, phase: str, job: Job) -> None:
        self.worker.submit(job)
        self._phase = phase
        self._frames.clear()

    def _watch(
        self, rgb: Image, domain: str, policy: PolicyConfig, fallback: PolicyConfig
    ) -> Dropped | None:
        if not self._phase.startswith("watch") or domain != self._watched:
            self.forget()
            self._phase, self._watched = "watch", domain
            self._wait = self.pace.watch - self.pace.window
        if self._phase == "watch try":
            ended, trial = self.worker.poll()
            if not ended:
                return None
            self.trials.append(trial)
            self._restart(0 if trial.passed else self.pace.rest)
            return None if trial.passed else Dropped(domain)
        if self._wait:
            self._wait -= 1
            return None
        self._frames.append(rgb)
        if len(self._frames) == self.pace.window:
            self._begin("watch try", self.study.compare(tuple(self._frames), policy, fallback))
        return None


def _centre(seen: Floats) -> Floats:
    """Mean of statistics (K, F); flicker is known of no frame where all of them are cuts."""
    known = np.isfinite(seen)
    total, count = np.where(known, seen, 0).sum(axis=0), known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), CUT)
