"""Weights of a netx layer as our connections, which hold eight bits."""

from __future__ import annotations

import numpy as np

from conversion.connections import EXPONENT_MAX, WEIGHT_MAX
from conversion.netx.read import Layer
from conversion.node import IntArray
from depth_snn.errors import GraphError

NETX_LOW, NETX_HIGH = -256, 254
"""Where netx cuts off weights of both signs (lava-dl: ``optimize_weight_bits``)."""


def parts_of(weight: IntArray) -> list[tuple[IntArray, int]]:
    """Weights within ±127 and left shifts whose sum is ``weight``; mostly one such pair.

    Whatever is a multiple of a power of two takes one connection with that exponent. Other weights
    beyond ±127 take two: the upper bits, shifted, and what is left. Both meet in the same neurons,
    as two sets of synapses do on a chip.

    Raises:
        GraphError: if a weight is beyond what the largest shift reaches.
    """
    peak = int(np.abs(weight).max(initial=0))
    if peak > WEIGHT_MAX << EXPONENT_MAX:
        raise GraphError(f"weight {peak} is beyond ±{WEIGHT_MAX << EXPONENT_MAX}; scale it down")
    shift = 0
    while peak > WEIGHT_MAX << shift and shift < EXPONENT_MAX:
        shift += 1
    if not (weight & ((1 << shift) - 1)).any():
        return [(weight >> shift, shift)]
    # One bit less where −256 … 255 allows it: 2·127 + 1 = 255 and 2·(−127) − 2 = −256.
    lower = shift - 1 if peak <= (WEIGHT_MAX << (shift - 1)) + WEIGHT_MAX and shift > 1 else shift
    upper = np.clip(weight >> lower, -WEIGHT_MAX, WEIGHT_MAX)
    return [(upper, lower), *parts_of(weight - (upper << lower))]


def dense_weights(layer: Layer, outputs: int, inputs: int, as_netx: bool) -> list[IntArray]:
    """The matrix (outputs, inputs) of a dense layer, and of a recurrent one (outputs, outputs) too.

    Raises:
        GraphError: if one is complex, of another size, or not whole.
    """
    if "weight/real" in layer or "weight/imag" in layer:
        raise layer.fault("complex weights have no counterpart here; export a real network")
    sizes = {"weight": inputs} | ({"weight_rec": outputs} if layer.kind == "dense_rec" else {})
    found = [_matrix(layer, key, outputs, columns, as_netx) for key, columns in sizes.items()]
    # netx looks at both matrices of a layer together.
    low, high = min(int(w.min(initial=0)) for w in found), max(int(w.max(initial=0)) for w in found)
    if as_netx and low < 0 < high:
        return [np.asarray(np.clip(w, NETX_LOW, NETX_HIGH)) for w in found]
    return found


def _matrix(layer: Layer, key: str, outputs: int, inputs: int, as_netx: bool) -> IntArray:
    weight = layer.whole(key, truncate=as_netx)
    if weight.size != outputs * inputs or weight.ndim not in (1, 2):
        raise layer.fault(f"{key} has shape {weight.shape}, not ({outputs}, {inputs})")
    return weight.reshape(outputs, inputs)


def conv_weight(layer: Layer, channels: int, as_netx: bool) -> IntArray:
    """The kernels (C_out, C_in, k, m) of a conv layer, groups and dilation spread out as zeros.

    Args:
        layer: The layer.
        channels: Channels of its input.
        as_netx: Cut fractions off.

    Raises:
        GraphError: if their shape does not fit.
    """
    weight = layer.whole("weight", truncate=as_netx)
    if weight.ndim == 5 and weight.shape[4] == 1:
        weight = weight[..., 0]  # slayer keeps a last axis for time
    groups, (down, across) = layer.number("groups", 1), layer.pair("dilation", 1)
    if weight.ndim != 4 or min(weight.shape) < 1:
        raise layer.fault(f"weight has shape {weight.shape}, not (out, in, k, k)")
    c_out, c_in, high, wide = weight.shape
    if min(groups, down, across) < 1 or groups * c_in != channels or c_out % groups:
        raise layer.fault(
            f"weight {weight.shape} with {groups} groups does not fit {channels} channels"
        )
    size = (c_out, channels, (high - 1) * down + 1, (wide - 1) * across + 1)
    if np.prod(size, dtype=np.float64) > 2**26:
        raise layer.fault(f"weights of shape {size} would be too large")
    out = np.zeros(size, np.int64)
    per = c_out // groups
    for g in range(groups):
        rows, columns = slice(g * per, (g + 1) * per), slice(g * c_in, (g + 1) * c_in)
        out[rows, columns, ::down, ::across] = weight[rows]
    return out


def bias_of(layer: Layer, channels: int, as_netx: bool) -> IntArray:
    """One bias per channel, or an empty array where there is none or it is zero."""
    if "bias" not in layer:
        return np.zeros(0, np.int64)
    bias = layer.whole("bias", truncate=as_netx).reshape(-1)
    if bias.size not in (1, channels):
        raise layer.fault(f"bias has {bias.size} values for {channels} channels")
    return np.array(np.broadcast_to(bias, channels)) if bias.any() else np.zeros(0, np.int64)


def delays_of(layer: Layer, outputs: int, inputs: int, as_netx: bool) -> tuple[str, IntArray]:
    """Where a dense layer's delays lie, ``"out"``, ``"in"`` or nowhere (``""``), and the steps.

    One delay per output neuron delays all its synapses, so it may as well delay their sum.
    netx takes at most 62 steps and cuts off what is beyond; that is kept only for ``as_netx``.
    """
    if "delay" not in layer:
        return "", np.zeros(0, np.int64)
    steps = layer.whole("delay", truncate=as_netx)
    steps = np.clip(steps, 0, 62) if as_netx else steps
    if not steps.any():
        return "", steps
    if steps.size == 1:
        return "out", np.array([int(steps.reshape(-1)[0])])
    if steps.ndim == 1 and steps.size == outputs:
        return "out", steps[None]
    if steps.ndim == 1 and steps.size == inputs:
        return "in", steps[None]
    raise layer.fault(
        f"delays of shape {steps.shape}: one per synapse is not supported; "
        "train axonal delays, one per neuron"
    )
