"""NIR's neurons, integrators, thresholds and delays as populations here.

A population's potential has 24 bits. Its unit is chosen by shifting the sums in front of it: as
fine as the register allows, because the decay truncates, and a finer unit truncates less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conversion.nir_io import weights
from conversion.nir_io.convention import Convention, Dynamics, check, dynamics
from conversion.nir_io.draft import Draft, FloatArray, Signal, ours, positions_first
from conversion.nir_io.items import Item
from conversion.nodes import LIF, Delay, Delta, Output

SILENT = 2**17
"""A threshold that is never exceeded (docs/fixed_point.md §6)."""
INPUT_SHIFT = 6
REGISTER = 2**23 - 1
"""Largest magnitude of current and potential."""
HEADROOM_BITS = 3
"""Where no bound holds, the potential may reach at least 2^3 thresholds before it is clipped."""
SHOWN_LIMIT = 2**22 - 1
"""Largest magnitude of a value that an Output shows; a message is a difference of two."""


@dataclass(frozen=True)
class _Plan:
    """A population's integers, but for how far its input is shifted."""

    du: int
    dv: int
    unit: float
    """Potential per input of 1, before any shift."""
    threshold: float | None
    drift: FloatArray
    """What is added to the potential in each step, in inputs of 1, before any shift."""


def neuron(draft: Draft, item: Item, signals: list[Signal]) -> tuple[Signal, dict[str, Any]]:
    """IF, LIF, CubaLIF and their likes without spikes: I, LI, CubaLI."""
    check(draft.convention, item)
    signal = _gathered(draft, item, signals)
    _fits(item, signal)
    plan = _planned(draft, item, dynamics(item, draft.convention), signal)
    bits = _shift(draft, item, signal, plan, _room(draft, item, signals, signal.unit))
    fine = _brought(draft, item, signals, signal.unit / 2.0**bits)
    return _population(draft, item, signal, fine, plan, bits)


def threshold(draft: Draft, item: Item, signals: list[Signal]) -> tuple[Signal, dict[str, Any]]:
    """Threshold: a population that forgets its potential at every step."""
    signal = _gathered(draft, item, signals)
    level = item.number("threshold")
    if not (math.isfinite(level) and level >= 0):
        raise item.fail(f"threshold {level} must be 0 or more")
    plan = _planned(draft, item, Dynamics(0.0, 0.0, 1.0, np.zeros(1), level), signal)
    bits = _shift(draft, item, signal, plan, _room(draft, item, signals, signal.unit))
    fine = _brought(draft, item, signals, signal.unit / 2.0**bits)
    return _population(draft, item, signal, fine, plan, bits)


def announced(convention: Convention, item: Item) -> Signal:
    """The spikes of a population that begins a loop, before it is known what it reads.

    Raises:
        GraphError: if its parameters do not tell how many neurons it has, or its library's loops
            have a rule that ours lack (snntorch: ``RLeaky._base_zero``).
    """
    if convention.name == "snntorch" and convention.reset == "zero":
        raise item.fail(
            "recurrent, and snntorch's recurrent neurons that reset to zero lose all input of the "
            "step after a spike, which ours do not: train with reset_mechanism='subtract'"
        )
    key = "threshold" if item.kind == "Threshold" else "v_threshold"
    shape = np.shape(item.fields[key])
    if not shape or len(shape) > 3:
        raise item.fail(f"begins a loop, and {key} of shape {shape} does not say how many neurons "
                        "it has; give one value for each")  # fmt: skip
    return Signal(item.name, shape, 1.0, 0, 1)


def _fits(item: Item, signal: Signal) -> None:
    shape = np.asarray(item.fields["r"]).shape
    if math.prod(shape) != 1 and shape != signal.shape:
        raise item.fail(f"has neurons of shape {shape}, but gets shape {signal.shape}")


def _gathered(draft: Draft, item: Item, signals: list[Signal]) -> Signal:
    """The sum of what arrives, in the finest unit among them.

    Raises:
        GraphError: if the units are not powers of two apart, or the shapes differ.
    """
    finest = min(signals, key=lambda s: s.unit)
    low, high, bias = 0, 0, np.zeros(finest.channels)
    for signal in signals:
        if signal.shape != finest.shape or signal.layout != finest.layout:
            raise item.fail(f"adds values of shapes {signal.shape} and {finest.shape}")
        bits = _bits_between(item, signal, finest.unit)
        low, high = low + (signal.low << bits), high + (signal.high << bits)
        bias = bias + (0 if signal.bias is None else signal.bias)
    return replace(finest, low=low, high=high, bias=bias, shared=len(signals) > 1, back=False)


