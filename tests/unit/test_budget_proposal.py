"""A proposed budget: kept by the runs it comes from, broken by one worse than the margin."""

from __future__ import annotations

import runpy
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depth_snn.errors import BudgetError
from depth_snn.toml_io import loads_toml
from sims.budget import evaluate
from sims.budget_file import Budget, parse_budget
from sims.budget_proposal import proposal_text, propose_budget, with_margin
from sims.energy import estimate_energy
from sims.evidence import Evidence
from sims.limit import Limit
from sims.record import RunRecord

FACTORY = runpy.run_path(str(Path(__file__).with_name("record_factory.py")))
make_record, two_node_record, node = (
    FACTORY["make_record"], FACTORY["two_node_record"], FACTORY["node"]
)  # fmt: skip
TEN = Fraction(10)


def proposed(*records: RunRecord, margin: Fraction = TEN) -> Budget:
    """The budget as read back from the text of the file."""
    runs = [Evidence(record, estimate_energy(record)) for record in records]
    made = propose_budget(runs, margin)
    text = proposal_text(made, runs, margin, ["a\nb.h5"] * len(runs))
    read = parse_budget(loads_toml(text), "proposed.toml")
    assert {limit.name: limit.value for limit in read.limits} == {
        limit.name: limit.value for limit in made.limits
    }
    return read


def scaled(record: RunRecord, factor: Fraction) -> RunRecord:
    """A run whose every count and MAC is `factor` times that of another."""

    def times(values: Any) -> np.ndarray:
        exact = [factor * int(v) for v in values]
        assert all(v.denominator == 1 for v in exact)
        return np.array([int(v) for v in exact], np.int64)

    fields = ("spikes", "messages", "synaptic_operations", "updates_active", "updates_idle")
    counts = {
        name: replace(n, **{field: times(getattr(n, field)) for field in fields})
        for name, n in record.counts.items()
    }
    macs = {name: times(values) for name, values in record.macs.items()}
    return replace(record, counts=counts, macs=macs, extra_macs=times(record.extra_macs))


@pytest.mark.parametrize("margin", [Fraction(0), TEN, Fraction("0.001"), Fraction(250)])
def test_the_run_keeps_its_own_proposal(margin: Fraction) -> None:
    for record in (make_record(), two_node_record(quality={"miou_dense": 0.7,
                                                           "miou_integer": 0.65})):  # fmt: skip
        budget = proposed(record, margin=margin)
        result = evaluate(record, budget)
        assert result.passed, result.failures
        names = {limit.name for limit in budget.limits}
        assert {"network.energy.static_uj_mean_max", "recovery.extra_compute_percent_max"} <= names


def test_a_run_worse_by_more_than_the_margin_breaks_every_limit_it_is_worse_in() -> None:
    base = scaled(two_node_record(), Fraction(10000))
    budget = proposed(base)
    assert evaluate(
        scaled(base, Fraction(10999, 10000)), replace(budget, limits=maxima(budget))
    ).passed
    worse = evaluate(scaled(base, Fraction(11001, 10000)), budget)
    broken = {limit.name for limit in worse.failures}
    # Frames per second fall by less than their own margin, and a core count did not change.
    same = {"network.frames_per_s_min", "network.cores_max"}
    assert broken == {limit.name for limit in maxima(budget)} - same
    less = evaluate(scaled(base, Fraction(8999, 10000)), budget)
    minima = {limit.name for limit in budget.limits} - {limit.name for limit in maxima(budget)}
    assert {limit.name for limit in less.failures} == minima - same
    assert 'layers."lif".firing_rate_min' in minima


def maxima(budget: Budget) -> tuple[Limit, ...]:
    return tuple(limit for limit in budget.limits if limit.comparison == "<=")


def test_of_several_runs_the_worst_counts() -> None:
    quiet, busy = two_node_record(), scaled(two_node_record(), Fraction(3))
    both = {limit.name: limit.value for limit in proposed(quiet, busy).limits}
    assert evaluate(quiet, proposed(quiet, busy)).passed
    assert evaluate(busy, proposed(busy, quiet)).passed
    one = {limit.name: limit.value for limit in proposed(quiet).limits}
    peak, low = 'layers."lif".firing_rate_peak_max', 'layers."lif".firing_rate_min'
    assert both[peak] == 3 * one[peak] and both[low] == one[low]
    with pytest.raises(BudgetError, match="has other layers than"):
        proposed(quiet, make_record())


def test_what_was_not_observed_is_left_out_and_a_silent_layer_is_held_to_0() -> None:
    counts = {"a[0]": node("a[0]", 3, neurons=2), "b": node("b", 3, neurons=2, messages=1)}
    record = two_node_record(counts=counts)
    budget = proposed(record)
    values = {limit.name: limit.value for limit in budget.limits}
    assert values['layers."a[[]0]".firing_rate_max'] == 0
    assert 'layers."a[[]0]".firing_rate_min' not in values, "nothing could break it"
    assert not [name for name in values if "quality" in name or "latency" in name]
    noisy = replace(record, counts={**counts, "a[0]": node("a[0]", 3, neurons=2, messages=1)})
    failed = {limit.layer for limit in evaluate(noisy, budget).failures}
    assert "a[0]" in failed
    with pytest.raises(BudgetError, match="run more frames"):
        proposed(
            make_record(1, counts={}, quality={}, base_macs=np.array([0]), extra_macs=np.array([5]))
        )


@pytest.mark.parametrize("key", ["messages_mean_max", "firing_rate_min"])
@pytest.mark.parametrize("worst", [Fraction(1, 3), Fraction(2, 7) * 10**6, Fraction(123456789)])
@pytest.mark.parametrize("margin", ["0", "1e-9", "0.01", "10", "99.9"])
def test_margins_grant_what_they_say_and_no_more(key: str, worst: Fraction, margin: str) -> None:
    limit = Limit("network", key, Fraction(0))
    minimum = key.endswith("_min")
    value = with_margin(worst, Fraction(margin), limit)
    assert value is not None
    sign = -1 if minimum else 1
    goal = worst * (1 + sign * Fraction(margin) / 100)
    assert sign * (value - worst) >= 0, "the run itself passes"
    # Inside the margin, or, where that cannot be written, outside by less than a TOML number holds.
    assert sign * (value - goal) <= worst * Fraction(1, 10**14)
    assert abs(value - goal) <= worst * Fraction(1, 10**5)
    assert Fraction(repr(float(value))) == value, "TOML keeps it exactly"


def test_limits_that_no_margin_fits() -> None:
    loss = Limit("quality", "miou_loss_max", Fraction(0))
    assert with_margin(Fraction(-2), TEN, loss) == 0, "a gain leaves no room for a loss"
    rate = Limit("network", "firing_rate_min", Fraction(0))
    assert with_margin(Fraction(1), Fraction(100), rate) is None
    cores = Limit("network", "cores_max", Fraction(0))
    assert with_margin(Fraction(3), TEN, cores) == 3
