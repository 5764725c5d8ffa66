"""A ViT of timm's becomes integers, and the report says what of it cannot leave the host.

LayerNorm, GELU and the softmax are integers too, but they divide by what depends on data, so they
run on the host. Two simulators that share no arithmetic agree on every integer, and the integers
name the classes that the floats do. The weights are random, from a seed: nothing is downloaded.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

SPEC = (
    "timm:vit_tiny_patch16_224?img_size=32&patch_size=8&embed_dim=24&depth=2&num_heads=3"
    "&num_classes=10"
)
FRAMES = 2
MISSING = 77
"""Exit code of an example that lacks what it needs."""


def main() -> int:
    if find_spec("timm") is None:
        print("timm is not installed; `pip install 'timm>=1.0'`")
        return MISSING
    from conversion.convert import convert
    from conversion.evaluate import evaluate_float
    from conversion.from_torch import build_float_graph
    from conversion.shares import operations_by_place, share_line
    from depth_snn.cli.convert_softmax import calibration_frames, timm_model
    from depth_snn.data.scene import sample_frames
    from sims import fast, reference
    from sims.result import first_difference

    model = timm_model(SPEC)
    graph = convert(model, None, None, calibration_frames((32, 32), None))
    print(share_line(graph))
    for kind in ("HostNorm", "SoftmaxAttention", "HostTable"):
        print(f"{kind:18} {len(graph.of_kind(kind))} on the host")
    assert 0 < operations_by_place(graph)["host"] < operations_by_place(graph)["neurocore"]
    frames = sample_frames(7, FRAMES, height=32, width=32, per_street=1)
    pixels = np.stack([frame.rgb.reshape(-1, 3).astype(np.int64) for frame in frames])
    quick = fast.simulate(graph, {"pixels": pixels})
    slow = reference.simulate(graph, {"pixels": pixels}).result
    difference = first_difference(slow.values, quick.values)
    assert set(slow.values) == set(quick.values) and difference is None, str(difference)
    print(f"{sum(v.size for v in slow.values.values())} integers: not one differs")
    floats = build_float_graph(model)
    for index in range(FRAMES):
        right = evaluate_float(floats, pixels[index])["head.out"]
        got = quick.values["head.out.out"][index] * graph.meta["scales"]["head.out"]
        error = np.abs(got - right).mean() / right.std()
        print(f"frame {index}: logits off by {100 * error:.1f} % of their deviation")
        assert error < 0.25
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
