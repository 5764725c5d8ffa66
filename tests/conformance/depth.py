"""Whole DEPTH networks on made-up pictures, and gates by themselves."""

from __future__ import annotations

import numpy as np

from conversion.cases.building import Case, balance, edge
from conversion.cases.spiking import RESETS
from conversion.gates import DRIVE, FIXED, SCHED
from conversion.graph import Edge
from conversion.nodes import LIF, Delta, Input, Output, RestoreGate
from depth_snn.cli.chain.setup import load_policy, prepare


def depth_case(network: str, frames: int) -> Case:
    """A whole DEPTH network on random pictures, with gates that close and regions that ask."""
    setup = prepare(network, load_policy(None, network))
    config, rng = setup.config, np.random.default_rng(frames)
    pixels = rng.integers(0, 256, (frames, config.height * config.width, 3))
    pixels[1::2, : len(pixels[0]) // 2] = pixels[:-1:2, : len(pixels[0]) // 2]
    sched = (rng.random((frames, config.stages, config.tokens)) < 0.4).astype(np.int64)
    drive = rng.integers(0, 32768, (frames, config.regions))
    drive[rng.random(drive.shape) < 0.7] = 0
    sched[0] = 1
    fixed = np.full((frames, 1), setup.prices.fixed_macs(), np.int64)
    fixed[-1] = 0
    return setup.graph, {"pixels": pixels, SCHED: sched, DRIVE: drive, FIXED: fixed}


def gate_case(seed: int) -> Case:
    """A gate whose population has a bias and a memory of its current, and whose purse is full."""
    rng = np.random.default_rng(seed)
    tokens, regions, frames = 12, 4, 16
    nodes = (
        Input(name="drive", shape=(regions,), lo=-500, hi=500),
        Input(name="sched", shape=(2, tokens), lo=0, hi=1),
        Input(name="fixed", shape=(1,), lo=0, hi=9999),
        Input(name="x", shape=(tokens, 3), lo=-99, hi=99),
        LIF(name="lif", count=regions, du=2000, dv=300, vth=150, reset=RESETS[seed % 3],
            bias=rng.integers(1, 30, regions), reset_every=6),
        RestoreGate(name="gate", region_of=rng.permutation(np.arange(tokens) % regions),
                    price=[7, 11], own_price=[5, 11], regions=regions, hold=2, cap_percent=30,
                    refill_percent=40, capacity=70),
        Delta(name="code", tokens=tokens, channels=3, stage=1, bias=[1, -2, 3], shift=2, lo=-20,
              hi=20, threshold=2),
        Output(name="end", tokens=tokens, channels=3),
    )  # fmt: skip
    edges = [
        *map(edge, ("drive -> lif", "lif -> gate:spikes", "sched -> gate:sched")),
        *map(edge, ("fixed -> gate:fixed", "x -> code", "gate -> code:gate", "code -> end")),
        Edge(source="lif", source_port="membrane", target="gate", port="membrane"),
    ]
    inputs = {
        "drive": rng.integers(-200, 500, (frames, regions)),
        "sched": rng.integers(0, 2, (frames, 2, tokens)),
        "fixed": rng.integers(0, 3, (frames, 1)) * 60,
        "x": rng.integers(-99, 100, (frames, tokens, 3)),
    }
    return balance("gate", nodes, edges), inputs
