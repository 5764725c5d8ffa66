"""The search for a policy, as a problem that any executor can carry to another process."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.fields import known_keys
from depth_snn.search.bench import LOCK, BenchKey, Files, bench_of, file_digests
from depth_snn.search.clips import (
    HELD_OUT_SEEDS,
    SEARCH_FRAMES,
    SEARCH_SCENES,
    SEARCH_SEEDS,
    ClipSet,
    check_clips,
)
from depth_snn.search.genome import Candidate, Genome
from depth_snn.search.measure import MEASURES, cap_violation, measure_policy
from depth_snn.search.threads import one_thread
from depth_snn.toml_io import load_toml

FORMAT = 1
START_STEPS = (0.4, 1.6, 2.5)
"""Factors of a base policy's thresholds, γ among them, that are known to be good settings."""


class Extra(Protocol):
    """Measures of something else than the float network; picklable and small."""

    def measures(self, candidate: Candidate, clip_set: ClipSet) -> dict[str, float]:
        """Further measures by name."""

    def violation(self, candidate: Candidate, measures: Mapping[str, float]) -> float:
        """By how much its constraints are violated, as a sum of relative excesses."""

    def facts(self) -> dict[str, Any]:
        """What its measures rest on, JSON-able."""


@dataclass(frozen=True)
class PolicyProblem:
    """Implements :class:`~depth_snn.search.types.Problem` for pruning policies.

    Heavy state (network, clips, what is known of them) is made in each process when first needed;
    see :mod:`depth_snn.search.bench`.

    Attributes:
        network: Name of shipped weights, or a file.
        genome: What may change, and what does not.
        objectives: Measures to minimise; ``MEASURES`` of :mod:`depth_snn.search.measure`, and those
            of ``extra``. Of ``miou`` more is better, so ``loss`` stands for it.
        scales: A value of each that counts as 1: 5 points of mIoU, the whole dense network.
        scenes, frames, seeds: Set k holds every scene, so many frames of it, at ``seeds[k]``.
        extra: Further measures and constraints; None for none.
        files: SHA-256 of the files that results rest on, by role; found where not given.

    Raises:
        ConfigError, InputError: naming what does not fit, before anything runs.
    """

    network: str
    genome: Genome
    objectives: tuple[str, ...] = ("loss", "macs")
    scales: tuple[float, ...] = (5.0, 1.0)
    scenes: tuple[str, ...] = SEARCH_SCENES
    frames: int = SEARCH_FRAMES
    seeds: tuple[int, ...] = SEARCH_SEEDS
    extra: Extra | None = None
    files: Files = ()

    def __post_init__(self) -> None:
        from depth_snn.models.weights import find_weights, network_config

        _check_objectives(self.objectives, self.scales, self.extra)
        config = network_config(find_weights(self.network))
        if self.genome.heads != config.heads:
            raise ConfigError(
                f"genome {self.genome.name} is for layers of {self.genome.heads} heads; network "
                f"{self.network} has {config.heads}"
            )
        check_clips(self.scenes, self.frames, self.seeds, config)
        if not self.files:
            object.__setattr__(self, "files", file_digests(self.network, self.genome.base))

    @property
    def dimensions(self) -> int:
        """Coordinates of a point."""
        return self.genome.dimensions

    @property
    def sets(self) -> int:
        """Number of sets of clips."""
        return len(self.seeds)

    def evaluate(self, point: Sequence[float], clips: int) -> tuple[dict[str, float], float]:
        """See :class:`~depth_snn.search.types.Problem`.

        Raises:
            ConfigError: if the point or the set does not exist, a file has changed since the
                search began, or an objective was not measured.
        """
        return self.measure(self.genome.decode(point), clips)

    def measure(self, candidate: Candidate, clips: int) -> tuple[dict[str, float], float]:
        """Measures and violation of settings on a set of clips; see :meth:`evaluate`."""
        if not 0 <= clips < self.sets:
            raise ConfigError(f"set of clips {clips}: there are {self.sets}, numbered from 0")
        with LOCK, one_thread():
            bench = bench_of(self._key())
            clip_set, known = bench.clip_set(clips)
            found = measure_policy(candidate, clip_set, bench.player, known)
            violation = cap_violation(found, candidate.policy)
            if self.extra is not None:
                found |= self.extra.measures(candidate, clip_set)
                violation += self.extra.violation(candidate, found)
        for name in self.objectives:
            if not math.isfinite(found.get(name, math.nan)):
                known_names = ", ".join(sorted(found))
                raise ConfigError(f"objective {name!r} was not measured; there are {known_names}")
        return found, violation

    def starts(self) -> list[tuple[float, ...]]:
        """The base policy, its thresholds scaled, and tuned sigma-delta thresholds if it has any.

        The first is the reference: the base as nearly as the genome can say it.
        """
        base, genome = self.genome.base, self.genome
        found = [genome.encode(base), *(genome.encode(scaled(base, k)) for k in START_STEPS)]
        tuned = _tuned_thresholds(self.network) if genome.encoders else {}
        if tuned:
            found.append(genome.encode(base, tuned))
        return list(dict.fromkeys(found))

    def facts(self) -> dict[str, Any]:
        """What the search rests on; equal to what JSON gives back of it."""
        plain = {
            "format": FORMAT, "network": self.network, "files": dict(self.files),
            "genome": self.genome.to_dict(), "objectives": self.objectives, "scales": self.scales,
            "scenes": self.scenes, "frames": self.frames, "seeds": self.seeds,
            "extra": None if self.extra is None else self.extra.facts(),
        }  # fmt: skip
        out: dict[str, Any] = json.loads(json.dumps(plain))
        return out

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any], extra: Extra | None = None) -> PolicyProblem:
        """The problem of which :meth:`facts` tells.

        Args:
            facts: What it gave.
            extra: The further measures, which must tell the same facts.

        Raises:
            ConfigError: naming what is unknown, missing, of a newer format or does not fit.
        """
        if facts.get("format") != FORMAT:
            raise ConfigError(
                f"problem of format {facts.get('format')!r}; this version reads {FORMAT}"
            )
        values = {key: value for key, value in facts.items() if key != "format"}
        known_keys(cls, values, "problem")
        for key, kind in _KINDS.items():
            if type(values.get(key)) is not kind:
                raise ConfigError(f"problem: {key} is {values.get(key)!r}; expected {_WORDS[kind]}")
        if values.pop("extra", None) != (None if extra is None else extra.facts()):
            raise ConfigError("problem: its further measures are not the ones given")
        for key, kind in (("objectives", str), ("scenes", str), ("seeds", int)):
            if not all(type(value) is kind for value in values[key]):
                raise ConfigError(
                    f"problem: {key} {values[key]!r}; expected a list of {_WORDS[kind]}s"
                )
        if not all(type(value) is str for value in values["files"].values()):
            raise ConfigError(f"problem: files {values['files']!r}; expected digests by role")
        values |= {key: tuple(values[key]) for key, kind in _KINDS.items() if kind is list}
        values["files"] = tuple(sorted(values["files"].items()))
        return cls(**values | {"genome": Genome.from_dict(values["genome"]), "extra": extra})

    def _key(self) -> BenchKey:
        base = self.genome.base
        return BenchKey(
            self.network, self.files, base.judge, base.motion, self.scenes, self.frames, self.seeds
        )


