"""Conformance cases on grids of positions: convolutions, regrouping, and a whole network."""

from __future__ import annotations

import numpy as np

from conversion.cases.building import (
    Case,
    IntArray,
    balance,
    edge,
    footage,
    schedule,
    weights,
)
from conversion.cases.networks import block_nodes, encoder, gate_inputs, gate_nodes
from conversion.nodes import Conv, Delta, Dense, Input, Node, Output, Regroup, SigmaDelta


def kernels(
    rng: np.random.Generator, c_out: int, c_in: int, kernel: int, peak: int = 127
) -> IntArray:
    """Random integer weights (C_out, C_in, k, k) within ±peak."""
    return rng.integers(-peak, peak + 1, (c_out, c_in, kernel, kernel)).astype(np.int64)


def always_open(
    name: str, positions: int, bias: IntArray, shift: int, threshold: int = 0
) -> SigmaDelta:
    """A ReLU encoder of a stem: no gate."""
    return SigmaDelta(name=name, tokens=positions, channels=bias.shape[-1], stage=0, gated=False,
                      bias=bias, shift=shift, lo=0, hi=255, threshold=threshold)  # fmt: skip


def picture(positions: int, channels: int = 3, threshold: int = 0) -> list[Node]:
    """Input ``pixels`` and its encoder, for which grey 128 is 0."""
    return [
        Input(name="pixels", shape=(positions, channels), lo=0, hi=255),
        Delta(name="code", tokens=positions, channels=channels, stage=0, gated=False, shift=0,
              bias=np.full(channels, -128), lo=-128, hi=127, threshold=threshold),
    ]  # fmt: skip


def conv_case(
    seed: int = 0,
    *,
    frames: int = 5,
    grid: tuple[int, int] = (7, 9),
    channels: tuple[int, int] = (3, 4),
    kernel: int = 4,
    stride: int = 2,
    padding: int = 3,
    exponent: int = 0,
    threshold: int = 0,
    changing: float = 0.5,
) -> Case:
    """Picture → Conv → ReLU encoder → Conv → Output; of a frame's positions few or all change."""
    rng = np.random.default_rng(seed)
    c_in, c_out = channels
    first = Conv(name="conv", height=grid[0], width=grid[1], stride=stride, padding=padding,
                 exponent=exponent, weight=kernels(rng, c_out, c_in, kernel))  # fmt: skip
    rows, columns = first.grid
    second = Conv(name="next", height=rows, width=columns, stride=1, padding=0, exponent=1,
                  weight=kernels(rng, 3, c_out, min(2, rows, columns), 40))  # fmt: skip
    nodes = (
        *picture(grid[0] * grid[1], c_in, threshold),
        first,
        always_open("sum", rows * columns, rng.integers(-900, 900, c_out), 6 + exponent, threshold),
        second,
        Output(name="out", tokens=second.grid[0] * second.grid[1], channels=3),
    )
    paths = ("pixels -> code", "code -> conv", "conv -> sum", "sum -> next", "next -> out")
    pixels = footage(rng, frames, grid[0] * grid[1], c_in, still=1 - changing)
    return balance("conv_case", nodes, map(edge, paths)), {"pixels": pixels}


def cells_case(
    seed: int = 0,
    *,
    frames: int = 5,
    tokens: int = 4,
    places: int = 3,
    channels: int = 3,
    spare: int = 5,
    repeat: int = 3,
    exponent: int = 2,
    threshold: int = 0,
) -> Case:
    """Picture → Regroup, some positions dropped → Dense on each group → gated ReLU → Output."""
    rng = np.random.default_rng(seed)
    positions = tokens * places + spare
    index = rng.permutation(positions)[: tokens * places].reshape(tokens, places)
    c_in, c_out = places * channels // repeat, 4
    bias = rng.integers(-2000, 2000, (tokens, repeat * c_out))
    nodes = (
        *picture(positions, channels, threshold),
        Input(name="sched", shape=(2, tokens), lo=0, hi=1),
        Regroup(name="cells", positions=positions, channels=channels, index=index,
                exponent=exponent),
        Dense(name="skip", tokens=tokens, weight=weights(rng, c_out, c_in, 127), exponent=1,
              repeat=repeat),
        SigmaDelta(name="hidden", tokens=tokens, channels=repeat * c_out, stage=1, bias=bias,
                   shift=8 + exponent, lo=0, hi=255, threshold=threshold),
        Dense(name="classes", tokens=tokens, weight=weights(rng, 2, c_out), exponent=0,
              repeat=repeat),
        Output(name="out", tokens=tokens, channels=2 * repeat),
    )  # fmt: skip
    paths = ("pixels -> code", "code -> cells", "cells -> skip", "skip -> hidden",
             "sched -> hidden:gate", "hidden -> classes", "classes -> out")  # fmt: skip
    inputs = {
        "pixels": footage(rng, frames, positions, channels),
        "sched": schedule(rng, frames, 2, tokens),
    }
    return balance("cells_case", nodes, map(edge, paths)), inputs


def z_order(grid: tuple[int, int], side: int, crop: int) -> IntArray:
    """Positions of each token, (N, side²): a grid of tokens of side × side, ``crop`` around it."""
    width = grid[1] * side + 2 * crop
    inside = [(0, 0)]
    while len(inside) < side * side:
        inside = [(2 * y + a, 2 * x + b) for y, x in inside for a in (0, 1) for b in (0, 1)]
    return np.array([
        [(crop + row * side + y) * width + crop + column * side + x for y, x in inside]
        for row in range(grid[0]) for column in range(grid[1])
    ])  # fmt: skip


