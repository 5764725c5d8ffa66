"""Runs inside NeuroBench's own environment: counts plain networks as NeuroBench counts them.

Called by measure_neurobench.py with an .npz of networks and inputs; prints one JSON object.
"""

import json
import sys

import numpy as np
import torch
from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
from neurobench.models import TorchModel


def build(arrays, name):
    """A torch network of the layers that the file holds under a name."""
    layers, count = [], int(arrays[f"{name}.layers"])
    for i in range(count):
        weight = torch.tensor(arrays[f"{name}.{i}.weight"], dtype=torch.float64)
        if weight.ndim == 4:
            stride, padding = (int(n) for n in arrays[f"{name}.{i}.rule"])
            layer = torch.nn.Conv2d(
                weight.shape[1], weight.shape[0], weight.shape[2:], stride, padding, bias=False
            )
        else:
            if not layers or isinstance(layers[-2], torch.nn.Conv2d):
                layers.append(torch.nn.Flatten())
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        layer.weight.data = weight
        layers.append(layer)
        if i < count - 1:
            layers.append(torch.nn.ReLU())
    return torch.nn.Sequential(*layers).double()


def measure(arrays, name):
    """NeuroBench's counts of one network over all its inputs."""
    inputs = torch.tensor(arrays[f"{name}.inputs"], dtype=torch.float64)
    model = TorchModel(build(arrays, name))
    model.register_hooks()
    operations, sparsity = SynapticOperations(), ActivationSparsity()
    with torch.no_grad():
        outputs = model(inputs)
        found = operations(model, outputs, (inputs, None))
        silent = sparsity(model, outputs, (inputs, None))
    samples = len(inputs)
    return {
        "effective": round((found["Effective_MACs"] + found["Effective_ACs"]) * samples),
        "dense": round(found["Dense"] * samples),
        "activation_sparsity": silent,
        "outputs": outputs.round().long().tolist(),
    }


def main():
    """Measure every network of the file."""
    with np.load(sys.argv[1], allow_pickle=False) as arrays:
        names = [str(name) for name in arrays["names"]]
        print(json.dumps({name: measure(arrays, name) for name in names}))


if __name__ == "__main__":
    main()
