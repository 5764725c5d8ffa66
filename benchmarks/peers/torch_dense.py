"""A quantised graph run densely in torch: every value of every frame, no messages, no gates.

Weights and values are whole numbers in float32, which is exact up to 2^24; torch's matrix products
and convolutions do the rest. Attention is the linear one in its cheap order. With thresholds of 0
and all gates open the graph must show the same logits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from serve import serve
from torch.nn import functional

from conversion.graph import Graph
from conversion.graph_file import load_graph

GATES = ("gate", "sched", "drive", "fixed", "spikes", "membrane")
Run = Callable[..., torch.Tensor]


class Work:
    """What has been loaded."""

    pictures: torch.Tensor
    forward: Run


WORK = Work()


def whole(values: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(values, np.float32))


def encoder(node: Any) -> Run:
    bias, scale = whole(node.bias), 2.0**-node.shift
    half = 0.5 if node.shift else 0.0
    return lambda *x: torch.clamp(
        torch.floor((sum(x) + bias) * scale + half), float(node.lo), float(node.hi)
    )


def dense(node: Any) -> Run:
    weight, groups = whole(node.weight << node.exponent).T.contiguous(), node.repeat
    if groups == 1:
        return lambda x: x @ weight
    return lambda x: (x.reshape(x.shape[0] * groups, -1) @ weight).reshape(x.shape[0], -1)


def conv(node: Any) -> Run:
    weight = whole(node.weight << node.exponent)
    down, across = node.stride, node.stride_across or node.stride
    pad = (node.padding, node.padding if node.padding_across < 0 else node.padding_across)

    def run(x: torch.Tensor) -> torch.Tensor:
        grid = x.T.reshape(1, -1, node.height, node.width)
        out = functional.conv2d(grid, weight, stride=(down, across), padding=pad)
        return out.reshape(out.shape[1], -1).T

    return run


def regroup(node: Any) -> Run:
    index, scale = torch.from_numpy(np.array(node.index)), 2.0**node.exponent
    if int(index.min()) < 0:
        raise ValueError(f"{node.name}: a token without positions is not rebuilt here")
    return lambda x: x[index].reshape(index.shape[0], -1) * scale


def attention(node: Any) -> Run:
    heads, width, scale = node.heads, node.head_dim, 2.0**-node.state_shift
    half, peak = 0.5 if node.state_shift else 0.0, float(node.state_max)

    def run(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        q, k, v = (x.reshape(-1, heads, width).transpose(0, 1) for x in (q, k, v))
        state = torch.clamp(torch.floor(k.transpose(1, 2) @ v * scale + half), -peak, peak)
        return (q @ state).transpose(0, 1).reshape(-1, heads * width)

    return run


def skip(node: Any) -> Run:
    scale = 2.0**node.exponent
    return lambda x: x * scale


def output(node: Any) -> Run:
    bias = whole(node.bias)
    return lambda x: x + bias


MAKERS = {"Delta": encoder, "SigmaDelta": encoder, "Dense": dense, "Conv": conv, "Skip": skip,
          "Regroup": regroup, "LinearAttention": attention, "Output": output}  # fmt: skip


def rebuild(graph: Graph) -> Run:
    """The network from the picture to its Output, without the gates."""
    plan = []
    for node in graph.order:
        if node.kind in MAKERS:
            ports = {port: i for i, port in enumerate(node.inputs)}
            edges = [e for e in graph.incoming[node.name] if e.port not in GATES]
            edges.sort(key=lambda e: ports[e.port])
            plan.append((node.name, MAKERS[node.kind](node), [e.source for e in edges]))
    last = graph.of_kind("Output")[0].name

    def forward(picture: torch.Tensor) -> torch.Tensor:
        values = {"pixels": picture}
        for name, run, sources in plan:
            values[name] = run(*(values[source] for source in sources))
        return values[last]

    return forward


def load(folder: str, form: str, threads: int) -> dict[str, str]:
    """Rebuild ``graph.h5``, read ``pictures.npy``."""
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    forward = rebuild(load_graph(Path(folder) / "graph.h5"))
    WORK.forward = torch.compile(forward) if form == "compiled" else forward
    WORK.pictures = whole(np.load(Path(folder) / "pictures.npy"))
    return {"torch": torch.__version__}


def run() -> dict[str, float]:
    """Seconds for all pictures."""
    begin = time.perf_counter()
    for picture in WORK.pictures:
        WORK.forward(picture)
    return {"seconds": time.perf_counter() - begin}


def logits(file: str) -> dict[str, int]:
    """Write what the Output shows for every picture."""
    rows = [WORK.forward(picture).numpy() for picture in WORK.pictures]
    np.save(file, np.stack(rows).astype(np.int64))
    return {"pictures": len(rows)}


if __name__ == "__main__":
    serve({"load": load, "run": run, "logits": logits})
