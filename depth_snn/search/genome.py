"""What evolution may change of a policy: genes in a unit cube, and the settings they stand for.

Decoded values are those that the policy's file will hold, so what was measured is what is written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from depth_snn.config import NetworkConfig, PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.fields import known_keys
from depth_snn.search.gene import Gene, significant
from depth_snn.search.gene_policy import (
    GATE,
    HEADS,
    TAU,
    TAU_DIGITS,
    THRESHOLD,
    TOKENS,
    check_names,
    of_layer,
    policy_of,
    values_of,
)

PRESETS = ("proposal", "policy", "full", "scene")
"""``proposal``: θ = (ρ_head, ρ_token, τ), one each; ``policy``: rates per layer, every threshold
and the gate; ``full``: that and sigma-delta thresholds; ``scene``: what may change while an integer
graph runs."""
RATE_MOST = 0.5
"""Largest share of heads or tokens that a layer loses."""
TAU_FACTOR, TAU_PX, GATE_FACTOR, HOLD_MOST = 10.0, (0.1, 5.0), 4, 8
TAU_FACTOR_DIGITS = 4
"""Fewer than a threshold has, so that the factor can be told from the threshold it gave."""
DV_MOST = 4095
"""At 4096 a neuron forgets everything at once, and no β is left to search."""
THRESHOLD_MOST = 64
THRESHOLD_PARTS = ("y", "mid", "h")
"""Encoders of a block whose thresholds are genes; the tuned file of ``small`` leaves all others but
the stem's at 0."""
MOST_GENES = 4096


