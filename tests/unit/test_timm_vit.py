"""Softmax networks through the conversion: timm's ViT and the float twin."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from conversion.bounds import verify
from conversion.convert import convert
from conversion.evaluate import evaluate_float
from conversion.from_torch import build_float_graph
from conversion.graph import Graph
from conversion.host_nodes import HostNode
from conversion.nodes import Delta
from conversion.passes.fold_norms import fold_norms
from conversion.shares import dense_operations, operations_by_place, shares_of
from depth_snn.config import GateConfig
from depth_snn.errors import ConfigError, GraphError, InputError
from depth_snn.pruning.prices import prices_of
from sims import fast, reference
from sims.result import first_difference
from tests.unit.small import TWIN, noise, pictures, random_network, random_twin

timm = pytest.importorskip("timm")
SIZE = 32
OPTIONS = {"img_size": SIZE, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3,
           "num_classes": 7}  # fmt: skip


def make(**more: Any) -> Any:
    """A small ViT of timm's whose weights are far from their small start; not shared."""
    torch.manual_seed(1)
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False, **(OPTIONS | more))
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                if module.bias is not None:
                    nn.init.normal_(module.bias, std=0.2)
            if isinstance(module, nn.LayerNorm):
                nn.init.uniform_(module.weight, 0.6, 1.4)
                nn.init.normal_(module.bias, std=0.2)
        nn.init.normal_(model.cls_token)
        nn.init.normal_(model.pos_embed, std=0.5)
    return model.eval()


