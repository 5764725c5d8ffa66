"""Spikes of snntorch and norse models against the integer graphs read from their NIR.

Networks of 784 inputs, 256 hidden neurons and 10 outputs with 8-bit weights, several seeds of each
library, at random spikes. Every neuron of every layer is compared in every frame.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from conversion.nir_io import import_nir
from depth_snn.figures import found_now, publish
from sims import fast

COMMAND = "python benchmarks/measure_nir.py"
NAMES = ("nir_spikes_compared", "nir_spike_mismatches")
IN, HIDDEN, OUT, FRAMES = 784, 256, 10, 300
DECAYS = (0.0625, 0.125, 0.25, 205 / 4096)


def layers(seed: int) -> tuple[nn.Linear, nn.Linear]:
    """Two layers whose weights are 8-bit integers times 2^−8 and 2^−7."""
    torch.manual_seed(seed)
    found = nn.Linear(IN, HIDDEN, bias=False), nn.Linear(HIDDEN, OUT, bias=False)
    with torch.no_grad():
        for layer, bits in zip(found, (8, 7), strict=True):
            layer.weight.copy_((3 * layer.weight * 2**bits).round().clamp(-127, 127) / 2**bits)
    return found


def snntorch_model(seed: int, lost: float) -> tuple[nn.Sequential, Any]:
    """A model and the NIR that snntorch's exporter makes of it."""
    import snntorch as snn
    from snntorch.export_nir import export_to_nir

    one, two = layers(seed)
    cells = [
        snn.Leaky(beta=torch.full((n,), 1 - lost), threshold=torch.ones(n), init_hidden=True)
        for n in (HIDDEN, OUT)
    ]
    model = nn.Sequential(one, cells[0], two, cells[1])
    written = export_to_nir(model, torch.zeros(IN))
    for cell in cells:
        cell.reset_mem()
    return model, written


def norse_model(seed: int, lost: float) -> tuple[nn.ModuleList, Any]:
    """The same of norse, with a synaptic current."""
    import norse.torch as norse
    from norse.torch.utils.export_nir import to_nir

    one, two = layers(seed)
    cells = [
        norse.LIFCell(norse.LIFParameters(
            tau_mem_inv=torch.tensor(1000 * lost), tau_syn_inv=torch.tensor(500.0),
            v_th=torch.tensor(4 * lost),
        ))
        for _ in range(2)
    ]  # fmt: skip
    written = to_nir(norse.SequentialState(one, cells[0], two, cells[1]), torch.zeros(IN))
    return nn.ModuleList([one, cells[0], two, cells[1]]), written


def run(model: Any, frames: Any, stateful: bool) -> tuple[Any, Any]:
    """Spikes of both layers, (T, HIDDEN) and (T, OUT), as the library computes them."""
    shown: tuple[list[Any], list[Any]] = [], []
    states: list[Any] = [None, None]
    with torch.no_grad():
        for frame in frames:
            value = torch.tensor(frame, dtype=torch.float32)
            for k in range(2):
                value = model[2 * k](value)
                if stateful:
                    value, states[k] = model[2 * k + 1](value, states[k])
                else:
                    value = model[2 * k + 1](value)
                shown[k].append(value.numpy().copy())
    return np.stack(shown[0]), np.stack(shown[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seeds", type=int, default=4, help="networks of each kind (default 4)")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # nirtorch calls the function both exporters use deprecated
    compared, wrong = 0, 0
    for make, stateful in ((snntorch_model, False), (norse_model, True)):
        for seed in range(options.seeds):
            lost = DECAYS[seed % len(DECAYS)]
            model, written = make(seed, lost)
            graph = import_nir(written, exact=True)
            rng = np.random.default_rng(seed)
            frames = (rng.random((FRAMES, IN)) < 0.1).astype(np.int64)
            values = fast.simulate(graph, {"input": frames[:, None]}).values
            found = 0
            for port, theirs in zip(("1.out", "3.out"), run(model, frames, stateful), strict=True):
                found += int((values[port][:, 0] != theirs).sum())
                compared += int(theirs.sum())
            print(f"{make.__name__} {seed}: {1 - lost:.4f} kept per step, {found} differ")
            wrong += found
    figures = {
        NAMES[0]: found_now(compared, unit="", command=COMMAND),
        NAMES[1]: found_now(wrong, unit="", command=COMMAND),
    }
    print(f"{wrong} places differ; {compared} spikes compared")
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