def stem_nodes(
    rng: np.random.Generator, grid: tuple[int, int], stem: tuple[int, ...], threshold: int
) -> tuple[list[Node], list[str], list[Conv]]:
    """Picture and stem of a network of ``grid`` tokens; its convolutions are stem1, stem2, …."""
    patch = 2 ** (len(stem) + 1)
    sides, c_in, source = (grid[0] * patch, grid[1] * patch), 3, "code"
    nodes, paths = picture(sides[0] * sides[1], 3, threshold), ["pixels -> code"]
    convs: list[Conv] = []
    for index, c_out in enumerate(stem):
        name = f"stem{index + 1}"
        conv = Conv(name=f"{name}.syn", height=sides[0], width=sides[1], stride=2,
                    padding=0 if index else patch - 1, exponent=0,
                    weight=kernels(rng, c_out, c_in, 4, 60))  # fmt: skip
        sides, c_in = conv.grid, c_out
        bias = rng.integers(-3000, 3000, c_out)
        nodes += [conv, always_open(name, sides[0] * sides[1], bias, 8, threshold)]
        paths += [f"{source} -> {conv.name}", f"{conv.name} -> {name}"]
        convs.append(conv)
        source = name
    return nodes, paths, convs


def decoder_nodes(
    rng: np.random.Generator, grid: tuple[int, int], convs: list[Conv], sizes: tuple[int, int, int],
    stage: int, source: str, threshold: int,
) -> tuple[list[Node], list[str]]:  # fmt: skip
    """Token and stem cells meet in ``decoder.hidden``; ``sizes`` are d, its channels, classes."""
    tokens, (d, inner, classes), levels = grid[0] * grid[1], sizes, len(convs)
    cells = 4**levels
    nodes: list[Node] = [
        Dense(name="decoder.token", tokens=tokens, weight=weights(rng, cells * inner, d),
              exponent=0),
        encoder("decoder.hidden", tokens, stage, rng.integers(-600, 600, cells * inner), 7, 0,
                threshold),
        Dense(name="decoder.classes", tokens=tokens, weight=weights(rng, classes, inner),
              exponent=0, repeat=cells),
        Output(name="head.out", tokens=tokens, channels=cells * classes,
               bias=rng.integers(-99, 99, cells * classes)),
    ]  # fmt: skip
    paths = [f"{source} -> decoder.token", "decoder.token -> decoder.hidden"]
    for number, conv in enumerate(convs, start=1):
        side, channels = 2 ** (levels + 1 - number), conv.output_shape("out")[1]
        name, skip = f"decoder.cells{number}", f"decoder.skip{number}"
        nodes += [
            Regroup(name=name, positions=conv.output_shape("out")[0], channels=channels,
                    index=z_order(grid, side, side - 1), exponent=number - 1),
            Dense(name=skip, tokens=tokens, repeat=side * side, exponent=0,
                  weight=weights(rng, 4 ** (number - 1) * inner, channels)),
        ]  # fmt: skip
        paths += [f"stem{number} -> {name}", f"{name} -> {skip}", f"{skip} -> decoder.hidden"]
    return nodes, [*paths, "decoder.hidden -> decoder.classes", "decoder.classes -> head.out"]


def picture_case(
    seed: int = 0,
    *,
    frames: int = 4,
    grid: tuple[int, int] = (2, 4),
    side: int = 2,
    stem: tuple[int, ...] = (3, 4),
    layers: int = 1,
    heads: int = 2,
    head_dim: int = 4,
    hidden: int = 12,
    decoder: int = 3,
    classes: int = 4,
    cap_percent: int = 40,
    threshold: int = 0,
) -> Case:
    """A whole network: picture, stem, embedding, encoder blocks, decoder, gate population."""
    rng = np.random.default_rng(seed)
    tokens, d, stages = grid[0] * grid[1], heads * head_dim, layers + 1
    gates, paths = gate_nodes(rng, grid, side, stages, cap_percent)
    nodes, links, convs = stem_nodes(rng, grid, stem, threshold)
    embed = Conv(name="embed.syn", height=convs[-1].grid[0], width=convs[-1].grid[1], stride=2,
                 padding=0, exponent=0, weight=kernels(rng, d, stem[-1], 4, 40))  # fmt: skip
    position = rng.integers(-2000, 2000, (tokens, d)).astype(np.int64)
    nodes += [*gates, embed, encoder("embed", tokens, 0, position, 8, threshold=threshold)]
    links += [*paths, f"stem{len(stem)} -> embed.syn", "embed.syn -> embed"]
    source = "embed"
    for index in range(1, stages):
        more, new = block_nodes(
            rng, index, source, tokens, heads, head_dim, hidden, threshold, answer_shift=4
        )
        nodes, links, source = nodes + more, links + new, f"block{index}.out"
    more, new = decoder_nodes(rng, grid, convs, (d, decoder, classes), layers, source, threshold)
    nodes, links = nodes + more, links + new
    links += [f"gate.restore -> {n.name}:gate" for n in nodes if "gate" in n.inputs]
    inputs = gate_inputs(rng, frames, grid, tokens // side**2, stages)
    patch = 2 ** (len(stem) + 1)
    inputs["pixels"] = footage(rng, frames, tokens * patch**2, 3, still=0.9)
    return balance("picture_case", nodes, map(edge, links)), inputs
