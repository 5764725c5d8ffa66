"""A set of policies, one for each kind of scene, that one stream may change between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from depth_snn.adapt.statistics import NAMES
from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError

Floats = npt.NDArray[np.float64]

BASE = "base"
"""Name of the policy that the others differ from; no domain may take it."""
MAX_DOMAINS, MAX_CENTRES = 64, 64
CHANGING = ("tau_px", "tau_stale", "tau_ego", "moved_share")
"""Fields in which the policies of a set may differ: what an integer graph does not freeze."""


@dataclass(frozen=True)
class Domain:
    """A kind of scene and its policy.

    Attributes:
        name: What tables call it.
        centres: Statistics at its centres, in the order of
            :data:`~depth_snn.adapt.statistics.NAMES`.
        radius: Distance up to which a scene belongs to it; see :meth:`PolicySet.distance`.
        policy: What is pruned there.
    """

    name: str
    centres: tuple[tuple[float, ...], ...]
    radius: float
    policy: PolicyConfig

    def __post_init__(self) -> None:
        where = f"domain {self.name!r}"
        if not self.name or not self.name.isprintable() or self.name == BASE:
            raise ConfigError(f"{where}: expected a printable name other than {BASE!r}")
        if not 1 <= len(self.centres) <= MAX_CENTRES:
            raise ConfigError(f"{where}: {len(self.centres)} centres; expected 1 to {MAX_CENTRES}")
        for centre in self.centres:
            if len(centre) != len(NAMES) or not np.isfinite(centre).all():
                raise ConfigError(f"{where}: a centre has {len(NAMES)} finite numbers: {centre}")
        if not 0 < self.radius < float("inf"):
            raise ConfigError(f"{where}: radius {self.radius} must be a finite number above 0")


@dataclass(frozen=True)
class PolicySet:
    """Policies by domain, and the policy for every scene that is none of them.

    All share what an integer graph freezes, so that one graph runs them all: they differ from
    ``base`` in :data:`CHANGING` only.

    Attributes:
        network: Name of the network that the policies are for.
        base: The policy that the others differ from; graphs are converted with it.
        fallback: Name of the domain whose policy unknown scenes get, or :data:`BASE`.
        whitening: Matrix (F, F) that turns differences of statistics into independent ones of
            standard deviation 1, for scenes of one domain.
        domains: What is known.
    """

    network: str
    base: PolicyConfig
    fallback: str
    whitening: tuple[tuple[float, ...], ...]
    domains: tuple[Domain, ...]

    def __post_init__(self) -> None:
        rows = self.whitening
        square = len(rows) == len(NAMES) and all(len(row) == len(NAMES) for row in rows)
        if not square or not np.isfinite(rows).all():
            raise ConfigError(
                f"whitening: expected {len(NAMES)} rows of {len(NAMES)} finite numbers"
            )
        if not 1 <= len(self.domains) <= MAX_DOMAINS:
            raise ConfigError(f"{len(self.domains)} domains; expected 1 to {MAX_DOMAINS}")
        names = [domain.name for domain in self.domains]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ConfigError(f"domain {twice!r} is there twice")
        if self.fallback not in (BASE, *names):
            raise ConfigError(
                f"fallback {self.fallback!r}: expected {BASE!r} or a domain: {', '.join(names)}"
            )
        for domain in self.domains:
            self._check_frozen(domain)

    def _check_frozen(self, domain: Domain) -> None:
        here, base = domain.policy.to_dict(), self.base.to_dict()
        for key in sorted(set(base) - set(CHANGING)):
            if here[key] != base[key]:
                raise ConfigError(
                    f"domain {domain.name!r}: {key} differs from the base policy's, but the "
                    f"integer graph is shared; only {', '.join(CHANGING)} may differ"
                )

    def policy(self, name: str | None) -> PolicyConfig:
        """Policy of a domain; of the fallback for None.

        Raises:
            ConfigError: There is no such domain.
        """
        wanted = self.fallback if name is None else name
        if wanted == BASE:
            return self.base
        found = next((d.policy for d in self.domains if d.name == wanted), None)
        if found is None:
            known = ", ".join(d.name for d in self.domains)
            raise ConfigError(f"no domain {wanted!r} in the policy set; known are {known}")
        return found

    def policies(self) -> dict[str, PolicyConfig]:
        """Every policy by its name, the base among them."""
        return {BASE: self.base} | {d.name: d.policy for d in self.domains}

    def distances(self, statistics: Sequence[float] | Floats) -> Floats:
        """Distance of a scene to each domain's nearest centre (D,), see :meth:`distance`."""
        here = np.asarray(statistics, np.float64)
        return np.array([
            min(self.distance(here, np.array(centre)) for centre in domain.centres)
            for domain in self.domains
        ])  # fmt: skip

    def distance(self, here: Floats, centre: Floats) -> float:
        """Mahalanobis' distance ÷ √F: about 1 for a scene of the centre's kind.

        A statistic that is NaN or infinite is unknown and taken to be the centre's; with none known
        the distance is infinite. (Mahalanobis, "On the generalised distance in statistics", 1936.)
        """
        known = np.isfinite(here)
        if not known.any():
            return float("inf")
        # Differences of statistics are far smaller; a larger one may overflow when squared.
        apart = np.clip(np.where(known, here, centre) - centre, -1e9, 1e9)
        return float(np.linalg.norm(np.array(self.whitening) @ apart) / np.sqrt(len(NAMES)))

    def with_domain(self, domain: Domain) -> PolicySet:
        """The set with one more domain, or with another one of that name."""
        rest = tuple(d for d in self.domains if d.name != domain.name)
        return replace(self, domains=(*rest, domain))

    def without(self, name: str) -> PolicySet:
        """The set without a domain.

        Raises:
            ConfigError: It is the last one, or the fallback.
        """
        return replace(self, domains=tuple(d for d in self.domains if d.name != name))

    def mapped(self, change: Callable[[PolicyConfig], PolicyConfig]) -> PolicySet:
        """The set with the same change made to every policy."""
        domains = tuple(replace(d, policy=change(d.policy)) for d in self.domains)
        return replace(self, base=change(self.base), domains=domains)
