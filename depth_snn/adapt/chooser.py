"""Which domain a stream is in: nearest centre of running statistics, with hysteresis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from depth_snn.adapt.library import PolicySet
from depth_snn.errors import ConfigError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Hysteresis:
    """When a choice changes.

    Attributes:
        share: Weight of a new frame in the running average of the statistics.
        margin: Share by which another domain must be nearer than the present one.
        patience: Frames in a row, K, that must agree before the choice changes.
    """

    share: float = 0.4
    margin: float = 0.1
    patience: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(f"share {self.share}: expected a number above 0, at most 1")
        if not 0 <= self.margin < 1:
            raise ConfigError(f"margin {self.margin}: expected a number from 0 to below 1")
        if self.patience < 1:
            raise ConfigError(f"patience {self.patience}: expected 1 frame or more")


class Chooser:
    """Follows one stream; its choice changes at most every K frames.

    A frame speaks for a domain only if it lies nearest to it both by itself and by the running
    average: the average alone would let one wild frame speak for several that follow, and the frame
    alone would follow noise.

    Args:
        policies: What may be chosen.
        hysteresis: When.

    Attributes:
        domain: The present choice; None where the scene is unknown.
        average: Running statistics (F,); None before the first frame.
    """

    def __init__(self, policies: PolicySet, hysteresis: Hysteresis | None = None) -> None:
        self.policies = policies
        self.hysteresis = hysteresis or Hysteresis()
        self.domain: str | None = None
        self.average: Floats | None = None
        self._wanted: str | None = None
        self._votes = 0

    def step(self, statistics: Floats) -> str | None:
        """Hear one frame's statistics (F,), NaN where unknown; returns the choice from here on."""
        first = self.average is None
        self._follow(statistics)
        if first:
            # The first frame is computed whole whatever is chosen, so a guess costs nothing.
            self.domain = self._nearest(statistics)
            return self.domain
        vote = self._nearest(statistics)
        assert self.average is not None
        if vote == self.domain or vote != self._nearest(self.average):
            self._votes = 0
            return self.domain
        self._votes = self._votes + 1 if vote == self._wanted else 1
        self._wanted = vote
        if self._votes >= self.hysteresis.patience:
            self.domain, self._votes = vote, 0
        return self.domain

    def replace(self, policies: PolicySet) -> None:
        """Go on with another set; a present domain that it lacks becomes unknown."""
        self.policies = policies
        self._votes = 0
        if self.domain not in {d.name for d in policies.domains}:
            self.domain = None

    def _follow(self, statistics: Floats) -> None:
        """Average what is known of the frame; a statistic first known starts at its value."""
        known = np.isfinite(statistics)
        if self.average is None:
            self.average = np.where(known, statistics, np.nan)
            return
        old, share = self.average, self.hysteresis.share
        mixed = np.where(np.isfinite(old), (1 - share) * old + share * statistics, statistics)
        self.average = np.where(known, mixed, old)

    def _nearest(self, statistics: Floats) -> str | None:
        """Nearest domain within whose radius the scene lies; the present one up to the margin."""
        distances = self.policies.distances(statistics)
        domains = self.policies.domains
        radii = np.array([d.radius for d in domains])
        present = np.array([d.name == self.domain for d in domains])
        # The present domain is left a little later than it would be entered.
        radii = np.where(present, radii * (1 + self.hysteresis.margin), radii)
        felt = np.where(present, distances * (1 - self.hysteresis.margin), distances)
        felt = np.where(distances <= radii, felt, np.inf)
        best = int(np.argmin(felt))
        return domains[best].name if np.isfinite(felt[best]) else None
