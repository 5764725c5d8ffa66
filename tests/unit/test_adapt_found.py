"""What becomes of a policy found while a stream runs: its place, its name, its room in the set."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.adapt.adapter import Adapter
from depth_snn.adapt.evolve import Evolver, Pace
from depth_snn.adapt.jobs import InStep
from depth_snn.adapt.library import MAX_DOMAINS, Domain, PolicySet
from depth_snn.adapt.rehearsal import Score
from depth_snn.adapt.statistics import CUT, FLICKER, NAMES
from depth_snn.adapt.study import Trial
from depth_snn.config import PolicyConfig

Image = npt.NDArray[np.uint8]
FOUND, BASE = PolicyConfig(tau_stale=7.0), PolicyConfig()
FAR = (1e3,) * len(NAMES)
UNIT = tuple(tuple(float(i == j) for j in range(len(NAMES))) for i in range(len(NAMES)))


@dataclass
class Sure:
    """A study that finds the same policy everywhere, and whose trials all end alike."""

    def search(self, *_: Any) -> Generator[None, None, PolicyConfig]:
        """Found at once."""
        yield
        return FOUND

    def compare(self, *_: Any) -> Generator[None, None, Trial]:
        """As good as the fallback."""
        yield
        return Trial(Score(1.0, 0.5), Score(1.0, 0.5))


def adapted(names: Sequence[str], stream: Sequence[Image]) -> Adapter:
    domains = tuple(Domain(name, (FAR,), 1.0, BASE) for name in names)
    policies = PolicySet("tiny", BASE, "base", UNIT, domains)
    evolver = Evolver(Sure(), InStep(2), policies.distance, Pace(2, 0, 50))  # type: ignore[arg-type]
    adapter = Adapter(policies, 32, 64, evolver=evolver)
    for rgb in stream:
        adapter.step(rgb)
    return adapter


def grey(*levels: int) -> list[Image]:
    return [np.full((32, 64, 3), level, np.uint8) for level in levels]


def test_a_scene_of_cuts_alone_has_a_centre() -> None:
    adapter = adapted(["elsewhere"], grey(*[100, 150] * 10))
    centre = adapter.policies.domains[-1].centres[0]
    assert adapter.names[-1] == "found-1"
    assert centre[FLICKER] == CUT and np.isfinite(centre).all()


def test_a_domain_of_the_file_is_never_replaced() -> None:
    adapter = adapted(["found-1", "found-2"], grey(*[100] * 20))
    assert [d.name for d in adapter.policies.domains] == ["found-1", "found-2", "found-3"]
    assert adapter.policies.policy("found-1") == BASE and adapter.names[-1] == "found-3"


def test_where_there_is_no_room_the_oldest_that_was_found_goes() -> None:
    names = [f"known-{n}" for n in range(MAX_DOMAINS - 1)]
    adapter = adapted(names, grey(*[40] * 20, *[120] * 20))
    assert [d.name for d in adapter.policies.domains] == [*names, "found-2"]
    assert adapter.names[-1] == "found-2"
    assert replace(adapter.policies.domains[-1], policy=FOUND) == adapter.policies.domains[-1]
