"""What a conversion has decided about units, and travels in a float graph's ``meta``.

A value a is held as an integer n with a ≈ scale · n. The plan is made by one pass (`choose_scales`)
and carried out by later ones (`round_weights`, `insert_sigma_delta`), so that each of them can be
run, tested and measured alone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from conversion.graph import Graph
from depth_snn.errors import GraphError

PLAN = "plan"
"""Key of the plan in a graph's ``meta``; the last pass removes it."""


@dataclass(frozen=True)
class WeightScale:
    """Of a Dense or Conv layer.

    Attributes:
        step: What one unit of a weight stands for.
        exponent: Left shift of its sums.
        unit: What one unit of a shifted sum stands for.
    """

    step: float
    exponent: int
    unit: float


@dataclass(frozen=True)
class CodeScale:
    """Of what sends a value's changes: an encoder, a Regroup, or an Output.

    Attributes:
        code: Name of that node in the integer graph.
        scale: What one unit of its messages stands for: ``unit · 2^shift``.
        unit: What one unit of the sums in front of it stands for.
        shift: Its right shift.
        top: Largest magnitude of what it sends; 0 where it only hands on.
    """

    code: str
    scale: float
    unit: float
    shift: int = 0
    top: int = 0


@dataclass(frozen=True)
class StateScale:
    """Of an attention: right shift of its state as it is read, and its largest magnitude then."""

    shift: int
    top: int


@dataclass(frozen=True)
class HostScale:
    """Of a host node: the gain of what it shows, and a LayerNorm's floor of the variance."""

    gain: int
    floor: int = 0


@dataclass
class ScalePlan:
    """Decisions by name of the float node.

    Attributes:
        weights: Of layers that need a connection.
        codes: Of values that are sent; a Dense without an entry is a branch of a sum.
        states: Of attentions.
        skips: Left shift of the residual stream where it enters a FloatAdd.
        hosts: Of LayerNorms and softmax attentions.
    """

    weights: dict[str, WeightScale] = field(default_factory=dict)
    codes: dict[str, CodeScale] = field(default_factory=dict)
    states: dict[str, StateScale] = field(default_factory=dict)
    skips: dict[str, int] = field(default_factory=dict)
    hosts: dict[str, HostScale] = field(default_factory=dict)

    def written_into(self, graph: Graph) -> Graph:
        """The same graph with this plan in its ``meta``."""
        return replace(graph, meta={**graph.meta, PLAN: asdict(self)})

    @property
    def scales(self) -> dict[str, float]:
        """What a unit of each encoder stands for, by its name in the integer graph."""
        return {c.code: c.scale for c in self.codes.values()}


def plan_of(graph: Graph) -> ScalePlan:
    """The plan that `choose_scales` wrote.

    Raises:
        GraphError: if there is none.
    """
    found: dict[str, Any] | None = graph.meta.get(PLAN)
    if found is None:
        raise GraphError(f"graph {graph.name!r} has no scales; run choose_scales first")
    return ScalePlan(
        weights={name: WeightScale(**row) for name, row in found["weights"].items()},
        codes={name: CodeScale(**row) for name, row in found["codes"].items()},
        states={name: StateScale(**row) for name, row in found["states"].items()},
        skips=dict(found["skips"]),
        hosts={name: HostScale(**row) for name, row in found["hosts"].items()},
    )
