"""NIR's layers without memory as connections: affine, convolution, pools, flatten, scale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from conversion.nir_io import weights
from conversion.nir_io.draft import Draft, FloatArray, Signal, grid, positions_first
from conversion.nir_io.items import Item, Shape
from conversion.nodes import Conv, Dense, Node, Regroup, SumPool

MAX_DIAGONAL = 4096
"""Channels of a Scale whose factors differ; it becomes a dense matrix."""
Pair = tuple[int, int]


def integer_weights(draft: Draft, item: Item, weight: FloatArray) -> tuple[Any, float]:
    """8-bit integers and unit of a node's weights; notes what is rounded."""
    integers, unit, error = weights.to_integers(weight)
    if error:
        peak = float(np.abs(weight).max())
        draft.note(
            item, f"weights rounded to 8 bits: largest error {error:.3g}, largest weight {peak:.3g}"
        )
    return integers, unit


def span(integers: Any, signal: Signal) -> tuple[int, int]:
    """Bounds of Σ W·in over all outputs (rows of ``integers``)."""
    rows = integers.reshape(integers.shape[0], -1)
    up, down = np.maximum(rows, 0).sum(1), np.minimum(rows, 0).sum(1)
    # What lies outside a grid counts as 0, so 0 belongs to the range.
    low, high = min(signal.low, 0), max(signal.high, 0)
    top = int((up * high + down * low).max(initial=0))
    bottom = int((up * low + down * high).min(initial=0))
    return bottom, top


def affine(draft: Draft, item: Item, signal: Signal) -> tuple[Signal, dict[str, Any]]:
    """Affine and Linear: y = W·x + b."""
    weight = item.array("weight")
    if weight.ndim != 2 or min(weight.shape) < 1:
        raise item.fail(f"weight has shape {weight.shape}, not (out, in)")
    if signal.shape != (weight.shape[1],):
        hint = (
            "; export the model with an unbatched sample" if signal.shape == (1, weight.shape[1])
            else "; put a Flatten before it" if len(signal.shape) > 1 else ""
        )  # fmt: skip
        raise item.fail(f"takes {weight.shape[1]} values, but gets shape {signal.shape}{hint}")
    mine = weight[:, positions_first(signal.layout)] if signal.layout else weight
    integers, unit = integer_weights(draft, item, mine)
    bias = item.array("bias") if item.kind == "Affine" else np.zeros(weight.shape[0])
    if bias.shape != (weight.shape[0],):
        raise item.fail(f"bias has shape {bias.shape}, not {(weight.shape[0],)}")
    if signal.bias is not None:
        bias = bias + mine @ signal.bias
    draft.put(Dense(name=item.name, tokens=1, weight=integers, exponent=0), signal)
    low, high = span(integers, signal)
    out = Signal(item.name, (weight.shape[0],), unit * signal.unit, low, high, bias=_some(bias))
    return out, {"node": item.name, "unit": unit, "layout": signal.layout}


def _some(bias: FloatArray) -> FloatArray | None:
    return bias if bias.any() else None


def pair(item: Item, key: str) -> Pair:
    """A parameter that is one whole number or two (rows, columns).

    Raises:
        GraphError: naming the node and the parameter.
    """
    values = np.asarray(item.fields[key]).ravel().tolist()
    if len(values) == 1 and item.kind == "Conv1d":
        return (0 if key == "padding" else 1), int(values[0])
    values = values * 2 if len(values) == 1 else values
    if len(values) != 2 or any(not isinstance(v, int) for v in values):
        raise item.fail(f"{key} {item.fields[key]!r} is not one or two whole numbers")
    return values[0], values[1]


