"""Two runs that must not differ in any value or count."""

from __future__ import annotations

from sims.counts import COUNT_FIELDS
from sims.result import SimResult, first_difference


def assert_same(left: SimResult, right: SimResult) -> None:
    """Every value and every count of two runs is the same."""
    assert set(left.values) == set(right.values)
    difference = first_difference(dict(left.values), dict(right.values))
    assert difference is None, str(difference)
    assert set(left.counts) == set(right.counts)
    for name, counts in left.counts.items():
        other = right.counts[name]
        for field in COUNT_FIELDS:
            assert (getattr(counts, field) == getattr(other, field)).all(), f"{name} {field}"
        assert (counts.neurons, counts.state_bytes) == (other.neurons, other.state_bytes)