def frames(count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """Smooth random pictures (T, H·W, 3): each a blown-up grid of 4×4 colours, and some noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 236, (count, 4, 4, 3)).repeat(8, axis=1).repeat(8, axis=2)
    fine = coarse + rng.integers(-20, 20, coarse.shape)
    return fine.reshape(count, SIZE * SIZE, 3).astype(np.int64)


def logits_of(model: Any, pixels: Any) -> Any:
    facts = model.pretrained_cfg
    mean, std = (torch.tensor(facts[k], dtype=torch.float64) for k in ("mean", "std"))
    rgb = torch.from_numpy(pixels.reshape(1, SIZE, SIZE, 3)).double() / 255
    with torch.inference_mode():
        return model.double()(((rgb - mean) / std).permute(0, 3, 1, 2))[0].numpy()


@cache
def converted() -> Graph:
    return convert(make(), None, None, frames(6))


@pytest.mark.parametrize(
    "more",
    [{}, {"no_embed_class": True}, {"qkv_bias": False}, {"act_layer": "gelu_tanh"}],
    ids=str,
)
def test_the_float_graph_is_timms_network(more: dict[str, Any]) -> None:
    model, pixels = make(**more), frames(1, seed=9)[0]
    graph = build_float_graph(model)
    wanted = logits_of(model, pixels)
    for each in (graph, fold_norms(graph)):
        got = evaluate_float(each, pixels)["head.out"][0]
        assert np.abs(got - wanted).max() <= 1e-9 * np.abs(wanted).max()


def test_the_float_graph_is_the_twin() -> None:
    model, pixels = random_twin(), noise(TWIN, 1)[0]
    graph = build_float_graph(model)
    with torch.inference_mode():
        wanted = type(model)(TWIN).double().eval()
        wanted.load_state_dict({k: v.double() for k, v in model.state_dict().items()})
        right = wanted(pictures(pixels).double())[0].numpy()
    for each in (graph, fold_norms(graph)):
        got = evaluate_float(each, pixels)["head.out"]
        # The stem's norms are folded in single precision.
        assert np.abs(got - right).max() <= 1e-6 * np.abs(right).max()


def test_integers_are_close_to_timms_floats() -> None:
    model, pixels = make(), frames(8, seed=20)
    graph = converted()
    out = fast.simulate(graph, {"pixels": pixels}).values["head.out.out"][:, 0]
    floats = np.stack([logits_of(model, p) for p in pixels])
    error = np.abs(out * graph.meta["scales"]["head.out"] - floats)
    assert error.mean() <= 0.05 * floats.std()
    assert (out.argmax(1) == floats.argmax(1)).mean() >= 0.75


def test_both_simulators_agree_on_the_converted_network() -> None:
    graph, inputs = converted(), {"pixels": frames(2, seed=5)}
    quick, slow = fast.simulate(graph, inputs), reference.simulate(graph, inputs).result
    difference = first_difference(slow.values, quick.values)
    assert difference is None, str(difference)
    assert set(slow.values) == set(quick.values)


def test_a_frame_by_itself_and_behind_others_give_the_same() -> None:
    """Threshold 0: what a node holds is the frame's alone, however it came there."""
    graph, pixels = converted(), frames(4, seed=6)
    together = fast.simulate(graph, {"pixels": pixels}).values["head.out.out"]
    for index in range(4):
        alone = fast.simulate(graph, {"pixels": pixels[index : index + 1]}).values["head.out.out"]
        assert np.array_equal(together[index], alone[0])


def test_the_twin_converts_with_gates_and_without_and_open_gates_change_nothing() -> None:
    model = random_twin()
    clip = [p.reshape(-1, 3).astype(np.int64) for p in noise(TWIN, 4)]
    free = convert(model, None, None, clip)
    gated = convert(model, GateConfig(), prices_of(TWIN, scored=True), clip)
    assert not [n for n in free.nodes if "gate" in n.inputs]
    pixels = np.stack(clip)[:3]
    inputs = {
        "pixels": pixels,
        "sched": np.ones((3, TWIN.stages, TWIN.tokens), np.int64),
        "drive": np.zeros((3, TWIN.regions), np.int64),
        "fixed": np.full((3, 1), 10**6),
    }
    with_gates = fast.simulate(gated, inputs).values["head.out.out"]
    without = fast.simulate(free, {"pixels": pixels}).values["head.out.out"]
    assert np.array_equal(with_gates, without) and without.std() > 0


def test_the_loihi_kind_converts_without_gates_too() -> None:
    model = random_network()
    clip = [p.reshape(-1, 3).astype(np.int64) for p in noise(model.config, 3)]
    free = convert(model, None, None, clip)
    assert {n.kind for n in free.nodes}.isdisjoint({"LIF", "RestoreGate"})
    inputs = {"pixels": np.stack(clip)}
    quick, slow = fast.simulate(free, inputs), reference.simulate(free, inputs).result
    difference = first_difference(slow.values, quick.values)
    assert difference is None, str(difference)
    with pytest.raises(GraphError, match="gates need prices"):
        convert(make(), GateConfig(), prices_of(model.config, scored=True), frames(1))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"init_values": 1e-5}, r"blocks\.0\.ls1.*LayerScale"),
    ({"qk_norm": True}, r"blocks\.0\.attn\.q_norm.*LayerNorm"),
    ({"global_pool": "avg"}, "pool: 'avg'"),
    ({"global_pool": "map"}, "pool"),
    ({"reg_tokens": 2}, "pool.*3 tokens in front"),
    ({"class_token": False, "global_pool": "avg"}, "pool"),
    ({"pre_norm": True}, "norm_pre.*LayerNorm"),
    ({"pos_embed": "none"}, "pos_embed"),
    ({"dynamic_img_size": True}, "pos_embed"),
    ({"act_layer": "relu"}, r"blocks\.0\.mlp.*ReLU"),
    ({"num_classes": 0}, "head.*Identity"),
]


@pytest.mark.parametrize(("more", "said"), REFUSED, ids=[str(m) for m, _ in REFUSED])
def test_what_it_cannot_express_is_refused_by_name(more: dict[str, Any], said: str) -> None:
    model = timm.create_model("vit_tiny_patch16_224", pretrained=False, **(OPTIONS | more)).eval()
    with pytest.raises(GraphError, match=said) as caught:
        build_float_graph(model)
    assert "\n" not in str(caught.value)


def test_replaced_modules_and_training_mode_are_refused() -> None:
    with pytest.raises(GraphError, match="training mode"):
        build_float_graph(make().train())
    changes: list[tuple[str, nn.Module, str]] = [
        ("patch_embed.proj", nn.Conv2d(3, 24, 8, 4), "patch_embed.proj.*side by side"),
        ("patch_embed.proj", nn.Conv2d(1, 24, 8, 8), "three channels"),
        ("blocks.1.norm2", nn.BatchNorm1d(24), "blocks.1.norm2.*BatchNorm1d"),
        ("blocks.1", nn.Identity(), "blocks.1.*Identity"),
        ("blocks.0.attn.qkv", nn.Linear(24, 50), "blocks.0.attn.qkv.*50 rows"),
    ]
    for path, module, said in changes:
        model = make()
        parent, _, leaf = path.rpartition(".")
        model.get_submodule(parent)._modules[leaf] = module
        with pytest.raises(GraphError, match=said):
            build_float_graph(model.eval())


