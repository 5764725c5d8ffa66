"""Cases at the edges of a LIF's registers and constants, many of them worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from conversion.cases.building import Case, IntArray, balance, edge
from conversion.cases.case import ConformanceCase, Known
from conversion.graph import Graph
from conversion.nodes import LIF, Input

TOP = 2**23
"""Just beyond a LIF's potential; its current may reach it."""
VTH_MAX = 2**17 - 1
BIAS_MAX = 2**17 - 1


def neuron(drive: IntArray, **rule: Any) -> Case:
    """A population driven by (T, R) integers: by default all memory, and a threshold never met."""
    settings = {"du": 4095, "dv": 0, "vth": VTH_MAX, "reset": "subtract", **rule}
    lif = LIF(name="lif", count=drive.shape[1], **settings)
    source = Input(name="drive", shape=drive.shape[1:], lo=-(2**30), hi=2**30)
    return balance("neuron", [source, lif], [edge("drive -> lif")]), {"drive": drive}


def by_hand(
    name: str, drive: list[int], membrane: list[int], spikes: list[int] | None = None, **rule: Any
) -> ConformanceCase:
    """One neuron whose membrane, and spikes where any are expected, follow from §6 by hand."""
    answer = {"lif.membrane": membrane, "lif.out": spikes or [0] * len(drive)}
    known = Known({key: np.array(row, np.int64)[:, None] for key, row in answer.items()})

    def given(_: Graph) -> Known:
        return known

    return ConformanceCase(f"edge/{name}", lambda: neuron(column(drive), **rule), known=given)


def column(drive: list[int]) -> IntArray:
    """The drive of one neuron, (T, 1)."""
    return np.array(drive, np.int64)[:, None]


def hand_worked() -> list[ConformanceCase]:
    """Single neurons; every expected integer is derived from docs/fixed_point.md §6."""
    drive = [10, 1, 0, 25, 0]
    return [
        # No memory: +2^23 stays and is clipped, −2^23 becomes +2^23, and 64 more wraps round.
        by_hand("current wraps once at 2^23",
                [2**17 - 1, 2**17, 2**17 + 1, -(2**17) + 1, -(2**17), -(2**17) - 1],
                [TOP - 64, TOP - 1, -TOP + 64, -TOP + 64, TOP - 1, TOP - 64], dv=4096,
                spikes=[0, 1, 0, 0, 1, 0]),
        by_hand("potential is clipped at both ends", [-(2**17) + 1, -5, 2**17 - 1, 0],
                [-TOP + 64, -TOP + 1, -63, -63]),
        by_hand("a negative potential decays toward zero", [-1] + [0] * 8,
                [-64, -32, -16, -8, -4, -2, -1, 0, 0], dv=2048),
        by_hand("a positive potential decays toward zero", [1] + [0] * 7,
                [64, 32, 16, 8, 4, 2, 1, 0], dv=2048),
        by_hand("du 2047 keeps half", [1, 0, 0, 0], [64, 32, 16, 8], du=2047, dv=4096),
        by_hand("du -1 keeps all", [1, 0, 2, 0], [64, 64, 192, 192], du=-1, dv=4096),
        by_hand("du 0 loses one in 4096", [64, 0, 0], [4096, 4095, 4094], du=0, dv=4096),
        by_hand("dv 4095 keeps one in 4096", [64, 0, 64, 63], [4096, 1, 4096, 4033], dv=4095),
        by_hand("threshold is strict, reset to zero", drive, [640, 704, 0, 1600, 0],
                [0, 1, 0, 1, 0], vth=10, reset="zero"),
        by_hand("threshold is strict, reset subtracts", drive, [640, 704, 64, 1664, 1024],
                [0, 1, 0, 1, 1], vth=10),
        # 640 is not above 640; 704 is, so the next step takes 640 off, and so on.
        by_hand("threshold is strict, late reset", drive, [640, 704, 64, 1664, 1024],
                [0, 1, 0, 1, 1], vth=10, reset="subtract_late"),
        # Late: 24·64/2 + 4·64 − 640; at once: (1536 − 640)/2 + 256.
        by_hand("a late reset is undecayed", [24, 4, 0, 0], [1536, 384, 192, 96], [1, 0, 0, 0],
                vth=10, dv=2048, reset="subtract_late"),
        by_hand("an early reset decays", [24, 4, 0, 0], [1536, 704, 32, 16], [1, 1, 0, 0],
                vth=10, dv=2048),
        by_hand("threshold 0", [0, 1, -1, 0], [0, 64, -64, 0], [0, 1, 0, 0], vth=0, reset="zero",
                dv=4096),
        # 2^17 · 64 = 2^23, one more than a potential can be.
        by_hand("threshold 2^17 is never met", [2**17 - 1, 64], [TOP - 64, TOP - 1], vth=2**17),
        by_hand("threshold 2^17 - 1", [2**17 - 1, 0, 1, 0], [TOP - 64, TOP - 64, TOP - 1, 63],
                [0, 0, 1, 0]),
        by_hand("a reset in every frame", [5, 6, 7], [320, 384, 448], reset_every=1),
        by_hand("the least bias", [0, 1], [-TOP + 64, -TOP + 1], bias=np.array([-BIAS_MAX])),
        by_hand("the largest bias", [0, 1], [TOP - 64, TOP - 1], bias=np.array([BIAS_MAX]),
                spikes=[0, 1], reset="zero"),
    ]  # fmt: skip


def wide_drive(seed: int) -> IntArray:
    """Drives (24, 6) from silence up to the ends of what one wrap brings back."""
    rng = np.random.default_rng(seed)
    sizes = np.array([1, 40, 3000, 2**16, 2**17, 2**17 + 2**14])
    drive = rng.integers(-sizes, sizes + 1, (24, 6))
    drive[rng.random(drive.shape) < 0.3] = 0
    return drive.astype(np.int64)


def decays() -> list[ConformanceCase]:
    """Every pair of extreme decays, with each reset."""
    pairs = [(du, dv) for du in (-1, 0, 1, 4094, 4095) for dv in (0, 1, 4095, 4096)]
    # With all memory of the current one wrap would soon not be enough.
    wide = {-1: 2**5, 0: 2**5, 1: 2**5}

    def case(number: int, du: int, dv: int) -> ConformanceCase:
        reset = ("zero", "subtract", "subtract_late")[number % 3]
        rule = {"du": du, "dv": dv, "vth": 60, "reset": reset}
        drive = wide_drive(number) // wide.get(du, 1)
        return ConformanceCase(f"edge/decay du {du} dv {dv}", lambda: neuron(drive, **rule))

    return [case(number, du, dv) for number, (du, dv) in enumerate(pairs)]


def population_edges() -> list[ConformanceCase]:
    """All cases of this file."""
    return [*hand_worked(), *decays()]
