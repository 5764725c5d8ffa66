"""From torch to a float graph: the same function, before norms are folded and after."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from conversion.evaluate import evaluate_float
from conversion.float_nodes import FloatConv, FloatDense, FloatInput, FloatNorm, FloatOutput
from conversion.from_torch import build_float_graph
from conversion.graph import Edge, Graph
from conversion.node import Node
from conversion.passes.fold_norms import fold_norms
from depth_snn.config import NetworkConfig
from depth_snn.errors import GraphError
from depth_snn.models.vit import DepthViT
from depth_snn.models.vit_loihi import DepthViTLoihi
from tests.unit.converting import KINDS, network_of, pixels_of
from tests.unit.small import pictures, random_network


@pytest.mark.parametrize("which", KINDS)
def test_float_graph_is_the_network_before_and_after_folding(which: str) -> None:
    model = network_of(which)
    config = model.config
    picture = pixels_of(which, 1)[0]
    with torch.inference_mode():
        # state_dict in double precision, so that only the graph's own error remains
        double = DepthViTLoihi(config).double().eval()
        double.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
        image = picture.reshape(config.height, config.width, 3).astype(np.uint8)
        expected = double(pictures(image).double())[0].numpy()
    graph = build_float_graph(model)
    folded = fold_norms(graph)
    assert graph.of_kind("FloatNorm") and not folded.of_kind("FloatNorm")
    for each in (graph, folded):
        got = evaluate_float(each, picture)["head.out"]
        assert np.abs(got - expected).max() <= 1e-6 * np.abs(expected).max()


def test_a_picture_of_another_size_is_refused() -> None:
    graph = build_float_graph(network_of("uneven"))
    with pytest.raises(GraphError, match="expected 512 positions of 3 channels"):
        evaluate_float(graph, np.zeros((16, 30, 3)))


def test_foreign_networks_are_refused_by_name() -> None:
    with pytest.raises(GraphError, match="Sequential"):
        build_float_graph(nn.Sequential(nn.Linear(2, 2)))
    twin = NetworkConfig(name="twin", kind="vit", height=16, width=32, dim=8, heads=(2,),
                         head_dim=4, mlp=8)  # fmt: skip
    foreign = DepthViT(twin).eval()
    foreign.blocks[0].norm2 = nn.Identity()
    with pytest.raises(GraphError, match=r"blocks\.0\.norm2.*Identity is not a LayerNorm"):
        build_float_graph(foreign)
    with pytest.raises(GraphError, match="training mode"):
        build_float_graph(random_network().train())
    for name, module, said in (
        ("blocks.1.fc1", nn.Conv1d(12, 20, 1), "block2.h.*Conv1d"),
        ("blocks.1.proj", nn.Identity(), "block2.proj.*Identity"),
        ("blocks.0.norm1", nn.LayerNorm(12), "block1.norm1.*LayerNorm"),
        ("blocks.1", nn.Identity(), "blocks.1.*Identity"),
        ("stem", nn.Identity(), "stem.*Identity"),
        ("stem.convs.0", nn.Conv2d(3, 5, 4, 2, dilation=2), "stem.convs.0.*dilation"),
        ("stem.convs.0", nn.Conv2d(3, 5, (4, 3), 2), "stem.convs.0.*square"),
        ("stem.convs.0", nn.Identity(), "stem.convs.0.*Identity"),
        ("stem.norms.0", nn.InstanceNorm2d(5), "stem.norms.0.*InstanceNorm2d"),
        ("embed", nn.Conv2d(5, 12, 4, 2, padding=1), "embed.*padding"),
        ("norm", nn.LayerNorm(12), "decoder.norm.*LayerNorm"),
        ("decoder", nn.Linear(12, 80), "decoder.*Linear"),
        ("decoder.skips.0", nn.Bilinear(5, 5, 6), "decoder.skip1.*Bilinear"),
        ("decoder.classes", nn.Bilinear(12, 12, 20), "decoder.classes.*Bilinear"),
    ):
        model = random_network()
        parent, _, leaf = name.rpartition(".")
        owner = model.get_submodule(parent)
        owner._modules[leaf] = module
        with pytest.raises(GraphError, match=said) as caught:
            build_float_graph(model.eval())
        assert "\n" not in str(caught.value)


def small_floats(between: list[Node], paths: list[str], out: tuple[int, int]) -> Graph:
    """A float graph from a picture of 4×4 positions and 2 channels."""
    nodes = [
        FloatInput(name="x", tokens=16, channels=2, gated=False), *between,
        FloatOutput(name="out", tokens=out[0], channels=out[1]),
    ]  # fmt: skip
    edges = [Edge(source=s, target=t) for s, t in (path.split(" -> ") for path in paths)]
    return Graph(name="small", dialect="float", nodes=tuple(nodes), edges=tuple(edges))


def some_conv(rng: np.random.Generator, relu: bool = False) -> FloatConv:
    return FloatConv(name="conv", tokens=9, channels=3, height=4, width=4, stride=2, padding=2,
                     weight=rng.normal(size=(3, 2, 3, 3)), bias=rng.normal(size=(9, 3)),
                     relu=relu)  # fmt: skip


def some_norm(rng: np.random.Generator, name: str, tokens: int, channels: int, relu: bool) -> Node:
    scale, shift = rng.normal(size=(2, channels))
    return FloatNorm(
        name=name, tokens=tokens, channels=channels, scale=scale, shift=shift, relu=relu
    )


@pytest.mark.parametrize("relu", [False, True])
def test_a_norm_behind_a_convolution_becomes_part_of_it(relu: bool) -> None:
    rng = np.random.default_rng(0)
    graph = small_floats(
        [some_conv(rng), some_norm(rng, "norm", 9, 3, relu)],
        ["x -> conv", "conv -> norm", "norm -> out"],
        (9, 3),
    )
    folded = fold_norms(graph)
    assert [n.name for n in folded.nodes] == ["x", "conv", "out"]
    picture = rng.integers(0, 256, (16, 2))
    before, after = (evaluate_float(g, picture)["out"] for g in (graph, folded))
    assert np.abs(after - before).max() < 1e-9 * np.abs(before).max()
    assert (before.min() >= 0) == relu


def test_norms_that_cannot_be_folded_are_named() -> None:
    rng = np.random.default_rng(1)
    in_front = small_floats(
        [some_norm(rng, "norm", 16, 2, False), some_conv(rng)],
        ["x -> norm", "norm -> conv", "conv -> out"],
        (9, 3),
    )
    rectified = small_floats(
        [some_conv(rng, relu=True), some_norm(rng, "norm", 9, 3, False)],
        ["x -> conv", "conv -> norm", "norm -> out"],
        (9, 3),
    )
    dense = FloatDense(name="dense", tokens=9, channels=2, weight=rng.normal(size=(2, 3)),
                       bias=np.zeros(2))  # fmt: skip
    shared = small_floats(
        [some_conv(rng), some_norm(rng, "norm", 9, 3, True), dense,
         some_norm(rng, "other", 9, 3, False)],
        ["x -> conv", "conv -> norm", "norm -> dense", "dense -> out", "conv -> other"],
        (9, 2),
    )  # fmt: skip
    for graph in (in_front, rectified, shared):
        with pytest.raises(GraphError, match="norm 'norm' feeds"):
            fold_norms(graph)