def full_kernel(weight: npt.NDArray[Any], groups: int, dilation: Pair) -> npt.NDArray[Any]:
    """Weights (O, I/groups, h, w) as (O, I, h', w'), with zeros for what is not connected."""
    out, per, high, wide = weight.shape
    tall, broad = (high - 1) * dilation[0] + 1, (wide - 1) * dilation[1] + 1
    full = np.zeros((out, per * groups, tall, broad), weight.dtype)
    for g in range(groups):
        mine = slice(g * out // groups, (g + 1) * out // groups)
        full[mine, g * per : (g + 1) * per, :: dilation[0], :: dilation[1]] = weight[mine]
    return full


def own_kernel(
    full: npt.NDArray[Any], shape: Shape, groups: int, dilation: Pair, skipped: Pair
) -> npt.NDArray[Any]:
    """The weights that :func:`full_kernel` was given, without ``skipped`` leading zero lines."""
    full = full[:, :, skipped[0] :, skipped[1] :]
    out, per = shape[:2]
    own = np.zeros((*shape[:2], *shape[2:]), full.dtype)
    for g in range(groups):
        mine = slice(g * out // groups, (g + 1) * out // groups)
        own[mine] = full[mine, g * per : (g + 1) * per, :: dilation[0], :: dilation[1]]
    return own


def conv_padding(item: Item, reach: Pair, strides: Pair) -> tuple[Pair, Pair]:
    """Padding, and zero lines to put before an even kernel, so that both sides pad alike.

    ``same`` pads an even kernel once more behind than before, as torch does. One line of zeros
    before such a kernel makes it odd and both paddings equal, and changes no sum.

    Args:
        item: The convolution.
        reach: Rows and columns its kernel covers.
        strides: Down and across.
    """
    text = item.fields["padding"]
    if not isinstance(text, str):
        return pair(item, "padding"), (0, 0)
    if text == "valid":
        return (0, 0), (0, 0)
    if text != "same" or strides != (1, 1):
        raise item.fail(f"padding {text!r} with strides {strides}: give it in numbers")
    return (reach[0] // 2, reach[1] // 2), (1 - reach[0] % 2, 1 - reach[1] % 2)


def conv(draft: Draft, item: Item, signal: Signal) -> tuple[Signal, dict[str, Any]]:
    """Conv1d and Conv2d; dilation and groups become zeros in the kernel."""
    weight = item.array("weight")
    flat = item.kind == "Conv1d"
    if weight.ndim != (3 if flat else 4) or min(weight.shape) < 1:
        raise item.fail(f"weight has shape {weight.shape}")
    shaped = weight[:, :, None, :] if flat else weight
    groups = int(np.asarray(item.fields["groups"]))
    dilation, strides = pair(item, "dilation"), pair(item, "stride")
    if min(*dilation, *strides, groups) < 1 or shaped.shape[0] % groups:
        raise item.fail(f"strides {strides}, dilation {dilation} or groups {groups} do not fit")
    if len(signal.shape) != weight.ndim - 1 or signal.shape[0] != shaped.shape[1] * groups:
        want = f"({shaped.shape[1] * groups}, {'L' if flat else 'H, W'})"
        raise item.fail(f"takes {want}, but gets shape {signal.shape}")
    _no_bias(item, signal)
    full = full_kernel(shaped, groups, dilation)
    padding, skipped = conv_padding(item, (full.shape[2], full.shape[3]), strides)
    full = np.pad(full, ((0, 0), (0, 0), (skipped[0], 0), (skipped[1], 0)))
    integers, unit = integer_weights(draft, item, full)
    node = Conv(
        name=item.name, height=grid(signal.shape)[0], width=grid(signal.shape)[1],
        weight=integers, stride=strides[0], stride_across=strides[1], padding=padding[0],
        padding_across=padding[1], exponent=0,
    )  # fmt: skip
    draft.put(node, signal)
    bias = item.array("bias") if item.fields["bias"] is not None else np.zeros(len(weight))
    if bias.shape != (len(weight),):
        raise item.fail(f"bias has shape {bias.shape}, not {(len(weight),)}")
    shape = (len(weight), node.grid[1]) if flat else (len(weight), *node.grid)
    low, high = span(integers, signal)
    out = Signal(item.name, shape, unit * signal.unit, low, high, bias=_some(bias))
    return out, {"node": item.name, "unit": unit, "skipped": list(skipped)}


def _no_bias(item: Item, signal: Signal) -> None:
    if signal.bias is not None:
        raise item.fail(
            "what it reads carries a bias that no neuron has taken up; at the border of the grid "
            "it would be missing: fold the two layers into one"
        )


def pool(draft: Draft, item: Item, signal: Signal) -> tuple[Signal, dict[str, Any]]:
    """SumPool2d; AvgPool2d is the same in a coarser unit (zeros outside are counted in)."""
    if len(signal.shape) != 3:
        raise item.fail(f"takes (C, H, W), but gets shape {signal.shape}")
    _no_bias(item, signal)
    size, strides, padding = (pair(item, k) for k in ("kernel_size", "stride", "padding"))
    if min(*size, *strides, *padding) < 0 or min(*size, *strides) < 1:
        raise item.fail(f"kernel {size}, stride {strides} or padding {padding} do not fit")
    node = SumPool(
        name=item.name, height=signal.shape[1], width=signal.shape[2], channels=signal.shape[0],
        kernel_down=size[0], kernel_across=size[1], stride=strides[0], stride_across=strides[1],
        padding=padding[0], padding_across=padding[1], exponent=0,
    )  # fmt: skip
    draft.put(node, signal)
    area = size[0] * size[1]
    unit = signal.unit / area if item.kind == "AvgPool2d" else signal.unit
    low, high = min(signal.low, 0) * area, max(signal.high, 0) * area
    return Signal(item.name, (signal.shape[0], *node.grid), unit, low, high), {"node": item.name}


def flatten(draft: Draft, item: Item, signal: Signal) -> tuple[Signal, dict[str, Any]]:
    """Flatten: all axes (position by position here), or the grid's alone, which changes nothing."""
    ndim = len(signal.shape)
    start = int(np.asarray(item.fields["start_dim"]))
    end = int(np.asarray(item.fields["end_dim"]))
    start, end = (start + ndim if start < 0 else start), (end + ndim if end < 0 else end)
    if not 0 <= start < ndim or end != ndim - 1:
        raise item.fail(
            f"flattens axes {start} to {end} of shape {signal.shape}; here it must reach to the "
            "last axis, and start at 0 or at the grid's first"
        )
    if start >= 1 or ndim == 1:
        if start > 1:
            return signal, {}
        rest = signal.shape if ndim == 1 else (signal.shape[0], signal.rows)
        return replace(signal, shape=rest), {}
    rows, channels = signal.rows, signal.channels
    node = Regroup(
        name=item.name, positions=rows, channels=channels, index=np.arange(rows)[None], exponent=0
    )
    draft.put(node, signal)
    bias = None if signal.bias is None else np.tile(signal.bias, rows)
    out = Signal(
        item.name, (rows * channels,), signal.unit, signal.low, signal.high, bias=bias,
        layout=signal.shape,
    )  # fmt: skip
    return out, {"node": item.name}


def scale(draft: Draft, item: Item, signal: Signal) -> tuple[Signal, dict[str, Any]]:
    """Scale: one positive factor is a change of unit and takes no node; others are a diagonal."""
    factors = item.array("scale")
    if factors.size != 1 and factors.shape != signal.shape:
        raise item.fail(f"scale has shape {factors.shape}, but it gets shape {signal.shape}")
    first = float(factors.ravel()[0])
    if (factors == first).all() and first > 0:
        bias = None if signal.bias is None else signal.bias * first
        return replace(signal, unit=signal.unit * first, bias=bias), {}
    rows = np.broadcast_to(factors, signal.shape).reshape(signal.shape[0], -1)
    diagonal = np.diag(_per_channel(item, rows, signal))
    integers, unit = integer_weights(draft, item, diagonal)
    node: Node = Dense(name=item.name, tokens=signal.rows, weight=integers, exponent=0)
    draft.put(node, signal)
    low, high = span(integers, signal)
    bias = None if signal.bias is None else diagonal @ signal.bias
    out = replace(
        signal, node=item.name, port="out", unit=unit * signal.unit, low=low, high=high, bias=bias,
        shared=False,
    )  # fmt: skip
    return out, {"node": item.name, "unit": unit, "layout": signal.layout}


def _per_channel(item: Item, rows: FloatArray, signal: Signal) -> FloatArray:
    """The factor of each channel here."""
    if len(signal.shape) == 1:
        values = rows[:, 0]
        values = values[positions_first(signal.layout)] if signal.layout else values
    elif (rows == rows[:, :1]).all():
        values = rows[:, 0]
    else:
        raise item.fail("scale differs between positions of a channel; only channels may differ")
    if values.size > MAX_DIAGONAL:
        raise item.fail(f"scale differs between {values.size} channels; limit {MAX_DIAGONAL}")
    return values