def _bits_between(item: Item, signal: Signal, unit: float) -> int:
    ratio = signal.unit / unit
    bits = round(math.log2(ratio))
    if ratio != 2.0**bits:
        raise item.fail(
            f"adds values in units {signal.unit:g} and {unit:g}; let the weights in front of it "
            "be 8-bit integers times powers of two of one number"
        )
    return bits


def _room(draft: Draft, item: Item, signals: list[Signal], unit: float) -> int:
    """Bits by which all signals can still be shifted beyond their common unit.

    Raises:
        GraphError: if one of them cannot even be brought to it.
    """
    left = min(draft.room(s) - _bits_between(item, s, unit) for s in signals)
    if left < 0:
        raise item.fail("adds values in units too far apart; scale the smaller weights up")
    return left


def _brought(draft: Draft, item: Item, signals: list[Signal], unit: float) -> list[Signal]:
    """The signals in one unit."""
    return [draft.lifted(s, _bits_between(item, s, unit), item.name) for s in signals]


def _planned(draft: Draft, item: Item, step: Dynamics, signal: Signal) -> _Plan:
    lost, exact = weights.decay_q12(1 - step.beta)
    current, current_exact = weights.decay_q12(1 - step.alpha)
    for what, share, whole, good in (
        ("potential", step.beta, lost, exact), ("current", step.alpha, current, current_exact)
    ):  # fmt: skip
        if not good:
            kept = (4096 - whole) / 4096
            draft.note(item, f"the {what} keeps {kept:.5f} of itself per step, not {share:.5f}")
    gain = weights.snapped(step.gain)
    bias = np.zeros(signal.channels) if signal.bias is None else signal.bias
    if step.alpha and bias.any():
        raise item.fail(
            "a bias in front of a neuron with a current would have to build up; feed it in as an "
            "input that is always 1"
        )
    drift = (bias + _placed(item, step.drift / gain, signal)) / signal.unit
    return _Plan(current - 1, lost, signal.unit * gain, step.threshold, drift)


def _placed(item: Item, values: FloatArray, signal: Signal) -> FloatArray:
    """A value per neuron in NIR's order as one per channel, or position and channel, here."""
    if values.size == 1:
        return np.full(signal.channels, values.ravel()[0])
    if values.shape != signal.shape:
        raise item.fail(f"v_leak has shape {values.shape}, but it gets shape {signal.shape}")
    if values.ndim == 1:
        return values[positions_first(signal.layout)] if signal.layout else values
    return values.reshape(values.shape[0], -1).T


def _shift(draft: Draft, item: Item, signal: Signal, plan: _Plan, room: int) -> int:
    """Bits by which to shift the input: the most that the registers allow.

    Raises:
        GraphError: if even unshifted the current or the threshold does not fit.
    """
    stays = (4096 - plan.du - 1) / 4096
    drive = math.inf if stays >= 1 else signal.peak * 2**INPUT_SHIFT / (1 - stays)
    drift = float(np.abs(plan.drift).max(initial=0.0))
    at_once = max(drive, drift * 2**INPUT_SHIFT)
    hard = weights.log2_floor(REGISTER / at_once) if at_once else 16
    level = math.inf if plan.threshold is None else plan.threshold / plan.unit
    if plan.threshold:
        hard = min(hard, weights.log2_floor((SILENT - 1) / level))
    if hard < 0:
        raise item.fail(
            f"its input may reach {signal.peak} units and its threshold is {level:.4g}, more than "
            "24 bits hold; use smaller weights, fewer inputs, or a narrower input range"
        )
    leaks = plan.dv / 4096
    limit = SHOWN_LIMIT if plan.threshold is None else REGISTER
    most = math.inf if not leaks else (drive + drift * 2**INPUT_SHIFT) / leaks
    safe = weights.log2_floor(limit / most) if most else 16
    wished = weights.log2_floor(SILENT / 2**HEADROOM_BITS / level) if plan.threshold else safe
    bits = max(0, min(hard, max(safe, wished), room))
    if bits > safe:
        top = limit / 2.0 ** (bits + INPUT_SHIFT) * plan.unit
        draft.limit(item, f"the potential is clipped at ±{top:.4g}, should it ever get there")
    return bits


