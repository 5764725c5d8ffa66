"""Sparse: the synapses there are, as a matrix in compressed rows (docs/fixed_point.md §4)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from conversion.nodes import Sparse
from loihi.csr import csr_of
from loihi.integers import hold_sums
from loihi.shim import (
    CPU,
    AbstractProcess,
    InPort,
    LavaPyType,
    LoihiProtocol,
    OutPort,
    PyInPort,
    PyLoihiProcessModel,
    PyOutPort,
    Var,
    implements,
    requires,
    tag,
)


class Synapses(AbstractProcess):  # type: ignore[misc]
    """``out = (W · in) << exponent``, one step later.

    Args:
        node: The connection.
        name: Node name.
    """

    PORTS: ClassVar[dict[str, str]] = {"in": "s_in", "out": "a_out"}

    def __init__(self, *, node: Sparse, name: str) -> None:
        weights = csr_of(node, np.int64)
        super().__init__(name=name, weights=weights, exponent=node.exponent)
        self.s_in = InPort(shape=(node.sources,))
        self.a_out = OutPort(shape=(node.count,))
        self.buffer = Var(shape=(node.count,), init=0)


@implements(proc=Synapses, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySynapsesModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`Synapses`."""

    s_in: Any = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: Any = LavaPyType(PyOutPort.VEC_DENSE, np.int32, precision=32)
    buffer: Any = LavaPyType(np.ndarray, np.int64, precision=32)

    def run_spk(self) -> None:
        """Send the sums of the last step, then receive and add up."""
        self.a_out.send(self.buffer)
        p = self.proc_params
        sums = p["weights"].dot(self.s_in.recv()) << p["exponent"]
        self.buffer = hold_sums(sums, p["exponent"], p["name"], self.time_step - 1)
