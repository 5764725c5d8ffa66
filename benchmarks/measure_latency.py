"""Forward time of both networks and of timm's ViT of the same size, one picture, side by side.

Each round runs every network once; ratios are taken within a round, and their median is stated.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from depth_snn.figures import found_now, publish
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.models.weights import load_network, shipped

COMMAND = "python benchmarks/measure_latency.py"
NAMES = ("latency_loihi_vs_vit", "latency_vit_vs_timm", "latency_loihi_ms", "latency_vit_ms")
ROUNDS, WARM_UP = 40, 5


def timm_vit(
    height: int, width: int, patch: int, dim: int, layers: int, heads: int
) -> torch.nn.Module:
    """Timm's VisionTransformer of this shape, without head, giving tokens."""
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        img_size=(height, width), patch_size=patch, embed_dim=dim, depth=layers, num_heads=heads,
        num_classes=0, class_token=False, global_pool="", mlp_ratio=4,
    ).eval()  # fmt: skip


@torch.inference_mode()
def rounds(runs: dict[str, Callable[[Tensor], object]], picture: Tensor) -> list[dict[str, float]]:
    """Milliseconds of each network in each round."""
    out = []
    for index in range(ROUNDS + WARM_UP):
        names = list(runs) if index % 2 else list(runs)[::-1]
        times = {}
        for name in names:
            start = time.perf_counter()
            runs[name](picture)
            times[name] = 1e3 * (time.perf_counter() - start)
        out.append(times)
    return out[WARM_UP:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    vit, loihi = load_network(shipped("small_vit")), load_network(shipped("small"))
    assert isinstance(loihi, DepthViTLoihi)
    c = vit.config
    timm = timm_vit(c.height, c.width, c.patch, c.dim, c.layers, c.heads[0])
    picture = torch.rand(1, 3, c.height, c.width) * 255
    runs: dict[str, Callable[[Tensor], object]] = {"vit": vit, "loihi": loihi, "timm": timm}
    runs["loihi with SDPA"] = lambda x: loihi(x, "sdpa")
    times = rounds(runs, picture)
    for name in runs:
        print(f"{name:16} {statistics.median(t[name] for t in times):7.2f} ms")
    values = {
        "latency_loihi_vs_vit": ([t["loihi"] / t["vit"] for t in times], "×"),
        "latency_vit_vs_timm": ([t["vit"] / t["timm"] for t in times], "×"),
        "latency_loihi_ms": ([t["loihi"] for t in times], "ms"),
        "latency_vit_ms": ([t["vit"] for t in times], "ms"),
    }
    figures = {
        name: found_now(
            statistics.median(v), unit=unit, command=COMMAND, spread=statistics.stdev(v)
        )
        for name, (v, unit) in values.items()
    }
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
