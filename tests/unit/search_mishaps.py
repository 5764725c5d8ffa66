"""Toy problems for searches: quick, and each fails in its own way when asked to."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Toy:
    """Two spheres with an offset per set of clips; a point's second coordinate chooses a mishap."""

    nap_s: float = 0.0
    dimensions: int = 3
    objectives: tuple[str, ...] = ("near", "far")
    scales: tuple[float, ...] = (1.0, 1.0)
    sets: int = 4

    def evaluate(self, point: Sequence[float], clips: int) -> tuple[dict[str, float], float]:
        time.sleep(self.nap_s)
        noise = math.sin(1e3 * sum(point) + clips) / 50
        near = sum((x - 0.25) ** 2 for x in point) + noise
        far = sum((x - 0.75) ** 2 for x in point) - noise
        return {"near": near, "far": far, "extra": 1 / 3}, max(point[0] - 0.9, 0.0)

    def starts(self) -> list[tuple[float, ...]]:
        return [(0.5,) * self.dimensions]

    def facts(self) -> dict[str, Any]:
        return {"toy": "spheres", "dimensions": self.dimensions, "sets": self.sets}


MISHAPS = (
    "none", "raises", "leaves", "memory", "exits-0", "exits-3", "killed", "hangs", "nan", "forgets",
)  # fmt: skip


@dataclass(frozen=True)
class Mishaps(Toy):
    """The set of clips chooses the mishap, by its place in MISHAPS."""

    sets: int = len(MISHAPS)

    def evaluate(self, point: Sequence[float], clips: int) -> tuple[dict[str, float], float]:
        mishap = MISHAPS[clips]
        if mishap == "raises":
            raise ValueError("no such\npolicy")
        if mishap == "leaves":
            sys.exit(0)
        if mishap == "memory":
            raise MemoryError
        if mishap.startswith("exits-"):
            os._exit(int(mishap[-1]))
        if mishap == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if mishap == "hangs":
            time.sleep(600)
        measures, violation = super().evaluate(point, clips)
        if mishap == "nan":
            measures["far"] = math.nan
        if mishap == "forgets":
            del measures["far"]
        return measures, violation


@dataclass(frozen=True)
class Surroundings(Toy):
    """Measures where it is evaluated."""

    def evaluate(self, point: Sequence[float], clips: int) -> tuple[dict[str, float], float]:
        threads = float(os.environ.get("OMP_NUM_THREADS", "nan"))
        return {"near": float(os.getpid()), "far": threads}, 0.0
