"""The executing part for each kind of node."""

from __future__ import annotations

from conversion.nodes import (
    LIF,
    Conv,
    Delta,
    Dense,
    HostNorm,
    HostTable,
    LinearAttention,
    Node,
    Output,
    Regroup,
    RestoreGate,
    SigmaDelta,
    Skip,
    SoftmaxAttention,
)
from depth_snn.errors import GraphError
from sims.fast.attention import LinearAttentionBody
from sims.fast.body import Body
from sims.fast.connection import DenseBody, OutputBody, SkipBody
from sims.fast.conv import ConvBody
from sims.fast.encoder import DeltaBody, SigmaDeltaBody
from sims.fast.gate import RestoreGateBody
from sims.fast.host import HostNormBody, HostTableBody
from sims.fast.lif import LIFBody
from sims.fast.regroup import RegroupBody
from sims.fast.softmax import SoftmaxAttentionBody
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
    try:
        return _built(node, registers, shown)
    except TooWide as fault:
        raise GraphError(f"node {node.name!r}: {fault}") from None


def _built(node: Node, registers: Registers, shown: bool) -> Body:
    if isinstance(node, SigmaDelta):
        return SigmaDeltaBody(node, registers)
    if isinstance(node, (Dense, Conv, Skip, Regroup, LinearAttention)):
        return _connection(node, registers)
    if isinstance(node, Delta):
        return DeltaBody(node, registers)
    if isinstance(node, LIF):
        return LIFBody(node, registers)
    if isinstance(node, RestoreGate):
        return RestoreGateBody(node, registers)
    if isinstance(node, Output):
        return OutputBody(node, shown)
    if isinstance(node, HostNorm):
        return HostNormBody(node, registers)
    if isinstance(node, HostTable):
        return HostTableBody(node, registers)
    if isinstance(node, SoftmaxAttention):
        return SoftmaxAttentionBody(node, registers)
    raise GraphError(f"node {node.name!r}: the fast simulator has no {node.kind} node")


def _connection(
    node: Dense | Conv | Skip | Regroup | LinearAttention, registers: Registers
) -> Body:
    if isinstance(node, Dense):
        return DenseBody(node, registers.total)
    if isinstance(node, Conv):
        return ConvBody(node, registers.total)
    if isinstance(node, Regroup):
        return RegroupBody(node, registers.total)
    if isinstance(node, Skip):
        return SkipBody(node, registers.total)
    return LinearAttentionBody(node, registers.total)
