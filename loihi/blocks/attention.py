"""The attention of an encoder block, with its residual sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from loihi.block_models import Block, BlockLeaf, BlockOfProcesses
from loihi.shim import (
    CPU,
    LavaPyType,
    LoihiProtocol,
    PyInPort,
    PyOutPort,
    implements,
    requires,
    tag,
)


class AttentionBlock(Block):
    """Projections, linear attention, projection and skip; see :class:`Block` for the arguments."""


@implements(proc=AttentionBlock, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyAttentionBlockModel(BlockLeaf):
    """Fast leaf model of :class:`AttentionBlock`."""

    s_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    gate_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    q_syn_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    k_syn_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    v_syn_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    q_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    k_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    v_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    attention_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    y_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    proj_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    skip_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    mid_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)


@implements(proc=AttentionBlock, protocol=LoihiProtocol)
@tag("fixed_pt")
class SubAttentionBlockModel(BlockOfProcesses):
    """:class:`AttentionBlock` as a process for each part."""
