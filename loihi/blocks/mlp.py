"""The MLP of an encoder block, with its residual sum."""

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


class MlpBlock(Block):
    """Dense, encoder, Dense, and the skip that meets them; see :class:`Block` for the arguments."""


@implements(proc=MlpBlock, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyMlpBlockModel(BlockLeaf):
    """Fast leaf model of :class:`MlpBlock`."""

    s_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    gate_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    fc1_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    h_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)
    fc2_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    skip_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    out_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=24)


@implements(proc=MlpBlock, protocol=LoihiProtocol)
@tag("fixed_pt")
class SubMlpBlockModel(BlockOfProcesses):
    """:class:`MlpBlock` as a process for each part."""
