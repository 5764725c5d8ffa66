"""Models of snntorch and norse, through their own NIR exporters, spike for spike as the library."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from conversion.graph import Graph
from conversion.nir_io import import_nir
from depth_snn.errors import GraphError
from sims.fast import simulate as fast
from sims.reference import simulate as reference
from tests.unit.nir_nets import spikes

snn = pytest.importorskip("snntorch")
norse = pytest.importorskip("norse.torch")
pytest.importorskip("nirtorch")

FRAMES = 150
IN, HIDDEN, OUT = 30, 40, 10


def rounded(model: nn.Module, bits: int = 6) -> None:
    """Weights and biases to whole multiples of 2^−bits within 8 bits."""
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim:
                p.copy_((p * 2**bits).round().clamp(-127, 127) / 2**bits)


def layers(seed: int, bias: bool) -> tuple[nn.Linear, nn.Linear]:
    torch.manual_seed(seed)
    found = nn.Linear(IN, HIDDEN, bias=bias), nn.Linear(HIDDEN, OUT, bias=bias)
    for layer in found:
        layer.weight.data *= 2
        rounded(layer)
    return found


def snntorch_net(seed: int, reset: str, beta: float, bias: bool) -> nn.Sequential:
    """Its exporter needs one beta and threshold per neuron to infer shapes."""
    one, two = layers(seed, bias)
    said = {"init_hidden": True, "reset_mechanism": reset}
    return nn.Sequential(
        one, snn.Leaky(beta=torch.full((HIDDEN,), beta), threshold=torch.ones(HIDDEN), **said),
        two, snn.Leaky(beta=torch.full((OUT,), 0.75), threshold=torch.ones(OUT), **said),
    )  # fmt: skip


def exported(model: nn.Module, shape: tuple[int, ...]) -> Any:
    from snntorch.export_nir import export_to_nir

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nirtorch calls its own function deprecated
        graph = export_to_nir(model, torch.zeros(shape))
    for module in model.modules():
        if hasattr(module, "reset_mem"):
            module.reset_mem()
    return graph


def through_norse(model: nn.Module, shape: tuple[int, ...]) -> Any:
    from norse.torch.utils.export_nir import to_nir

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return to_nir(model, torch.zeros(shape))


def run_snntorch(model: nn.Sequential, frames: Any) -> Any:
    with torch.no_grad():
        return np.stack([model(torch.tensor(f, dtype=torch.float32)).numpy() for f in frames])


def run_norse(model: Any, frames: Any) -> Any:
    state, shown = None, []
    with torch.no_grad():
        for frame in frames:
            value, state = model(torch.tensor(frame, dtype=torch.float32), state)
            shown.append(value.numpy().copy())
    return np.stack(shown)


def compare(graph: Graph, frames: Any, wanted: Any) -> None:
    """The whole run in the fast simulator, its beginning in the reference."""
    assert not graph.meta["nir"]["notes"]
    wanted = wanted[:, None, :]
    assert wanted.any() and not wanted.all()
    given = {"input": frames[:, None, :]}
    for engine, n in ((fast, len(frames)), (reference, 25)):
        out = engine(graph, {"input": given["input"][:n]})
        values = out.values if engine is fast else out.result.values
        differ = np.argwhere(values["output.out"] != wanted[:n])
        assert not len(differ), f"first difference at {differ[0]}"


def recurrent_net(kind: str, reset: str) -> nn.Sequential:
    """Dense → recurrent neurons → dense → Leaky."""
    one, two = layers(5, bias=kind == "all to all")
    said = {"init_hidden": True, "reset_mechanism": reset}
    rule = {"beta": torch.full((HIDDEN,), 0.875), "threshold": torch.ones(HIDDEN), **said}
    back = {
        "all to all": lambda: snn.RLeaky(linear_features=HIDDEN, **rule),
        "each to itself": lambda: snn.RLeaky(all_to_all=False, V=torch.randn(HIDDEN), **rule),
        "current": lambda: snn.RSynaptic(
            alpha=torch.full((HIDDEN,), 0.5), linear_features=HIDDEN, **rule
        ),
    }[kind]()
    rounded(back.recurrent)
    if kind == "current":
        nn.init.zeros_(back.recurrent.bias)
    last = snn.Leaky(beta=torch.full((OUT,), 0.75), threshold=torch.ones(OUT), **said)
    return nn.Sequential(one, back, two, last)


@pytest.mark.parametrize("kind", ["all to all", "each to itself", "current"])
def test_snntorch_recurrent(kind: str) -> None:
    model = recurrent_net(kind, "subtract")
    graph = import_nir(exported(model, (IN,)), exact=True)
    assert [graph.frames_back(e) for e in graph.edges if e.recurrent] == [1]
    frames = spikes(1, FRAMES, IN)
    compare(graph, frames, run_snntorch(model, frames))


def test_a_snntorch_loop_that_resets_to_zero_is_refused() -> None:
    """It loses the input of the step after a spike: a LIF of ours would spike elsewhere."""
    graph = exported(recurrent_net("all to all", "zero"), (IN,))
    with pytest.raises(GraphError, match="lose all input of the step after a spike"):
        import_nir(graph, reset="zero")


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("beta", [0.5, 0.875, 3891 / 4096])
@pytest.mark.parametrize("bias", [False, True])
def test_snntorch_leaky(reset: str, beta: float, bias: bool) -> None:
    model = snntorch_net(3, reset, beta, bias)
    graph = import_nir(
        exported(model, (IN,)), reset="zero" if reset == "zero" else None, exact=True
    )
    assert graph.meta["nir"]["convention"]["name"] == "snntorch"
    frames = spikes(1, FRAMES, IN)
    compare(graph, frames, run_snntorch(model, frames))


def test_the_late_reset_matters() -> None:
    """With another reset the same network spikes otherwise, so the comparison can fail."""
    model = snntorch_net(3, "subtract", 0.875, True)
    graph = import_nir(exported(model, (IN,)), reset="subtract")
    frames = spikes(1, FRAMES, IN)
    out = fast(graph, {"input": frames[:, None, :]}).values["output.out"][:, 0]
    assert (out != run_snntorch(model, frames)).any()


def test_snntorch_synaptic() -> None:
    one, two = layers(5, False)
    said = {"init_hidden": True, "reset_mechanism": "subtract"}
    model = nn.Sequential(
        one, snn.Synaptic(alpha=torch.full((HIDDEN,), 0.5), beta=torch.full((HIDDEN,), 0.75),
                          threshold=torch.ones(HIDDEN), **said),
        two, snn.Leaky(beta=torch.full((OUT,), 0.875), threshold=torch.ones(OUT), **said),
    )  # fmt: skip
    graph = import_nir(exported(model, (IN,)), exact=True)
    frames = spikes(2, FRAMES, IN)
    compare(graph, frames, run_snntorch(model, frames))


def box(decay: float, threshold: float) -> Any:
    return norse.LIFBoxCell(norse.LIFBoxParameters(
        tau_mem_inv=torch.tensor(decay * 1000), v_th=torch.tensor(threshold)))  # fmt: skip


def current(mem: float, syn: float, threshold: float) -> Any:
    return norse.LIFCell(norse.LIFParameters(
        tau_mem_inv=torch.tensor(mem * 1000), tau_syn_inv=torch.tensor(syn * 1000),
        v_th=torch.tensor(threshold)))  # fmt: skip


@pytest.mark.parametrize("kind", ["box", "current", "iaf"])
def test_norse(kind: str) -> None:
    one, two = layers(7, kind != "current")
    cells = {
        "box": lambda: (box(0.125, 0.0625), box(0.25, 0.125)),
        "current": lambda: (current(0.25, 0.5, 0.25), current(0.125, 0.25, 0.125)),
        "iaf": lambda: tuple(
            norse.IAFCell(norse.IAFParameters(v_th=torch.tensor(1.5))) for _ in range(2)
        ),
    }
    first, last = cells[kind]()
    model = norse.SequentialState(one, first, two, last)
    written = through_norse(model, (IN,))
    graph = import_nir(written, convention=None if kind != "iaf" else "norse", exact=True)
    assert graph.meta["nir"]["convention"]["name"] == "norse"
    frames = spikes(4, FRAMES, IN)
    compare(graph, frames, run_norse(model, frames))


class Pictures(nn.Module):
    """Convolutions with padding and stride, pooling, a flatten; spikes at every level."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(11)
        self.one = nn.Conv2d(2, 3, 3, padding=1)
        self.spike = snn.Leaky(beta=torch.full((3, 8, 6), 0.875), threshold=torch.ones(3, 8, 6),
                               init_hidden=True)  # fmt: skip
        self.pool = nn.AvgPool2d(2)
        self.two = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.again = snn.Leaky(beta=torch.full((4, 2, 2), 0.75), threshold=torch.ones(4, 2, 2),
                               init_hidden=True)  # fmt: skip
        self.flat = nn.Flatten(0)
        self.last = nn.Linear(16, 5)
        self.end = snn.Leaky(beta=torch.full((5,), 0.5), threshold=torch.ones(5), init_hidden=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.two(self.pool(self.spike(self.one(x)))))
        out: Tensor = self.end(self.last(self.flat(x)))
        return out


def test_a_convolutional_network_of_snntorch() -> None:
    model = Pictures()
    for p in model.parameters():
        p.data *= 4
    rounded(model)
    written = exported(model, (2, 8, 6))
    graph = import_nir(written, exact=True)
    assert {n.kind for n in graph.nodes} >= {"Conv", "SumPool", "Regroup", "Dense", "LIF"}
    frames = spikes(5, 80, 2, 8, 6)
    ours = frames.transpose(0, 2, 3, 1).reshape(80, 48, 2)
    with torch.no_grad():
        wanted = np.stack([model(torch.tensor(f, dtype=torch.float32)).numpy() for f in frames])
    assert wanted.any()
    assert np.array_equal(fast(graph, {"input": ours}).values["output.out"][:, 0], wanted)
    few = reference(graph, {"input": ours[:10]}).result.values["output.out"][:, 0]
    assert np.array_equal(few, wanted[:10])
