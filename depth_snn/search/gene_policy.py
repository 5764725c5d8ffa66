"""What the genes of a policy are called, and what each sets.

``heads_cut.L`` heads removed from layer L, which fixes ρ_head; ``token_rate.L`` the layer's
ρ_token; without a number behind the dot, one for all layers. ``tau`` a factor on ``tau_stale`` and
``tau_ego`` of the base policy; otherwise fields of :class:`~depth_snn.config.PolicyConfig` and,
behind ``gate.``, of :class:`~depth_snn.config.GateConfig`: ``gate.vth`` is γ, ``gate.dv`` gives
β = (4096 − dv)/4096. ``threshold.NAME`` is the sigma-delta threshold of an encoder.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.search.gene import significant

HEADS, TOKENS, TAU, GATE, THRESHOLD = "heads_cut", "token_rate", "tau", "gate.", "threshold."
PLAIN = ("tau_stale", "tau_ego", "tau_px", "moved_share")
GATE_FIELDS = ("vth", "dv", "gain_pixels", "hold")
TAU_DIGITS = 6
"""Significant digits of thresholds in a policy."""
_SAME = 1e-9
"""Slack of a rate times a number of heads; pruning rounds down with the same."""


def of_layer(key: str, layer: int) -> str:
    """Name of a layer's own gene; layers count from 1, as in ``block1``."""
    return f"{key}.{layer}"


def check_names(names: Sequence[str], layers: int) -> None:
    """Refuse genes that set nothing, or something twice.

    Raises:
        ConfigError: naming the gene.
    """
    rates = {of_layer(key, n + 1) for key in (HEADS, TOKENS) for n in range(layers)}
    known = {HEADS, TOKENS, TAU, *PLAIN, *(GATE + key for key in GATE_FIELDS), *rates}
    for name in names:
        if name not in known and not (name.startswith(THRESHOLD) and len(name) > len(THRESHOLD)):
            raise ConfigError(f"gene {name!r}: sets nothing in a policy of {layers} layers")
    rivals = [(TAU, "tau_stale"), (TAU, "tau_ego")]
    rivals += [(key, of_layer(key, n + 1)) for key in (HEADS, TOKENS) for n in range(layers)]
    for one, other in rivals:
        if one in names and other in names:
            raise ConfigError(f"genes {one!r} and {other!r} set the same; keep one of them")
    if len(set(names)) != len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise ConfigError(f"gene {twice!r}: given twice")


def policy_of(
    values: Mapping[str, float], base: PolicyConfig, heads: tuple[int, ...]
) -> PolicyConfig:
    """The base policy with the genes' values in place of its own.

    Args:
        values: By name of the gene.
        base: What has no gene stays as it is here.
        heads: Heads of each layer of the network.
    """
    changes: dict[str, Any] = {key: values[key] for key in PLAIN if key in values}
    if TAU in values:
        for key in ("tau_stale", "tau_ego"):
            changes[key] = significant(getattr(base, key) * values[TAU], TAU_DIGITS)
    if HEADS in values:
        changes["head_rate"] = (head_rate(int(values[HEADS]), max(heads)),)
    cut = {n: values[of_layer(HEADS, n + 1)] for n in _numbered(HEADS, values, heads)}
    if cut:
        rates = list(base.rates("head_rate", len(heads)))
        for n, count in cut.items():
            rates[n] = head_rate(int(count), heads[n])
        changes["head_rate"] = _short(rates)
    if TOKENS in values:
        changes["token_rate"] = (values[TOKENS],)
    own = {n: values[of_layer(TOKENS, n + 1)] for n in _numbered(TOKENS, values, heads)}
    if own:
        rates = list(base.rates("token_rate", len(heads)))
        changes["token_rate"] = _short([own.get(n, rate) for n, rate in enumerate(rates)])
    gate: dict[str, Any] = {
        key: int(values[GATE + key]) for key in GATE_FIELDS if GATE + key in values
    }
    return replace(base, **changes, gate=replace(base.gate, **gate))


def values_of(
    policy: PolicyConfig, names: Iterable[str], base: PolicyConfig, heads: tuple[int, ...]
) -> dict[str, float]:
    """What genes would have to say for a policy, as near as they can, by name.

    One gene for all layers takes the mean of their rates. Thresholds are not a policy's: left out.

    Raises:
        ConfigError: if the policy's rates do not suit the network.
    """
    layers, found = len(heads), {}
    cut, tokens = policy.rates("head_rate", layers), policy.rates("token_rate", layers)
    for name in names:
        key, _, layer = name.rpartition(".")
        if name == TAU:
            found[name] = policy.tau_stale / base.tau_stale
        elif name == HEADS:
            found[name] = heads_cut(_mean(cut), max(heads))
        elif name == TOKENS:
            found[name] = _mean(tokens)
        elif key == HEADS:
            found[name] = heads_cut(cut[int(layer) - 1], heads[int(layer) - 1])
        elif key == TOKENS:
            found[name] = tokens[int(layer) - 1]
        elif name.startswith(GATE):
            found[name] = float(getattr(policy.gate, name.removeprefix(GATE)))
        elif not name.startswith(THRESHOLD):
            found[name] = float(getattr(policy, name))
    return found


def head_rate(cut: int, heads: int) -> float:
    """The shortest ρ_head that removes so many heads: rounded up, and up only.

    Pruning rounds ρ_head·heads down, so a rate rounded down would cut one head less.
    """
    decimals: int = max(2, math.ceil(math.log10(heads)) + 1)
    unit = int(10**decimals)
    whole: int = -(-cut * unit // heads)
    return whole / unit


def heads_cut(rate: float, heads: int) -> int:
    """Heads that a rate removes; at least one head stays."""
    return min(int(rate * heads + _SAME), heads - 1)


def _numbered(key: str, values: Mapping[str, float], heads: tuple[int, ...]) -> list[int]:
    return [n for n in range(len(heads)) if of_layer(key, n + 1) in values]


def _short(rates: Sequence[float]) -> tuple[float, ...]:
    """One number where all layers have the same, as files write it."""
    return (rates[0],) if len(set(rates)) == 1 else tuple(rates)


def _mean(rates: Sequence[float]) -> float:
    # One number for all must come back as it is, which a sum divided may not.
    return rates[0] if len(set(rates)) == 1 else sum(rates) / len(rates)
