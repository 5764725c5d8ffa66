"""Host processes with as many ports as the graph needs: source, delay lines and recorder.

One operating-system process for all inputs, one for all delays and one for all probes: Lava pays
about 0.3 ms per process and step. The ports differ from graph to graph, so the model class is made
for the instance.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

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
    implements,
    requires,
    tag,
)


class Source(AbstractProcess):  # type: ignore[misc]
    """Feeds one array per port, a row per step, and zeros after the last row.

    Args:
        arrays: One array of shape (T, size) per port ``out0``, ``out1``, …
        name: Name in messages.
    """

    def __init__(self, *, arrays: list[Any], **params: Any) -> None:
        super().__init__(arrays=arrays, **params)
        for i, array in enumerate(arrays):
            setattr(self, f"out{i}", OutPort(shape=array.shape[1:]))


class DelayLines(AbstractProcess):  # type: ignore[misc]
    """Holds each line ``in0`` → ``out0``, … for one or more steps; zeros come out first.

    Args:
        sizes: Number of values of each line.
        delays: Steps of each line.
        name: Name in messages.
    """

    def __init__(self, *, sizes: list[int], delays: list[int], **params: Any) -> None:
        super().__init__(sizes=sizes, delays=delays, **params)
        for i, size in enumerate(sizes):
            setattr(self, f"in{i}", InPort(shape=(size,)))
            setattr(self, f"out{i}", OutPort(shape=(size,)))


class Recorder(AbstractProcess):  # type: ignore[misc]
    """Keeps what arrives and writes one array file per port ``in0``, … in the last step.

    Monitors and ``Var.get`` move one element at a time; files do not.

    Args:
        sizes: Number of values of each port.
        steps: Number of steps of the run.
        folder: Where ``<i>.npy`` of shape (steps, size) and the counter ``progress`` are written.
        name: Name in messages.
    """

    def __init__(self, *, sizes: list[int], steps: int, folder: str, **params: Any) -> None:
        super().__init__(sizes=sizes, steps=steps, folder=folder, **params)
        for i, size in enumerate(sizes):
            setattr(self, f"in{i}", InPort(shape=(size,)))


@implements(proc=Source, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySourceModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`Source`."""

    def run_spk(self) -> None:
        """Send this step's rows."""
        for i, array in enumerate(self.proc_params["arrays"]):
            t = self.time_step - 1
            row = array[t] if t < array.shape[0] else np.zeros_like(array[0])
            getattr(self, f"out{i}").send(row)


@implements(proc=DelayLines, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyDelayLinesModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`DelayLines`: sends all before it awaits any: no deadlock."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        pairs = zip(proc_params["sizes"], proc_params["delays"], strict=True)
        self.held = [np.zeros((delay, size), np.int64) for size, delay in pairs]

    def run_spk(self) -> None:
        """Send the oldest row of each line and put the new one in its place."""
        t = self.time_step - 1
        for i, rows in enumerate(self.held):
            getattr(self, f"out{i}").send(rows[t % rows.shape[0]])
        for i, rows in enumerate(self.held):
            rows[t % rows.shape[0]] = getattr(self, f"in{i}").recv()


@implements(proc=Recorder, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRecorderModel(PyLoihiProcessModel):  # type: ignore[misc]
    """Fixed-point model of :class:`Recorder`."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.folder = Path(proc_params["folder"])
        self.kept = [np.zeros((proc_params["steps"], n), np.int64) for n in proc_params["sizes"]]
        self.counter = np.memmap(self.folder / "progress", np.int64, "w+", shape=(1,))

    def run_spk(self) -> None:
        """Keep this step's values; write the files when it is the last one."""
        for i, rows in enumerate(self.kept):
            rows[self.time_step - 1] = getattr(self, f"in{i}").recv()
        self.counter[0] = self.time_step
        if self.time_step == self.proc_params["steps"]:
            for i, rows in enumerate(self.kept):
                np.save(self.folder / f"{i}.npy", rows)


def model_with_ports(process: Any, dtypes: dict[str, Any]) -> Any:
    """The process's model class, with a Lava type for each of this instance's ports.

    Args:
        process: A Source, DelayLines or Recorder.
        dtypes: Type of the values that leave each output port; it decides the channel.
    """
    base = {Source: PySourceModel, DelayLines: PyDelayLinesModel, Recorder: PyRecorderModel}
    types: dict[str, Any] = {
        name: LavaPyType(PyOutPort.VEC_DENSE, dtype) for name, dtype in dtypes.items()
    }
    types.update(
        {port.name: LavaPyType(PyInPort.VEC_DENSE, np.int64) for port in process.in_ports.members}
    )
    return type(f"Py{type(process).__name__}WithPorts", (base[type(process)],), types)