_KINDS: dict[str, type] = {
    "network": str, "files": dict, "genome": dict, "objectives": list, "scales": list,
    "scenes": list, "frames": int, "seeds": list,
}  # fmt: skip
_WORDS: dict[type, str] = {
    str: "text", dict: "a table", list: "a list", int: "whole number",
}  # fmt: skip


def heldout_problem(
    problem: PolicyProblem, seeds: tuple[int, ...] = HELD_OUT_SEEDS
) -> PolicyProblem:
    """The same problem on streets that its search never sees.

    Raises:
        ConfigError: if the search sees one of them.
    """
    seen = sorted(set(seeds) & set(problem.seeds))
    if seen:
        raise ConfigError(f"held-out seeds: {seen[0]} is one of the search's; choose others")
    return replace(problem, seeds=seeds)


def scaled(policy: PolicyConfig, step: float) -> PolicyConfig:
    """A policy whose thresholds, the neurons' γ among them, are scaled by one factor."""
    gate = replace(policy.gate, vth=max(1, round(policy.gate.vth * step)))
    tau, ego = policy.tau_stale * step, policy.tau_ego * step
    return replace(policy, tau_stale=tau, tau_ego=ego, gate=gate)


def _tuned_thresholds(network: str) -> dict[str, int]:
    """The shipped thresholds of a network, by encoder; none if it has no file."""
    path = Path(str(resources.files("depth_snn"))) / "thresholds" / f"{network}.toml"
    return dict(load_toml(path)["thresholds"]) if path.is_file() else {}


def _check_objectives(
    objectives: Sequence[str], scales: Sequence[float], extra: Extra | None
) -> None:
    unknown = [name for name in objectives if name not in MEASURES]
    if unknown and extra is None:
        raise ConfigError(f"objective {unknown[0]!r}: expected some of {', '.join(MEASURES)}")
    if "miou" in objectives:
        raise ConfigError("objective 'miou': objectives are minimised; use 'loss'")
    if not objectives or len(set(objectives)) != len(objectives):
        raise ConfigError(f"objectives {list(objectives)}: expected at least one, each once")
    good = all(type(s) in (int, float) and math.isfinite(s) and s > 0 for s in scales)
    if len(scales) != len(objectives) or not good:
        raise ConfigError(f"scales {list(scales)}: expected a positive number for each objective")
