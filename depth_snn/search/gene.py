"""One coordinate of a search: what it means, its bounds, and how finely it is set."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from depth_snn.errors import ConfigError
from depth_snn.fields import known_keys, known_types

SCALES = ("linear", "log", "integer", "log1p")
"""``linear``; ``log``: equal steps are equal factors; ``integer``: whole numbers, each with an
equal share of the coordinate; ``log1p``: whole numbers, fine near ``low`` and coarse beyond."""


@dataclass(frozen=True)
class Gene:
    """A number within bounds, and the coordinate u in [0, 1] that stands for it.

    With ``low`` a and ``high`` b: linear a + (b − a)·u; log a·(b/a)^u; integer a + ⌊(b − a + 1)·u⌋;
    log1p a + (b − a + 1)^u − 1, rounded.

    Attributes:
        name: What it sets; :mod:`depth_snn.search.gene_policy` knows the names.
        low, high: Bounds, both included.
        scale: One of :data:`SCALES`.
        digits: Values are rounded to so many decimals, on the scale ``log`` to so many significant
            digits, so that a file holds them exactly.
        whole: Whether values of the scale ``log`` are rounded to whole numbers instead.
    """

    name: str
    low: float
    high: float
    scale: str = "linear"
    digits: int = 4
    whole: bool = False

    def __post_init__(self) -> None:
        where = f"gene {self.name}"
        if self.scale not in SCALES:
            raise ConfigError(f"{where}: scale {self.scale!r}, not one of {', '.join(SCALES)}")
        for key in ("low", "high"):
            bound = getattr(self, key)
            if not math.isfinite(bound):
                raise ConfigError(f"{where}: {key} is {bound!r}; expected a number")
        if self.low > self.high or (self.scale == "log" and self.low <= 0):
            raise ConfigError(f"{where}: bounds {self.low:g} to {self.high:g} on {self.scale}")
        if not 1 <= self.digits <= 12:
            raise ConfigError(f"{where}: digits {self.digits!r}; expected 1 to 12")
        if self.whole and self.scale != "log":
            raise ConfigError(f"{where}: whole is for the scale log; others say integer")
        if self.counts and not float(self.low).is_integer() & float(self.high).is_integer():
            raise ConfigError(f"{where}: bounds {self.low:g} to {self.high:g} are not whole")

    @property
    def counts(self) -> bool:
        """Whether its values are whole numbers."""
        return self.whole or self.scale in ("integer", "log1p")

    def decode(self, u: float) -> float:
        """The value at u; u outside [0, 1] counts as the nearer end."""
        u, span = min(max(float(u), 0.0), 1.0), self.high - self.low
        if self.scale == "linear":
            value = round(self.low + span * u, self.digits)
        elif self.scale == "log":
            value = self.low * (self.high / self.low) ** u
            value = value if self.whole else significant(value, self.digits)
        elif self.scale == "integer":
            value = self.low + min(math.floor((span + 1) * u), span)
        else:
            value = self.low + math.expm1(u * math.log1p(span))
        value = round(value) if self.counts else value
        return float(min(max(value, self.low), self.high))

    def encode(self, value: float) -> float:
        """The u that stands for a value; one outside the bounds counts as the nearer bound."""
        if not math.isfinite(value):
            raise ConfigError(f"gene {self.name}: value {value!r}; expected a number")
        value, span = min(max(float(value), self.low), self.high), self.high - self.low
        if not span:
            return 0.0
        if self.scale == "linear":
            u = (value - self.low) / span
        elif self.scale == "log":
            u = math.log(value / self.low) / math.log(self.high / self.low)
        elif self.scale == "integer":
            u = (round(value) - self.low + 0.5) / (span + 1)
        else:
            u = math.log1p(value - self.low) / math.log1p(span)
        return min(max(u, 0.0), 1.0)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; :meth:`from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Gene:
        """Build from :meth:`to_dict`'s form.

        Raises:
            ConfigError: naming an unknown or missing key, or a value out of range.
        """
        known_keys(cls, values, "gene")
        known_types(cls, values, f"gene {values.get('name', '?')}")
        missing = [key for key in ("name", "low", "high") if key not in values]
        if missing:
            raise ConfigError(f"gene {values.get('name', '?')}: {missing[0]} is missing")
        return cls(**values)


def significant(value: float, digits: int) -> float:
    """A number rounded to significant digits."""
    return float(f"{value:.{digits}g}")