def test_no_frame_needs_more_operations_than_the_dense_count() -> None:
    """The closed form against what the simulator counts when everything moves; it is tight."""
    graph = converted()
    counts = fast.simulate(graph, {"pixels": frames(3, seed=8)}).counts
    met = dense = 0
    for node in graph.nodes:
        c = counts[node.name]
        done = int((c.synaptic_operations + c.updates_active + c.macs_off_core).max())
        assert done <= dense_operations(node), node.name
        assert dense_operations(node) or node.kind == "Input"
        if node.runs_on == "host" and node.kind not in ("Input", "Output"):
            assert done == dense_operations(node), node.name  # every token is open and changes
        met, dense = met + done, dense + dense_operations(node)
    assert met > 0.7 * dense


def test_bounds_hold_what_the_simulator_sees() -> None:
    graph, rng = converted(), np.random.default_rng(7)
    bounds = verify(graph)
    pixels = 255 * rng.integers(0, 2, (6, SIZE * SIZE, 3))  # the hardest pictures
    shown = fast.simulate(graph, {"pixels": pixels}).values
    for node in graph.nodes:
        value, bound = shown[f"{node.name}.out"], bounds[node.name]
        absolute = node.kind in ("Input", "Output") or isinstance(node, HostNode)
        total = value if absolute else value.cumsum(0)
        assert np.abs(total).max() <= bound.shown, node.name
    assert {n.kind for n in graph.nodes} >= {"HostNorm", "HostTable", "SoftmaxAttention"}


def test_shares_of_a_graph_add_up_and_the_host_has_what_softmax_needs() -> None:
    graph = converted()
    places = operations_by_place(graph)
    tokens, heads, d = 17, 3, 8
    softmax = 2 * (heads * tokens**2 * (3 * d + 1) + tokens * heads * d)
    assert places["host"] > softmax and places["embedded"] == 0
    assert abs(sum(shares_of(places).values()) - 1) < 1e-12
    encoders = sum(dense_operations(n) for n in graph.nodes if isinstance(n, Delta))
    assert 0 < encoders < places["neurocore"]
    with pytest.raises(GraphError, match="no work"):
        shares_of({"neurocore": 0, "embedded": 0, "host": 0})


def test_the_name_of_a_timm_network_is_checked(tmp_path: Any) -> None:
    from depth_snn.cli.convert_softmax import parse, timm_model

    assert parse("timm:vit_x?img_size=64&seed=3") == ("vit_x", {"img_size": 64, "seed": 3}, None)
    for spec, said in (
        ("timm:", "no name"),
        ("timm:vit_x?colour=3", "unknown option 'colour'"),
        ("timm:vit_x?img_size=-1", "whole number from 16"),
        ("timm:vit_x?img_size=9999999", "whole number from 16"),
        ("timm:resnet50", "no ViT named 'resnet50'"),
        ("timm:vit_tiny_patch16_224?img_size=64&num_heads=5", "timm cannot make it"),
    ):
        with pytest.raises(ConfigError, match=said) as caught:
            timm_model(spec)
        assert "\n" not in str(caught.value)
    spec = "timm:vit_tiny_patch16_224?img_size=32&depth=1&weights="
    with pytest.raises(InputError, match="no such weights"):
        timm_model(f"{spec}{tmp_path}/none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(InputError, match="not a readable weights file"):
        timm_model(f"{spec}{tmp_path}/bad.safetensors")


def test_weights_of_a_file_are_taken(tmp_path: Any) -> None:
    from safetensors.torch import save_file

    from depth_snn.cli.convert_softmax import timm_model

    spec = "timm:vit_tiny_patch16_224?img_size=32&depth=1&embed_dim=24&num_classes=5"
    first, second = timm_model(spec), timm_model(f"{spec}&seed=4")
    assert not torch.equal(first.head.weight, second.head.weight)
    save_file(
        {k: v.contiguous() for k, v in first.state_dict().items()}, tmp_path / "w.safetensors"
    )
    filled = timm_model(f"{spec}&seed=4&weights={tmp_path}/w.safetensors")
    assert all(
        torch.equal(a, b)
        for a, b in zip(filled.state_dict().values(), first.state_dict().values(), strict=True)
    )
    with pytest.raises(InputError, match=r"has shape .* expected"):
        timm_model(f"{spec}0&weights={tmp_path}/w.safetensors")
