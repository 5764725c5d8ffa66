"""The gate population as nodes: drives into LIF neurons, spikes into the restore gate."""

from __future__ import annotations

from conversion.graph import Edge
from conversion.nodes import LIF, Input, Node, RestoreGate
from depth_snn.config import GateConfig, NetworkConfig
from depth_snn.pruning.prices import Prices
from depth_snn.recovery.drive import DRIVE_MAX

SCHED, DRIVE, FIXED = "sched", "drive", "fixed"
"""Names of the inputs that feed the gates."""
GATE, RESTORE = "gate.lif", "gate.restore"
FIXED_MAX = 2**40


def gate_nodes(
    config: NetworkConfig, gate: GateConfig, prices: Prices
) -> tuple[list[Node], list[Edge]]:
    """Inputs, LIF population and restore gate of a network.

    Args:
        config: Shape of the network, with the heads that are left.
        gate: Neuron and cap.
        prices: MACs per token and stage, which the cap is charged in.
    """
    nodes: list[Node] = [
        Input(name=SCHED, shape=(config.stages, config.tokens), lo=0, hi=1),
        Input(name=DRIVE, shape=(config.regions,), lo=0, hi=DRIVE_MAX),
        Input(name=FIXED, shape=(1,), lo=0, hi=FIXED_MAX),
        LIF(
            name=GATE, count=config.regions, du=4095, dv=gate.dv, vth=gate.vth,
            reset="zero" if gate.reset == "zero" else "subtract",
        ),
        RestoreGate(
            name=RESTORE, region_of=config.region_of(), price=prices.per_stage(),
            own_price=prices.own_per_stage(), regions=config.regions, hold=gate.hold,
            cap_percent=gate.cap_percent, refill_percent=gate.refill_percent,
            capacity=prices.dense_macs(),
        ),
    ]  # fmt: skip
    edges = [
        Edge(source=DRIVE, target=GATE),
        Edge(source=GATE, target=RESTORE, port="spikes"),
        Edge(source=GATE, target=RESTORE, port="membrane", source_port="membrane"),
        Edge(source=SCHED, target=RESTORE, port="sched"),
        Edge(source=FIXED, target=RESTORE, port="fixed"),
    ]
    return nodes, edges
