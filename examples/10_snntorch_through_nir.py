"""A snntorch model goes through NIR into an integer graph, and its spikes stay the same.

snntorch writes the model as NIR, a file carries it, and the graph read from it runs here in
integers. Every spike of both layers is compared with snntorch's own. Without snntorch and nir this
exits with code 77, the usual code for "skipped": nothing was compared.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np

SKIPPED = 77
FRAMES, PIXELS, HIDDEN, CLASSES = 200, 64, 48, 10


def main() -> int:
    try:
        import nir
        import snntorch as snn
        import torch
        from snntorch.export_nir import export_to_nir
    except ImportError as missing:
        print(f"nothing was compared: {missing}; install 'depth-snn[snn,nir]'")
        return SKIPPED
    from conversion.nir_io import export_nir, read_file
    from sims.fast import simulate

    torch.manual_seed(0)
    leaky = {"init_hidden": True}
    model = torch.nn.Sequential(
        torch.nn.Linear(PIXELS, HIDDEN),
        snn.Leaky(beta=torch.full((HIDDEN,), 0.875), threshold=torch.ones(HIDDEN), **leaky),
        torch.nn.Linear(HIDDEN, CLASSES),
        snn.Leaky(beta=torch.full((CLASSES,), 0.9375), threshold=torch.ones(CLASSES), **leaky),
    )
    with torch.no_grad():
        for p in model.parameters():
            p.copy_((128 * p).round().clamp(-127, 127) / 64)  # 8 bits, so nothing is rounded
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.nir"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nirtorch calls the function snntorch uses deprecated
            nir.write(str(path), export_to_nir(model, torch.zeros(PIXELS)))
        graph = read_file(path, exact=True)
        original = nir.read(str(path), type_check=False)
    frames = (np.random.default_rng(1).random((FRAMES, 1, PIXELS)) < 0.2).astype(np.int64)
    values = simulate(graph, {"input": frames}).values

    wanted: dict[str, list[np.ndarray]] = {"1.out": [], "3.out": []}
    for layer in model[1], model[3]:
        layer.reset_mem()
    with torch.no_grad():
        for frame in frames:
            hidden = model[1](model[0](torch.tensor(frame[0], dtype=torch.float32)))
            wanted["1.out"].append(hidden.numpy().copy())
            wanted["3.out"].append(model[3](model[2](hidden)).numpy().copy())
    for port, theirs in wanted.items():
        spikes = np.stack(theirs)
        differ = int((values[port][:, 0] != spikes).sum())
        print(f"layer {port[0]}: {int(spikes.sum())} spikes of {spikes.size}, {differ} differ")
        assert spikes.any() and differ == 0
    back = export_nir(graph)
    assert all(np.array_equal(back.nodes[n].weight, original.nodes[n].weight) for n in ("0", "2"))
    assert all(np.array_equal(back.nodes[n].tau, original.nodes[n].tau) for n in ("1", "3"))
    print("written back as NIR, weights and time constants are the original's, bit for bit")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
