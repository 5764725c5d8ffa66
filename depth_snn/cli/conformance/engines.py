"""Engines by the name that the command line gives them, Lava's variants among them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from conversion.cases.case import Mode
from conversion.graph import Graph
from depth_snn.errors import ConfigError, EngineError
from loihi import lava_available, simulate_on_lava
from sims.conformance import Answer, Engine, fast_engine, reference_engine
from sims.conformance.answer import Inputs
from sims.conformance.engines import engine_of

LAVA: dict[str, dict[str, Any]] = {
    "lava": {},
    "lava-stock": {"stock": True},
    "lava-leaf": {"blocks": "leaf"},
    "lava-sub": {"blocks": "sub"},
}
"""How Lava runs a graph: our processes; stock ones where they suffice; blocks, by either model."""
NODES_PER_RUN = 120
"""Each node is a process of the operating system; more of them at once crowd a small machine."""
OVERFLOW = "failed with OverflowError:"
"""How a Lava run says that a value left its register (loihi/drive.py)."""


def engine_by_name(name: str, deadline_s: float) -> Engine:
    """The engine of a name: fast, reference, a variant of Lava, or ``module:function``.

    Args:
        name: As given on the command line.
        deadline_s: Wall time in seconds after which one Lava run is given up.

    Raises:
        ConfigError: if there is no such engine, module or function.
    """
    plain = {"reference": reference_engine, "fast": fast_engine}
    if name in plain:
        return plain[name]()
    if name in LAVA:
        return lava_engine(name, deadline_s)
    if ":" not in name:
        known = ", ".join([*plain, *LAVA])
        raise ConfigError(f"no engine {name!r}; expected {known}, or module:function of your own")
    return engine_of(name, _function(name))


def default_engines() -> list[str]:
    """The reference by what is known, the fast simulator, and Lava."""
    return ["reference", "fast", "lava"]


def missing(name: str) -> str:
    """Why an engine cannot run on this machine; empty where it can."""
    if name not in LAVA:
        return ""
    there, why = lava_available()
    return "" if there else why


def lava_engine(name: str, deadline_s: float) -> Engine:
    """Lava's fixed-point models, by step, in a child process with a deadline; it counts nothing."""
    options = LAVA[name]

    def answer(graph: Graph, inputs: Inputs, mode: Mode) -> Answer:
        assert mode != "unbounded"
        try:
            run = simulate_on_lava(graph, inputs, deadline_s=deadline_s, overflow=mode, **options)
        except EngineError as error:
            if OVERFLOW in str(error):
                return Answer(overflow=str(error))
            raise
        frames = len(next(iter(inputs.values())))
        lags = {key: graph.lags[key.rpartition(".")[0]] for key in run.by_step}
        values = {k: array[lags[k] : lags[k] + frames] for k, array in run.by_step.items()}
        return Answer(values, run.by_step)

    return Engine(
        name,
        answer,
        unable=_lava_is_unable,
        partial=bool(options.get("stock")),  # a stock LIF shows no membrane
        side_by_side=NODES_PER_RUN,
    )


def _lava_is_unable(graph: Graph, mode: Mode) -> str:
    return f"it has no mode {mode!r}" if mode == "unbounded" else ""


def _function(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"engine {name!r}: {error}; expected an importable module and a function in it"
        ) from error
    if not callable(found):
        raise ConfigError(f"engine {name!r}: is no function")
    function: Callable[..., Any] = found
    return function
