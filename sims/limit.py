"""What a budget can limit: every key, what it compares, and in which unit."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from sims.cost_table import TIERS

Statistic = Literal["mean", "worst", "whole"]
"""Mean over the frames judged, the worst of them, or one value of the whole run."""


@dataclass(frozen=True)
class Rule:
    """What one key of a budget compares.

    Args:
        quantity: What is observed, for example "firing_rate".
        unit: Unit of the limit and of what is observed.
        statistic: How the frames' values become one.
        meaning: One line for people.
        modelled: True where the value comes out of a model and not out of counting.
    """

    quantity: str
    unit: str
    statistic: Statistic
    meaning: str
    modelled: bool = False


_RATE, _SYNOPS, _EVENTS, _ENERGY = (
    "events/neuron/frame", "synops/frame", "messages/frame", "µJ/frame"
)  # fmt: skip
COUNTED = {
    "firing_rate_min": Rule("firing_rate", _RATE, "mean", "fires at least so often, mean"),
    "firing_rate_max": Rule("firing_rate", _RATE, "mean", "fires at most so often, mean"),
    "firing_rate_peak_min": Rule("firing_rate", _RATE, "worst", "busiest frame, at least"),
    "firing_rate_peak_max": Rule("firing_rate", _RATE, "worst", "busiest frame"),
    "synaptic_operations_per_frame_max": Rule(
        "synaptic_operations", _SYNOPS, "worst", "synaptic operations, worst frame"
    ),
    "synaptic_operations_mean_max": Rule(
        "synaptic_operations", _SYNOPS, "mean", "synaptic operations, mean"
    ),
    "messages_per_frame_max": Rule(
        "messages", _EVENTS, "worst", "spikes and graded messages, worst frame"
    ),
    "messages_mean_max": Rule("messages", _EVENTS, "mean", "spikes and graded messages, mean"),
}
"""Of a layer and of the whole network alike."""

PLACED_TIERS = TIERS[:2]
"""Tiers that can be told apart by layer; static power is the whole chip's."""


def _energy(tiers: tuple[str, ...]) -> dict[str, Rule]:
    rules = {}
    for tier in tiers:
        name, what = f"energy.{tier}_uj", f"energy, tier {tier}"
        kind = f"energy_{tier}"
        rules[f"{name}_per_frame_max"] = Rule(kind, _ENERGY, "worst", f"{what}, worst frame", True)
        rules[f"{name}_mean_max"] = Rule(kind, _ENERGY, "mean", f"{what}, mean", True)
    return rules


LIMITS: dict[str, dict[str, Rule]] = {
    "network": {
        **COUNTED,
        "energy_uj_per_frame_max": Rule(
            "energy", _ENERGY, "worst", "energy in the tier that `tier` names, worst frame", True
        ),
        **_energy(TIERS),
        "macs_ratio_max": Rule("macs_ratio", "of dense", "mean", "executed ÷ dense MACs, mean"),
        "macs_ratio_peak_max": Rule(
            "macs_ratio", "of dense", "worst", "executed ÷ dense MACs, worst frame"
        ),
        "latency_ms_max": Rule("latency", "ms", "worst", "picture in to result out", True),
        "frames_per_s_min": Rule(
            "frames_per_s", "frames/s", "worst", "frames that one step each can carry", True
        ),
        "cores_max": Rule("cores", "cores", "whole", "neurocores the network takes", True),
    },
    "layers": {**COUNTED, **_energy(PLACED_TIERS)},
    "recovery": {
        "extra_compute_percent_max": Rule(
            "extra_compute", "%", "worst", "restored work, worst frame"
        ),
        "extra_compute_percent_mean_max": Rule(
            "extra_compute", "%", "mean", "restored work, mean over frames"
        ),
    },
    "quality": {
        "miou_min": Rule("miou", "of 1", "whole", "mIoU of the integer network"),
        "miou_loss_max": Rule("miou_loss", "points", "whole", "dense minus integer network"),
    },
}
"""Keys of every section, in the order in which a proposal writes them."""


@dataclass(frozen=True)
class Limit:
    """One limit of a budget.

    Args:
        section: A key of LIMITS.
        key: Name of the limit within its section; "energy.X" for X of the table energy.
        value: The limit, exactly as written in the file.
        pattern: Glob of layer names; empty outside "layers".
        window: Window of frames the limit holds in; empty for all that no window takes over.
        tier: Energy tier of the limit; empty where it is not about energy.
    """

    section: str
    key: str
    value: Fraction
    pattern: str = ""
    window: str = ""
    tier: str = ""

    @property
    def rule(self) -> Rule:
        """What the limit compares."""
        return LIMITS[self.section][self.key]

    @property
    def place(self) -> tuple[str, str, str]:
        """What a window's limit must share with another one to take over from it."""
        return self.section, self.pattern, self.key

    @property
    def name(self) -> str:
        """The limit as a dotted path of the file, for example network.macs_ratio_max."""
        where = f'layers."{self.pattern}"' if self.section == "layers" else self.section
        window = f'frames."{self.window}".' if self.window else ""
        return f"{window}{where}.{self.key}"

    @property
    def comparison(self) -> str:
        """The sign ">=" for a minimum, "<=" for a maximum."""
        return ">=" if self.key.endswith("_min") else "<="
