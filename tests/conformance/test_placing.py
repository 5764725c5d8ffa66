"""Random networks on random targets: no placement breaks a limit, and refusals are true."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conversion.cases.building import Case
from conversion.cases.hypothesis_networks import networks
from conversion.cases.random_networks import seeded
from conversion.cases.small import CASES
from conversion.nodes import Connection, Delay
from conversion.placement import NOWHERE, Core, Part, Placement, homes
from conversion.reach import destinations
from depth_snn.errors import GraphError
from loihi.fans import fan_in, fans_out
from loihi.placing.layers import layers_of
from loihi.placing.place import MAPPINGS, Placed, place, place_first_fit
from loihi.placing.usage import check_limits, usage_of
from loihi.preflight import preflight
from loihi.target import Limit, Target, load_target

FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
NODE = re.compile(r"node '([^']+)': (\w+) needs (\d+) \w+, the target has (\d+)")
ALL = re.compile(r"takes (\d+) cores as placed here, at least (\d+) by (\w+); target \S+ has (\d+)")


def with_limits(**values: int | None) -> Target:
    """Loihi 2 with other values; None is unknown."""
    base = load_target("loihi2")
    changed = {name: Limit(name, value, "made up") for name, value in values.items()}
    return replace(base, limits=MappingProxyType({**base.limits, **changed}))


@st.composite
def targets(draw: st.DrawFn) -> Target:
    """Small cores, so that layers are cut; sometimes with bounds on axons."""
    axons = st.one_of(st.none(), st.integers(4, 300))
    return with_limits(
        neurons_per_core=draw(st.integers(1, 60)),
        synaptic_bytes_per_core=draw(st.one_of(st.none(), st.integers(16, 900))),
        memory_bytes_per_core=draw(st.integers(40, 3000)),
        axons_in_per_core=draw(axons),
        axons_out_per_core=draw(axons),
        cores_per_chip=draw(st.integers(1, 24)),
        mesh_columns=3,
        mesh_rows=2,
        cores_per_router=4,
        chips=draw(st.integers(1, 30)),
        chip_columns=draw(st.integers(1, 4)),
    )


def copies_and_hops(case: Case, placed: Placed) -> tuple[int, int]:
    """Counted neuron by neuron from the placement: one message of each."""
    graph, placement = case[0], placed.placement
    home = homes(graph, placement)
    columns, rows, wide = (
        placed.target.known(n) for n in ("mesh_columns", "mesh_rows", "chip_columns")
    )
    down = np.array([c.chip // wide * rows + c.y for c in placement.cores])
    bends = [c.chip // wide % 2 == 1 for c in placement.cores]
    chips = [wide - 1 - c.chip % wide if b else c.chip % wide
             for c, b in zip(placement.cores, bends, strict=True)]  # fmt: skip
    across = np.array([n * columns + c.x for n, c in zip(chips, placement.cores, strict=True)])
    copies = passed = 0
    for name in placement.parts:
        value, core = destinations(graph, home, name)
        value, core = value[core != NOWHERE], core[core != NOWHERE]
        own = home[name][value]
        copies += value.size
        passed += int(np.abs(across[own] - across[core]).sum())
        passed += int(np.abs(down[own] - down[core]).sum())
    return copies, passed


def shared_synapses(case: Case, placed: Placed) -> bool:
    """Whether two nodes read one connection: each keeps its synapses, `homes` knows one of them."""
    free = {node.name for node in case[0].nodes if isinstance(node, Connection | Delay)}
    readers = Counter(e.source for e in case[0].edges if e.source in free)
    return any(n > 1 and name not in placed.placement.parts for name, n in readers.items())


@FEW
@example(case=seeded(3), target=with_limits(), mapping="spatial", seed=1)
@given(case=networks(), target=targets(), mapping=st.sampled_from(MAPPINGS),
       seed=st.integers(0, 2**32 - 1))  # fmt: skip
def test_limits_hold_or_the_refusal_is_true(
    case: Case, target: Target, mapping: str, seed: int
) -> None:
    graph = case[0]
    try:
        placed = place(graph, target, mapping=mapping, seed=seed)
    except GraphError as error:
        check_refusal(case, target, mapping, str(error))
        return
    serial = mapping == "serial"
    check_limits(graph, placed.placement, target, serial=serial)
    again = place(graph, target, mapping=mapping, seed=seed)
    assert again.placement == placed.placement and again.hops == placed.hops
    if not shared_synapses(case, placed):
        assert copies_and_hops(case, placed) == (placed.traffic.copies.sum(), placed.hops)
    assert placed.least_hops <= placed.hops
    assert max(placed.fewest_cores.values()) <= placed.cores
    for name, parts in placed.placement.parts.items():
        assert parts[-1].last == np.prod(graph.by_name[name].output_shape("out"))


def check_refusal(case: Case, target: Target, mapping: str, message: str) -> None:
    """The limit that is named is one that is broken: with what is asked for it is not."""
    if found := NODE.search(message):
        node, limit, need, most = found[1], found[2], int(found[3]), int(found[4])
        assert node in case[0].by_name and need > most == target.value(limit)
        wider = replace(target, limits=MappingProxyType(
            {**target.limits, limit: Limit(limit, need, "widened")}))  # fmt: skip
        if limit != "axons_out_per_core":  # how many there are depends on every other tile
            try:
                place(case[0], wider, mapping=mapping)
            except GraphError as error:
                other = NODE.search(str(error))
                assert other is None or (other[1], other[2]) != (node, limit)
        return
    if "nothing to place" in message:
        assert all(node.runs_on != "neurocore" or node.kind == "Delay" for node in case[0].nodes)
        return
    found = ALL.search(message)
    assert found, message
    assert int(found[1]) > int(found[4]) == target.cores and int(found[1]) >= int(found[2])


@FEW
@given(case=networks(), target=targets(), mapping=st.sampled_from(MAPPINGS))
def test_first_fit_keeps_the_limits_too(case: Case, target: Target, mapping: str) -> None:
    try:
        placed = place_first_fit(case[0], target, mapping=mapping)
    except GraphError:
        return
    serial = mapping == "serial"
    check_limits(case[0], placed.placement, target, serial=serial, axons_out=False)


@pytest.mark.parametrize("name", sorted(CASES))
def test_preflight_agrees_with_the_placer(name: str) -> None:
    graph = CASES[name](0)[0]
    target = load_target("loihi2")
    found = preflight(graph, target)
    assert not found.violations
    assert place(graph, target).cores >= found.summary["cores, at least"][0]


def test_what_a_core_takes_by_hand() -> None:
    graph = CASES["dense"](0)[0]  # 6 tokens of 5, a Dense to 4 channels, an Output on the host
    placement = Placement(
        (Core(0, 0, 0), Core(0, 1, 0)), {"code": (Part(0, 0, 30),), "sum": (Part(1, 0, 24),)}
    )
    usage = usage_of(graph, placement, serial=False)
    # code: a word of sent each, five biases. sum: sigma and sent each, four biases; five lists of
    # four weights and a byte of heading in two words.
    assert usage.state_bytes.tolist() == [4 * (30 + 5), 4 * (48 + 4)]
    assert usage.by_limit["synaptic_bytes_per_core"].tolist() == [0, 5 * 8]
    assert usage.by_limit["neurons_per_core"].tolist() == [30, 24]
    # code hears 30 pixels and 6 lines of its gate; sum hears 30 messages and 6 lines.
    assert usage.by_limit["axons_in_per_core"].tolist() == [36, 36]
    assert usage.by_limit["axons_out_per_core"].tolist() == [30, 0]
    serial = usage_of(graph, placement, serial=True)
    assert serial.by_limit["neurons_per_core"].tolist() == [5, 4]
    assert serial.by_limit["axons_in_per_core"].tolist() == [6, 6]


@pytest.mark.parametrize(("limit", "value", "said"), [
    ("neurons_per_core", 29, "core 0 takes 30 of neurons_per_core"),
    ("memory_bytes_per_core", 240, "core 1 takes 248 of memory_bytes_per_core"),
    ("synaptic_bytes_per_core", 39, "core 1 takes 40 of synaptic_bytes_per_core"),
    ("axons_in_per_core", 35, "core 0 takes 36 of axons_in_per_core"),
    ("axons_out_per_core", 29, "core 0 takes 30 of axons_out_per_core"),
    ("mesh_columns", 1, "lies outside"),
])  # fmt: skip
def test_the_checker_finds_a_broken_limit(limit: str, value: int, said: str) -> None:
    graph = CASES["dense"](0)[0]
    placement = Placement(
        (Core(0, 0, 0), Core(0, 1, 0)), {"code": (Part(0, 0, 30),), "sum": (Part(1, 0, 24),)}
    )
    with pytest.raises(GraphError, match=said):
        check_limits(graph, placement, with_limits(**{limit: value}), serial=False)


def test_fans_by_hand() -> None:
    graph = CASES["dense"](0)[0]
    layers = {layer.name: layer for layer in layers_of(graph)}
    # Of five channels each token's four sums; what an Output reads on the host is no synapse.
    assert {name: fan_in(layer) for name, layer in layers.items()} == {"code": 1, "sum": 5}
    assert fans_out(tuple(layers.values())) == {"code": 4, "sum": 0}
    faults = preflight(graph, with_limits(fan_in=4, fan_out=3)).violations
    assert [(f.node, f.limit, f.value, f.most) for f in faults] == [
        ("code", "fan_out", 4, 3), ("sum", "fan_in", 5, 4),
    ]  # fmt: skip
