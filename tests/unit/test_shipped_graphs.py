"""The shipped networks convert to the integers they always had, however passes are split."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from conversion.graph import Graph
from depth_snn.cli.chain.setup import load_policy, prepare

ENCODER = ("tokens", "channels", "stage", "bias", "shift", "lo", "hi", "threshold", "gated")
FIELDS = {
    "Input": ("shape", "lo", "hi"),
    "Delta": ENCODER,
    "SigmaDelta": ENCODER,
    "Dense": ("tokens", "weight", "repeat", "exponent"),
    "Conv": ("height", "width", "weight", "stride", "padding", "exponent"),
    "Skip": ("tokens", "channels", "exponent"),
    "Regroup": ("positions", "channels", "index", "exponent"),
    "LinearAttention": ("tokens", "heads", "head_dim", "stage", "state_shift", "state_max"),
    "LIF": ("count", "du", "dv", "vth", "reset"),
    "RestoreGate": ("region_of", "price", "own_price", "regions", "hold", "cap_percent",
                    "refill_percent", "capacity"),
    "Output": ("tokens", "channels", "bias"),
}  # fmt: skip
"""What each kind of node of these networks is made of, so that fields added later do not count."""

GOLDEN = {
    "tiny": "e8f6a1c77eea63f2a7a103965665145b3be3ac2e575e02de00808702bb98a084",
    "small": "922d9889d8648f0799e4d9132d4e91cad9add6553b2c9113e9738f32571c7fbd",
}
"""Digests of the graphs as they were when one pass did all of the quantising."""


def digest(graph: Graph) -> str:
    """SHA-256 of all numbers, names and edges of a graph."""
    sha = hashlib.sha256()
    for node in graph.nodes:
        sha.update(f"{node.name} {node.kind}".encode())
        for key in FIELDS[node.kind]:
            value = getattr(node, key)
            shown = value.tolist() if isinstance(value, np.ndarray) else value
            sha.update(f"{key}={json.dumps(shown)}".encode())
    for edge in graph.edges:
        sha.update(
            f"{edge.source}.{edge.source_port}>{edge.target}.{edge.port}@{edge.delay}".encode()
        )
    rest = {key: graph.meta[key] for key in ("network", "scales")}
    assert set(graph.meta) == set(rest)
    sha.update(json.dumps(rest).encode())
    return sha.hexdigest()


@pytest.mark.parametrize("network", GOLDEN)
def test_a_shipped_network_converts_to_its_golden_graph(network: str) -> None:
    assert digest(prepare(network, load_policy(None, network)).graph) == GOLDEN[network]
