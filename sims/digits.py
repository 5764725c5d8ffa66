"""Numbers for people: few digits, no powers of ten."""

from __future__ import annotations

from math import floor, isfinite, log10

SIGNIFICANT = 3


def digits(value: float, significant: int = SIGNIFICANT) -> str:
    """A number with a few significant digits, written out: "0.00123", "1.5", "12,300".

    Args:
        value: Any number.
        significant: Digits kept.
    """
    if value == 0 or not isfinite(value):
        return f"{value:.0f}"
    places = significant - 1 - floor(log10(abs(value)))
    text = f"{round(value, places):,.{max(0, places)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