def _population(
    draft: Draft, item: Item, signal: Signal, fine: list[Signal], plan: _Plan, bits: int
) -> tuple[Signal, dict[str, Any]]:
    vth = SILENT
    if plan.threshold is not None:
        wanted = np.array([plan.threshold / plan.unit * 2.0**bits])
        (vth,), exact = weights.whole(wanted)
        if not exact:
            draft.note(item, f"threshold {plan.threshold:.6g} becomes {vth / wanted[0]:.6f} of it")
    drift, exact = weights.whole(plan.drift * 2.0**bits)
    if not exact:
        error = float(np.abs(drift / 2.0**bits - plan.drift).max()) * plan.unit
        draft.note(item, f"bias rounded, by up to {error:.3g} of the potential in a step")
    rows, channels = ours(signal.shape)
    node = LIF(
        name=item.name, count=rows, channels=channels, du=plan.du, dv=plan.dv, vth=int(vth),
        reset="zero" if plan.dv == 4096 or plan.threshold is None else draft.convention.reset,
        bias=drift if drift.any() else np.zeros(0, np.int64),
    )  # fmt: skip
    draft.put(node, *fine)
    shown = replace(signal, node=item.name, bias=None, shared=False)
    if plan.threshold is not None:
        return replace(shown, port="out", unit=1.0, low=0, high=1), {"node": item.name}
    unit = plan.unit / 2.0 ** (bits + INPUT_SHIFT)
    return replace(shown, port="membrane", unit=unit, low=-SHOWN_LIMIT, high=SHOWN_LIMIT), {
        "node": item.name
    }


def delay(draft: Draft, item: Item, signal: Signal) -> tuple[Signal, dict[str, Any]]:
    """Delay: whole steps, each value its own."""
    if signal.bias is not None:
        raise item.fail("delays a bias; put the delay in front of the layer that adds it")
    seconds = item.array("delay")
    if seconds.size != 1 and seconds.shape != signal.shape:
        raise item.fail(f"delay has shape {seconds.shape}, but it gets shape {signal.shape}")
    steps, exact = weights.whole(seconds / draft.convention.dt)
    if not exact:
        draft.note(item, f"delays rounded to whole steps of {draft.convention.dt:g} s")
    rows, channels = ours(signal.shape)
    if steps.size > 1 and (steps == steps.flat[0]).all():
        steps = steps.ravel()[:1]
    if steps.size == 1:
        steps = steps.reshape(1)
    elif signal.layout:
        raise item.fail("differing delays behind a Flatten; put them in front of it")
    else:
        steps = steps.reshape(channels, rows).T
    draft.put(Delay(name=item.name, shape=(rows, channels), steps=steps), signal)
    out = replace(
        signal, node=item.name, port="out", low=min(signal.low, 0), high=max(signal.high, 0),
        shared=False,
    )  # fmt: skip
    return out, {"node": item.name}


def output(draft: Draft, item: Item, signal: Signal) -> tuple[Signal, dict[str, Any]]:
    """Output: shows the value of the frame.

    An Output here adds up what arrives, so an encoder in front of it sends the changes.
    """
    rows, channels = ours(signal.shape)
    bias = np.zeros(channels) if signal.bias is None else signal.bias
    signal = _for_bias(draft, item, signal, bias)
    offset, exact = weights.whole(bias / signal.unit)
    if not exact:
        draft.note(item, f"bias rounded to units of {signal.unit:g}")
    low = min(0, signal.low + int(offset.min()))
    high = max(0, signal.high + int(offset.max()))
    shift = max(0, (high - low).bit_length() - 23)
    if shift:
        draft.note(item, f"shown in units of {signal.unit * 2**shift:g}, to fit into 24 bits")
    encoder = Delta(
        name=f"{item.name}.now", tokens=rows, channels=channels, stage=0, gated=False, bias=offset,
        shift=shift, lo=low >> shift, hi=min(-(-high >> shift), (low >> shift) + 2**23 - 1),
    )  # fmt: skip
    draft.put(encoder, signal)
    draft.put(
        Output(name=item.name, tokens=rows, channels=channels),
        replace(signal, node=encoder.name, port="out"),
    )
    if signal.layout:
        draft.limit(item, f"its channels run position by position through {signal.layout}")
    shown = replace(signal, node=item.name, port="out", unit=signal.unit * 2**shift, bias=None)
    return shown, {"node": item.name, "value": shown.unit, "shape": list(signal.shape)}


def _for_bias(draft: Draft, item: Item, signal: Signal, bias: FloatArray) -> Signal:
    """The signal in the coarsest unit in which its bias is whole, or in one 2^8 finer."""
    room = min(8, draft.room(signal))
    for bits in range(room + 1):
        finer = bias / signal.unit * 2.0**bits
        fits = (signal.peak << bits) + float(np.abs(finer).max()) < SHOWN_LIMIT
        if not fits:
            return draft.lifted(signal, max(bits - 1, 0), item.name)
        if weights.whole(finer)[1]:
            return draft.lifted(signal, bits, item.name)
    return draft.lifted(signal, room, item.name)
