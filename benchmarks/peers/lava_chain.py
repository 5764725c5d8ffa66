"""A chain of Dense and LIF, or one LIF, of Lava's stock processes: ``lava_chain.py FOLDER``.

In Lava's ordinary best form: binary spikes, all steps in one run, and a process that keeps what it
receives instead of a Monitor. Run by :mod:`benchmarks.lava_run`, which watches it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from loihi import shim
from loihi.drive import Network, drive
from loihi.models import Models
from loihi.processes.lines import Recorder, Source, model_with_ports


def build(folder: Path) -> Network:
    """Source → (Dense → LIF)* or LIF → recorder; weights and rules are read from the folder."""
    what = json.loads((folder / "chain.json").read_text())
    frames = np.load(folder / "frames.npy")
    # Ours finds fixed-point models once for each class; Lava itself looks for the float ones.
    models = Models(select_sub_proc_model=False) if what["tag"] == "fixed_pt" else {}
    source = Source(arrays=[frames], name="source")
    binary = bool(what["layers"])
    travels = np.int32 if what["tag"] == "fixed_pt" or binary else np.float64
    models[source] = model_with_ports(source, {"out0": travels})
    last = source.out0
    for i, rule in enumerate(what["rules"]):
        if binary:
            weights = 2 * np.load(folder / f"weight{i}.npy").astype(np.int32)
            dense = shim.Dense(
                weights=weights, weight_exp=-1, sign_mode=shim.SignMode.MIXED, name=f"dense{i}"
            )
            last.connect(dense.s_in)
            last = dense.a_out
        neurons = shim.LIF(shape=(what["count"],), name=f"lif{i}", **rule)
        last.connect(neurons.a_in)
        last = neurons.s_out
    sink = Recorder(sizes=[what["count"]], steps=what["steps"], folder=str(folder), name="sink")
    last.connect(sink.in0)
    models[sink] = model_with_ports(sink, {})
    cfg = shim.Loihi2SimCfg(select_tag=what["tag"], exception_proc_model_map=models)
    return Network(start=source, run_cfg=cfg, steps=what["steps"])


if __name__ == "__main__":
    drive(build, Path(sys.argv[1]))