@dataclass(frozen=True)
class Candidate:
    """What a point stands for.

    Attributes:
        policy: What is pruned and when.
        thresholds: Sigma-delta threshold of encoders by name; empty unless there are genes of them.
    """

    policy: PolicyConfig
    thresholds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Genome:
    """Genes, and the policy that holds for everything else.

    Attributes:
        name: What the choice of genes is called.
        genes: One for each coordinate.
        base: The policy they change.
        layers: Layers of the network.
        heads: Heads of each of them.
    """

    name: str
    genes: tuple[Gene, ...]
    base: PolicyConfig
    layers: int
    heads: tuple[int, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.genes) <= MOST_GENES:
            raise ConfigError(f"genome {self.name}: {len(self.genes)} genes")
        if len(self.heads) != self.layers or self.layers < 1 or min(self.heads) < 1:
            raise ConfigError(
                f"genome {self.name}: heads {self.heads} are not those of {self.layers} layers"
            )
        check_names([gene.name for gene in self.genes], self.layers)
        for corner in (0.0, 1.0):
            self.decode((corner,) * self.dimensions)

    @property
    def dimensions(self) -> int:
        """Coordinates of a point."""
        return len(self.genes)

    @property
    def encoders(self) -> tuple[str, ...]:
        """Names of the encoders whose thresholds are genes."""
        names = [gene.name for gene in self.genes]
        return tuple(n.removeprefix(THRESHOLD) for n in names if n.startswith(THRESHOLD))

    def decode(self, point: Sequence[float]) -> Candidate:
        """The settings at a point (n,); coordinates outside [0, 1] count as the nearer end.

        Raises:
            ConfigError: if the point has other dimensions or holds what is no number.
        """
        if len(point) != self.dimensions or not all(math.isfinite(u) for u in point):
            raise ConfigError(
                f"point of {len(point)} coordinates: genome {self.name} takes {self.dimensions} "
                "numbers from 0 to 1"
            )
        pairs = zip(self.genes, point, strict=True)
        values = {gene.name: gene.decode(float(u)) for gene, u in pairs}
        thresholds = {name: int(values[THRESHOLD + name]) for name in self.encoders}
        return Candidate(policy_of(values, self.base, self.heads), thresholds)

    def encode(
        self, policy: PolicyConfig, thresholds: Mapping[str, int] | None = None
    ) -> tuple[float, ...]:
        """The point (n,) nearest to a policy; what no gene sets is ignored.

        Args:
            policy: Settings; those outside the bounds count as the nearer bound.
            thresholds: Sigma-delta thresholds by encoder; 0 where none is given.

        Raises:
            ConfigError: if the policy's rates do not suit the network.
        """
        names = [gene.name for gene in self.genes]
        values = values_of(policy, names, self.base, self.heads)
        for name in self.encoders:
            values[THRESHOLD + name] = (thresholds or {}).get(name, 0)
        return tuple(gene.encode(values[gene.name]) for gene in self.genes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; :meth:`from_dict` reads it back."""
        base = asdict(self.base)
        base |= {key: list(base[key]) for key in ("token_rate", "head_rate")}
        return {
            "name": self.name, "genes": [gene.to_dict() for gene in self.genes], "base": base,
            "layers": self.layers, "heads": list(self.heads),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Genome:
        """Build from :meth:`to_dict`'s form.

        Raises:
            ConfigError: naming what is unknown, missing or out of range.
        """
        known_keys(cls, values, "genome")
        kinds = {"name": str, "genes": list, "base": dict, "layers": int, "heads": list}
        for key, kind in kinds.items():
            if type(values.get(key)) is not kind:
                raise ConfigError(f"genome: {key} is {values.get(key)!r}; expected {kind.__name__}")
        if not all(type(count) is int for count in values["heads"]):
            raise ConfigError(f"genome: heads {values['heads']!r}; expected whole numbers")
        return cls(
            values["name"], tuple(Gene.from_dict(gene) for gene in values["genes"]),
            PolicyConfig.from_dict(values["base"], "genome [base]"), values["layers"],
            tuple(values["heads"]),
        )  # fmt: skip


def preset(name: str, network: NetworkConfig, base: PolicyConfig) -> Genome:
    """One of the shipped choices of genes.

    What cannot matter is left out: ``tau_ego`` where the base uses ``tau_stale`` for it, heads of
    layers with one head, the gate of a base without recovery, ``gain_pixels`` where it is 0.

    Args:
        name: One of :data:`PRESETS`.
        network: Shape of the network, nothing cut.
        base: The policy to start from, within the bounds.

    Raises:
        ConfigError: if there is no such choice, or the base cannot be searched around, naming the
            setting.
    """
    if name not in PRESETS:
        raise ConfigError(f"genome {name!r}: expected one of {', '.join(PRESETS)}")
    if base.tau_stale <= 0:
        raise ConfigError(
            "genome: the base policy has tau_stale 0, which computes everything, and factors of 0 "
            "are 0; give a policy that prunes"
        )
    if name == "proposal":
        genes = [*_one_rate_each(network), _factor(TAU, 1.0, TAU_FACTOR_DIGITS)]
    elif name == "scene":
        genes = _thresholds(base)
    else:
        genes = [*_rates(network), *_thresholds(base), *_gate(base)]
        if name == "full":
            genes += [
                Gene(THRESHOLD + encoder, 0, THRESHOLD_MOST, "log1p")
                for encoder in threshold_encoders(network)
            ]
    genome = Genome(name, tuple(genes), base, network.layers, network.heads)
    _check_base(genome)
    return genome


def threshold_encoders(network: NetworkConfig) -> list[str]:
    """Names of the encoders that get a threshold gene in the converted network.

    Conversion names the encoder behind level i of the stem ``stemI``, and those of block l
    ``blockL.y`` (attention), ``blockL.mid`` (first residual sum) and ``blockL.h`` (hidden layer of
    the MLP), counting from 1; so they follow from the shape alone.
    """
    stems = [f"stem{n + 1}" for n in range(len(network.stem))]
    parts = [f"block{n + 1}.{part}" for part in THRESHOLD_PARTS for n in range(network.layers)]
    return stems + parts


def _factor(name: str, around: float, digits: int = TAU_DIGITS) -> Gene:
    low, high = (significant(around * f, digits) for f in (1 / TAU_FACTOR, TAU_FACTOR))
    return Gene(name, low, high, "log", digits)


def _most_cut(heads: int) -> int:
    return min(heads - 1, int(RATE_MOST * heads))


def _one_rate_each(network: NetworkConfig) -> list[Gene]:
    heads = Gene(HEADS, 0, _most_cut(max(network.heads)), "integer")
    return [heads, Gene(TOKENS, 0.0, RATE_MOST)]


def _rates(network: NetworkConfig) -> list[Gene]:
    layers = list(enumerate(network.heads, start=1))
    heads = [Gene(of_layer(HEADS, n), 0, _most_cut(count), "integer") for n, count in layers]
    return [*(g for g in heads if g.high), *(Gene(of_layer(TOKENS, n), 0.0, RATE_MOST)
            for n, _ in layers)]  # fmt: skip


def _thresholds(base: PolicyConfig) -> list[Gene]:
    genes = [_factor(key, getattr(base, key)) for key in ("tau_stale", "tau_ego")
             if getattr(base, key)]  # fmt: skip
    genes.append(Gene("tau_px", *TAU_PX, "log", TAU_DIGITS))
    return [*genes, Gene("moved_share", 0.0, 1.0)]


def _gate(base: PolicyConfig) -> list[Gene]:
    gate = base.gate
    if not base.recovery:
        return []
    low, high = max(1, round(gate.vth / GATE_FACTOR)), min(2**17 - 1, gate.vth * GATE_FACTOR)
    genes = [
        Gene(GATE + "vth", low, high, "log", TAU_DIGITS, whole=True),
        Gene(GATE + "dv", 0, DV_MOST, "integer"),
    ]
    if gate.gain_pixels:
        most = min(2**15 - 1, gate.gain_pixels * GATE_FACTOR)
        genes.append(Gene(GATE + "gain_pixels", 0, most, "integer"))
    return [*genes, Gene(GATE + "hold", 1, HOLD_MOST, "integer")]


def _check_base(genome: Genome) -> None:
    """A base outside the bounds would not be among what is searched, unseen by anyone."""
    names = [gene.name for gene in genome.genes]
    values = values_of(genome.base, names, genome.base, genome.heads)
    for gene in genome.genes:
        value = values.get(gene.name, gene.low)
        if not gene.low <= value <= gene.high:
            raise ConfigError(
                f"genome {genome.name}: the base policy's {gene.name} is {value:g}, outside "
                f"{gene.low:g} to {gene.high:g}; start from a policy within"
            )
