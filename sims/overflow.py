"""What a value outside its register does (docs/fixed_point.md §9)."""

from __future__ import annotations

from typing import Literal

Overflow = Literal["strict", "chip", "unbounded"]
"""``"strict"`` raises, ``"chip"`` wraps as Lava does, ``"unbounded"`` goes on as far as it can."""
