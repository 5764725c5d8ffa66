"""What the numbers of a NIR neuron mean for one step, by who wrote them (docs/nir.md).

NIR's equations are in continuous time. Each library has its own way from a step to them, and none
writes down which; so the writer has to be named. In all of them a neuron does in one step

    i = alpha·i + input,   v = beta·v + gain·i + drift,   spike where v > threshold

- ``nir``: forward Euler of NIR's equations (`nir.ir.neuron`) with the step ``dt``:
  beta = 1 − dt/tau, gain = (w_in·dt/tau_syn)·(r·dt/tau).
- ``snntorch``: the same with dt = 1e-4, which its exporter fixes (`snntorch.export_nir`). It writes
  v_reset = 0 whatever the reset is; its default takes the threshold off in the next step.
- ``norse``: its exporter writes dt/tau_inv for a time constant (`norse.torch.utils.export_nir`),
  so the share lost in a step is dt·tau_inv = dt²/tau. An input jumps onto the current undiminished
  (`norse.torch.functional.lif`), and an IAF adds its input whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from conversion.nir_io.items import Item
from depth_snn.errors import ConfigError

Reset = Literal["zero", "subtract", "subtract_late"]
RESETS: tuple[Reset, ...] = ("zero", "subtract", "subtract_late")
SNNTORCH_DT, NORSE_DT = 1e-4, 1e-3
CURRENT_KINDS = ("CubaLIF", "CubaLI")
INTEGRATORS = ("IF", "I")
GAIN_TOLERANCE = 1e-6
"""Relative. A gain is a quotient of floats of 32 bits, each off by up to 6e-8."""


@dataclass(frozen=True)
class Convention:
    """Who wrote the numbers, and with which step.

    Attributes:
        name: ``"nir"``, ``"snntorch"`` or ``"norse"``.
        dt: Step in seconds.
        reset: What a spike does to the potential.
    """

    name: str
    dt: float
    reset: Reset


@dataclass(frozen=True)
class Dynamics:
    """One step of a population; see the module's equations.

    Attributes:
        alpha: Share of the current that stays; 0 where there is no current.
        beta: Share of the potential that stays.
        gain: Potential per input.
        drift: Added to the potential in every step; one number, or one for each neuron.
        threshold: A potential beyond it makes a spike; None where nothing spikes.
    """

    alpha: float
    beta: float
    gain: float
    drift: npt.NDArray[np.float64]
    threshold: float | None


def chosen(name: str | None, dt: float | None, reset: str | None, graph: Any) -> Convention:
    """The convention asked for, or the one that the graph tells.

    Args:
        name: As in :class:`Convention`; None to detect it.
        dt: Step in seconds; None for the library's own.
        reset: None for the library's default.
        graph: A `nir.NIRGraph`.

    Raises:
        ConfigError: if the convention must be named, or a value is out of range.
    """
    told = detected(graph)
    if {name, told} == {"norse", "snntorch"}:
        raise ConfigError(
            f"convention {name}: this graph's numbers are {told}'s; leave the convention out"
        )
    name = name or told
    if name is None:
        raise ConfigError(
            "nothing in the NIR graph tells who wrote it; name the convention: snntorch, norse or "
            "nir (`--convention`)"
        )
    defaults: dict[str, tuple[float | None, Reset]] = {
        "nir": (None, "zero"),
        "snntorch": (SNNTORCH_DT, "subtract_late"),
        "norse": (NORSE_DT, "zero"),
    }
    if name not in defaults:
        raise ConfigError(f"convention {name!r}: expected one of {', '.join(defaults)}")
    own_dt, own_reset = defaults[name]
    dt = dt if dt is not None else own_dt
    if dt is None:
        raise ConfigError("convention nir: its times are in seconds; give the step dt in seconds")
    if not (np.isfinite(dt) and dt > 0):
        raise ConfigError(f"dt {dt}: expected a positive number of seconds")
    found = [r for r in RESETS if r == (reset or own_reset)]
    if not found:
        raise ConfigError(f"reset {reset!r}: expected one of {', '.join(RESETS)}")
    return Convention(name, float(dt), found[0])


def detected(graph: Any) -> str | None:
    """Who wrote a graph, where it shows.

    norse leaves torch tensors in its neurons; snntorch writes r = tau/dt with its own dt, so that
    r/tau is 10000 a second throughout.
    """
    neurons = [n for n in graph.nodes.values() if hasattr(n, "r")]
    if any(hasattr(node.r, "detach") for node in neurons):
        return "norse"
    rates = []
    for node in neurons:
        tau = getattr(node, "tau", getattr(node, "tau_mem", None))
        if tau is None:
            return None
        with np.errstate(invalid="ignore", divide="ignore"):
            rates.append(np.asarray(node.r, np.float64) / np.asarray(tau, np.float64))
    known = [np.allclose(rate, 1 / SNNTORCH_DT, rtol=1e-5) for rate in rates]
    return "snntorch" if known and all(known) else None


def dynamics(item: Item, convention: Convention) -> Dynamics:
    """One step of a neuron node.

    Raises:
        GraphError: naming the node and the parameter that no population here has.
    """
    threshold = item.number("v_threshold") if "v_threshold" in item.fields else None
    if threshold is not None and not (np.isfinite(threshold) and threshold >= 0):
        raise item.fail(f"v_threshold {threshold} must be 0 or more: a silent neuron rests at 0")
    if item.fields.get("v_reset") is not None and item.number("v_reset") != 0:
        raise item.fail("v_reset must be 0; shift the potentials so that it is")
    r = item.number("r")
    if item.kind in INTEGRATORS:
        gain = r if convention.name == "norse" else r * convention.dt
        return Dynamics(0.0, 1.0, _positive(item, gain), np.zeros(1), threshold)
    lost = _lost(item, "tau_mem" if item.kind in CURRENT_KINDS else "tau", convention)
    alpha, jump = _current(item, convention)
    gain = 1.0 if np.isinf(r) and lost == 0 and convention.name == "snntorch" else r * lost * jump
    leak = item.array("v_leak")
    if leak.any() and convention.name == "norse":
        raise item.fail(
            "v_leak must be 0: norse starts at rest there, a population here starts at 0"
        )
    return Dynamics(alpha, 1 - lost, _positive(item, gain), lost * leak, threshold)


def _current(item: Item, convention: Convention) -> tuple[float, float]:
    """alpha, and how far an input makes the current jump."""
    if item.kind not in CURRENT_KINDS:
        return 0.0, 1.0
    lost, w_in = _lost(item, "tau_syn", convention), item.number("w_in")
    if convention.name == "norse":
        return 1 - lost, w_in
    if np.isinf(w_in) and lost == 0 and convention.name == "snntorch":
        return 1.0, 1.0
    return 1 - lost, w_in * lost


def _lost(item: Item, key: str, convention: Convention) -> float:
    """Share of a state that is lost in one step."""
    tau = item.number(key)
    if not tau > 0:
        raise item.fail(f"{key} {tau} must be positive")
    lost = convention.dt / tau * (convention.dt if convention.name == "norse" else 1.0)
    if lost > 1 + GAIN_TOLERANCE:
        raise item.fail(
            f"{key} {tau} is shorter than a step under the convention {convention.name} with dt "
            f"{convention.dt}; is it the right one?"
        )
    return float(min(lost, 1.0))


def _positive(item: Item, gain: float) -> float:
    if not (np.isfinite(gain) and gain > 0):
        raise item.fail(f"its gain per step is {gain}; r (and w_in) must be positive and finite")
    return gain


def check(convention: Convention, item: Item) -> None:
    """Refuse what a library does and no population here can.

    Raises:
        GraphError: naming the node.
    """
    if convention.name == "snntorch" and item.kind == "CubaLIF" and convention.reset == "zero":
        raise item.fail(
            "snntorch's Synaptic drops the input of the step after a spike when it resets to zero; "
            "use reset subtract_late, or its Leaky"
        )
