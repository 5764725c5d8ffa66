"""Two Lava processes of which one fails: ``python -m loihi.failures.network FOLDER MODE``.

Nothing here is imitated: a process of Lava's own runtime raises, is killed or stays silent.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from loihi import shim
from loihi.drive import Network, drive

STEPS = 6
FAULT_STEP = 3
"""Step, from 1, at which the fault happens: in the middle, when all processes are under way."""


class Front(shim.AbstractProcess):  # type: ignore[misc]
    """Sends two zeros at every step until its fault.

    Args:
        mode: What goes wrong; see :data:`loihi.failures.cases.CASES`.
    """

    def __init__(self, *, mode: str) -> None:
        super().__init__(mode=mode, name="front")
        if mode == "process constructor":
            raise ValueError("no such neuron")
        self.out = shim.OutPort(shape=(2,))


class Back(shim.AbstractProcess):  # type: ignore[misc]
    """Receives what :class:`Front` sends."""

    def __init__(self) -> None:
        super().__init__(name="back")
        self.a_in = shim.InPort(shape=(2,))


@shim.implements(proc=Front, protocol=shim.LoihiProtocol)
@shim.requires(shim.CPU)
@shim.tag("fixed_pt")
class PyFrontModel(shim.PyLoihiProcessModel):  # type: ignore[misc]
    """Model of :class:`Front`."""

    out: Any = shim.LavaPyType(shim.PyOutPort.VEC_DENSE, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        if proc_params["mode"] == "model constructor":
            raise ValueError("no such model")

    def run_spk(self) -> None:
        """Send, unless this step's fault forbids it."""
        mode = self.proc_params["mode"]
        due = self.time_step >= FAULT_STEP
        if due:
            _fail(mode)
        if not (due and mode == "missing send"):
            self.out.send(np.zeros(3 if due and mode == "wrong shape" else 2, np.int32))


@shim.implements(proc=Back, protocol=shim.LoihiProtocol)
@shim.requires(shim.CPU)
@shim.tag("fixed_pt")
class PyBackModel(shim.PyLoihiProcessModel):  # type: ignore[misc]
    """Model of :class:`Back`."""

    a_in: Any = shim.LavaPyType(shim.PyInPort.VEC_DENSE, np.int32)

    def run_spk(self) -> None:
        """Receive."""
        self.a_in.recv()


def _fail(mode: str) -> None:
    if mode == "exception":
        raise ZeroDivisionError("in the middle")
    if mode == "killed actor":
        os.kill(os.getpid(), signal.SIGKILL)
    if mode == "exit":
        os._exit(7)
    if mode == "killed child":
        os.kill(os.getppid(), signal.SIGKILL)
    if mode == "hang":
        time.sleep(1000)


def build(folder: Path, mode: str) -> Network:
    """The network that will fail as ``mode`` says; ``folder`` is not read."""
    front, back = Front(mode=mode), Back()
    front.out.connect(back.a_in)
    models = {front: PyFrontModel, back: PyBackModel}
    cfg = shim.Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map=models)
    return Network(start=front, run_cfg=cfg, steps=STEPS)


if __name__ == "__main__":
    drive(lambda folder: build(folder, sys.argv[2]), Path(sys.argv[1]))
