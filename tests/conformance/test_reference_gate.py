"""The restore gate of the reference simulator, frame by frame, by hand."""

from __future__ import annotations

import numpy as np

from conversion.cases.building import IntArray, balance, edge
from conversion.cases.small import gate_case
from conversion.graph import Graph
from conversion.nodes import Input, RestoreGate
from sims.reference import simulate


def series(*rows: object) -> IntArray:
    return np.array(rows, np.int64)


def values(name: str, shape: tuple[int, ...]) -> Input:
    return Input(name=name, shape=shape, lo=0, hi=1000)


def restore(*, hold: int = 1, cap: int = 50, refill: int = 25, capacity: int = 1000) -> Graph:
    gate = RestoreGate(name="gate", region_of=np.array([0, 0, 1, 1, 2, 2]), price=np.array([10]),
                       regions=3, hold=hold, cap_percent=cap, refill_percent=refill,
                       capacity=capacity)  # fmt: skip
    ports = {"spikes": (3,), "membrane": (3,), "sched": (1, 6), "fixed": (1,)}
    nodes = [*(values(p, shape) for p, shape in ports.items()), gate]
    return balance("gate", nodes, [edge(f"{p} -> gate:{p}") for p in ports])


def test_the_restore_gate_frame_by_frame() -> None:
    half, few = [1, 0, 1, 0, 1, 0], [1, 0, 0, 0, 1, 0]
    inputs = {
        "spikes": series([1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1],
                         [0, 1, 0], [0, 0, 0]),
        "membrane": series([5, 9, 9], [0, 0, 0], [9, 9, 9], [3, 7, 99], [5, 5, 5], [8, 9, 1],
                           [70, 9, 70], [0, 0, 0]),
        "sched": series(*([m] for m in (half, half, half, few, few, few, few, few))),
        "fixed": series([60], [60], [60], [60], [0], [20], [4], [4]),
    }  # fmt: skip
    run = simulate(restore(), inputs).by_step
    # level: 22→2, 24→14, 36, 56→26, no frame, 36→16, 22→12, 18
    # purse: 22, 24, 36, 40, no frame, 20, 12, 12
    assert run["gate.admitted"].tolist() == [
        [0, 1, 1],  # 9 and 9 before 5, which no longer fits
        [1, 0, 0],  # the loser is served next
        [0, 0, 0],
        [1, 1, 0],
        [0, 0, 0],  # no frame: spikes of this step are not seen either
        [0, 1, 0],  # region 1 costs 20 and takes the whole purse
        [1, 0, 0],  # region 1 is owed first but does not fit: passed over
        [0, 0, 0],  # region 2 asked with 1, which faded to 0: its request is gone
    ]
    assert run["gate.ledger"].tolist() == [
        [90, 20], [90, 10], [90, 0], [80, 30], [0, 0], [40, 20], [24, 10], [24, 0]
    ]  # fmt: skip
    assert run["gate.out"][0, 0].tolist() == [1, 0, 1, 1, 1, 1]
    assert run["gate.out"][3, 0].tolist() == [1, 1, 1, 1, 1, 0]
    assert not run["gate.out"][4].any()


def test_a_region_is_held_for_as_many_frames_as_it_is_owed() -> None:
    inputs = {
        "spikes": series([0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]),
        "membrane": series(*[[0, 4, 0]] * 4),
        "sched": series(*[[[1] * 5 + [0]]] * 4),
        "fixed": series(*[[50]] * 4),
    }
    run = simulate(restore(hold=3), inputs).by_step
    assert run["gate.admitted"][:, 1].tolist() == [1, 1, 1, 0]
    assert run["gate.ledger"][:, 1].tolist() == [0, 0, 0, 0]


def test_the_purse_fills_slowly_and_not_beyond_its_capacity() -> None:
    none = [0, 0, 0]
    inputs = {
        "spikes": series([0, 1, 1], [0, 1, 0], *[none] * 6, [1, 1, 1]),
        "membrane": series([0, 700, 700], [0, 300, 0], *[none] * 6, [1, 1, 1]),
        "sched": series(*[[[1, 0, 1, 0, 1, 0]]] * 9),
        "fixed": series(*[[70]] * 9),
    }
    run = simulate(restore(hold=2, cap=100, refill=10, capacity=25), inputs).by_step
    # Each frame refills 10, the price of one region; from frame 5 on: 10, 20, 25 (capacity).
    # Region 1 spikes again while owed: its 2 frames start anew and its strength stays 700;
    # region 2 fades to 87 until it is served.
    assert run["gate.admitted"].tolist() == [
        [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], none, none, none, [1, 1, 0]
    ]  # fmt: skip


def test_gate_cases_have_winners_and_losers_within_the_cap() -> None:
    for seed in range(4):
        graph, inputs = gate_case(seed)
        run = simulate(graph, inputs).result.values
        base, spent = run["gate.restore.ledger"].T
        assert (spent <= base * 40 // 100).all()
        assert spent.any()
        spiking = run["gate.lif.out"] == 1
        admitted = run["gate.restore.admitted"] == 1
        assert (spiking & ~admitted).any()
        assert (run["gate.restore.out"] >= inputs["sched"] * (base > 0)[:, None, None]).all()
