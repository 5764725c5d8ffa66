"""The executing part for each kind of node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from conversion.nodes import Node
from depth_snn.errors import GraphError
from sims.fast.attention import LinearAttentionBody
from sims.fast.body import Body
from sims.fast.connection import DenseBody, OutputBody, SkipBody
from sims.fast.conv import ConvBody
from sims.fast.delay import DelayBody
from sims.fast.encoder import DeltaBody, SigmaDeltaBody
from sims.fast.gate import RestoreGateBody
from sims.fast.host import HostNormBody, HostTableBody
from sims.fast.lif import LIFBody
from sims.fast.pool import SumPoolBody
from sims.fast.regroup import RegroupBody
from sims.fast.softmax import SoftmaxAttentionBody
from sims.fast.sparse import SparseBody
from sims.fast.stock import StockSigmaDeltaBody
from sims.fast.width import Registers, TooWide


def body_of(node: Node, registers: Registers, shown: bool) -> Body:
    """Build what executes a node.

    Args:
        node: Any quantised node but an Input.
        registers: The registers of the run.
        shown: Whether somebody reads the node's port ``out``.

    Returns:
        The body, in its first state.

    Raises:
        GraphError: if this simulator does not know the kind, or a constant is beyond 62 bits.
    """
    if node.kind not in BODIES:
        raise GraphError(f"node {node.name!r}: the fast simulator has no {node.kind} node")
    try:
        return BODIES[node.kind](node, registers, shown)
    except TooWide as fault:
        raise GraphError(f"node {node.name!r}: {fault}") from None


BODIES: dict[str, Callable[[Any, Registers, bool], Body]] = {
    "Delta": lambda node, registers, _: DeltaBody(node, registers),
    "SigmaDelta": lambda node, registers, _: SigmaDeltaBody(node, registers),
    "StockSigmaDelta": lambda node, registers, _: StockSigmaDeltaBody(node, registers),
    "Dense": lambda node, registers, _: DenseBody(node, registers),
    "Sparse": lambda node, registers, _: SparseBody(node, registers),
    "Conv": lambda node, registers, _: ConvBody(node, registers.total),
    "SumPool": lambda node, registers, _: SumPoolBody(node, registers.total),
    "Regroup": lambda node, registers, _: RegroupBody(node, registers.total),
    "Skip": lambda node, registers, _: SkipBody(node, registers),
    "LinearAttention": lambda node, registers, _: LinearAttentionBody(node, registers.total),
    "HostNorm": lambda node, registers, _: HostNormBody(node, registers.of_host),
    "HostTable": lambda node, registers, _: HostTableBody(node, registers.of_host),
    "SoftmaxAttention": lambda node, registers, _: SoftmaxAttentionBody(node, registers.of_host),
    "LIF": lambda node, registers, _: LIFBody(node, registers),
    "Delay": lambda node, _registers, _: DelayBody(node),
    "RestoreGate": lambda node, registers, _: RestoreGateBody(node, registers),
    "Output": lambda node, _, shown: OutputBody(node, shown),
}
"""By kind, what makes the body from the node, the run's registers, and whether it is read."""
