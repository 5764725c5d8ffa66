"""Take attention heads out of a float graph: their rows and columns leave the matrices.

A head that goes is held at its running mean μ, so what it added on average stays: with the norm
y·s + t behind the attention and the projection W·y + b behind that, b grows by
W[:, gone]·(μ·s + t)[gone]. That is what :func:`depth_snn.pruning.heads.cut_heads` does to the torch
network; the tests hold one against the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from conversion.float_nodes import FloatArray, FloatAttention, FloatDense, FloatNorm
from conversion.graph import Graph
from conversion.node import IntArray, Node
from depth_snn.errors import GraphError


def prune_heads(graph: Graph, keep: Sequence[Sequence[int]]) -> Graph:
    """A smaller float graph with only the heads in ``keep``.

    Args:
        graph: Float graph before its norms are folded.
        keep: Numbers of the heads that stay, ascending, one list for each attention in the order
            of the graph.

    Raises:
        GraphError: if the lists do not fit the graph, or naming an attention whose neighbours are
            not Dense layers in front and a norm with a running mean and a Dense layer behind.
    """
    attentions = [n for n in graph.order if isinstance(n, FloatAttention)]
    if len(keep) != len(attentions):
        raise GraphError(
            f"graph {graph.name!r}: heads to keep in {len(keep)} layers, "
            f"but it has {len(attentions)} attentions"
        )
    changed: dict[str, Node] = {}
    for node, heads in zip(attentions, keep, strict=True):
        _check_heads(node, heads)
        changed.update(_compacted(graph, node, heads))
    nodes = tuple(changed.get(n.name, n) for n in graph.nodes)
    return replace(graph, nodes=nodes, meta=_with_heads(graph.meta, keep))


def _check_heads(node: FloatAttention, heads: Sequence[int]) -> None:
    ascending = list(heads) == sorted(set(heads)) and len(heads) > 0
    if not ascending or heads[0] < 0 or heads[-1] >= node.heads:
        raise GraphError(
            f"node {node.name!r}: heads to keep are {list(heads)}; expected at least one of "
            f"0..{node.heads - 1}, ascending"
        )


def _compacted(graph: Graph, node: FloatAttention, heads: Sequence[int]) -> dict[str, Node]:
    """The attention and its neighbours without the other heads, by name."""
    d = node.head_dim
    lanes = np.concatenate([np.arange(h * d, (h + 1) * d) for h in heads])
    gone = np.setdiff1d(np.arange(node.channels), lanes)
    out: dict[str, Node] = {
        node.name: replace(node, channels=len(lanes), heads=len(heads))
    }  # fmt: skip
    for edge in graph.incoming[node.name]:
        layer = graph.by_name[edge.source]
        if not isinstance(layer, FloatDense) or layer.repeat != 1 or len(_users(graph, layer)) != 1:
            raise _misfit(node, layer, "in front of it; expected a Dense layer of its own")
        weight, bias = layer.weight[lanes], layer.bias[..., lanes]
        out[layer.name] = replace(layer, channels=len(lanes), weight=weight, bias=bias)
    norm = _only_user(graph, node)
    if not isinstance(norm, FloatNorm) or norm.relu or not norm.mean.size:
        raise _misfit(node, norm, "behind it; expected a norm with a running mean, not yet folded")
    out[norm.name] = replace(
        norm, channels=len(lanes), scale=norm.scale[lanes], shift=norm.shift[lanes],
        mean=norm.mean[lanes],
    )  # fmt: skip
    proj = _only_user(graph, norm)
    if not isinstance(proj, FloatDense) or proj.repeat != 1:
        raise _misfit(node, proj, "behind its norm; expected a Dense layer")
    held: FloatArray = norm.mean * norm.scale + norm.shift
    out[proj.name] = _without_columns(proj, lanes, gone, held)
    return out


def _without_columns(
    proj: FloatDense, lanes: IntArray, gone: IntArray, held: FloatArray
) -> FloatDense:
    bias = proj.bias + proj.weight[:, gone] @ held[gone]
    return replace(proj, weight=proj.weight[:, lanes], bias=bias)


def _users(graph: Graph, node: Node) -> list[Node]:
    return [graph.by_name[e.target] for e in graph.edges if e.source == node.name]


def _only_user(graph: Graph, node: Node) -> Node | None:
    users = _users(graph, node)
    return users[0] if len(users) == 1 else None


def _misfit(node: Node, other: Node | None, words: str) -> GraphError:
    what = "several nodes or none" if other is None else f"{other.kind} {other.name!r}"
    return GraphError(f"node {node.name!r}: {what} {words}")


def _with_heads(meta: Mapping[str, Any], keep: Sequence[Sequence[int]]) -> dict[str, Any]:
    """The facts of the network with its new numbers of heads."""
    network = meta.get("network")
    if network is None:
        return dict(meta)
    return {**meta, "network": {**network, "heads": [len(heads) for heads in keep]}}
