"""Genes, genomes and policies as files: what a point stands for, exactly and both ways."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversion.nodes import Delta
from conversion.passes.set_thresholds import set_thresholds, thresholds_of
from depth_snn.config import GateConfig, NetworkConfig, PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.models.weights import find_weights, network_config
from depth_snn.pruning.heads import plan_heads
from depth_snn.search.gene import Gene
from depth_snn.search.gene_policy import head_rate, heads_cut
from depth_snn.search.genome import PRESETS, Genome, preset, threshold_encoders
from depth_snn.search.policy_toml import policy_text, write_policy
from depth_snn.toml_io import loads_toml
from tests.unit.small import ROOT, TINY, UNEVEN, random_network
from tests.unit.test_conversion import converted

SHIPPED = (("small", "small"), ("camvid", "camvid"), ("tiny", "default"))
"""A network and the policy that is its own."""


@cache
def shipped_policy(name: str) -> PolicyConfig:
    return PolicyConfig.load(ROOT / "depth_snn" / "policies" / f"{name}.toml")


@cache
def shipped_shape(name: str) -> NetworkConfig:
    return network_config(find_weights(name))


@cache
def shipped_genome(which: str, pair: tuple[str, str]) -> Genome:
    return preset(which, shipped_shape(pair[0]), shipped_policy(pair[1]))


# ------------------------------------------------------------------ genes


LINEAR, LOG = Gene("token_rate", 0.0, 0.5), Gene("tau_px", 0.1, 5.0, "log", 6)
HOLD, QUIET = Gene("gate.hold", 1, 8, "integer"), Gene("threshold.stem1", 0, 64, "log1p")
VTH = Gene("gate.vth", 63, 1004, "log", whole=True)
NUMBER = st.floats(0.0, 1.0)


def test_genes_in_the_middle_by_hand() -> None:
    assert [LINEAR.decode(u) for u in (0, 0.5, 1)] == [0.0, 0.25, 0.5]
    assert LOG.decode(0.5) == pytest.approx(math.sqrt(0.1 * 5.0), rel=1e-5)  # geometric mean
    assert [HOLD.decode((k + 0.5) / 8) for k in range(8)] == list(range(1, 9))
    assert [QUIET.decode(u) for u in (0, 0.5, 1)] == [0, round(math.sqrt(65) - 1), 64]
    assert VTH.decode(0.5) == round(math.sqrt(63 * 1004))


def test_every_whole_number_has_an_equal_share() -> None:
    drawn = [HOLD.decode(i / 7999) for i in range(8000)]
    assert [drawn.count(k) for k in range(1, 9)] == [1000] * 8


@pytest.mark.parametrize("gene", [LINEAR, LOG, HOLD, QUIET, VTH], ids=lambda g: g.scale)
@given(u=NUMBER, v=NUMBER)
def test_gene_is_monotone_within_bounds_and_comes_back(gene: Gene, u: float, v: float) -> None:
    one, two = sorted((u, v))
    assert gene.low <= gene.decode(one) <= gene.decode(two) <= gene.high
    assert gene.decode(gene.encode(gene.decode(u))) == gene.decode(u)
    assert not gene.counts or gene.decode(u).is_integer()


def test_gene_outside_its_bounds_is_at_the_nearer_one() -> None:
    assert [g.encode(-9.0) for g in (LINEAR, LOG, VTH, QUIET)] == [0.0] * 4
    assert [g.encode(1e9) for g in (LINEAR, LOG, VTH, QUIET)] == [1.0] * 4
    assert (HOLD.decode(-0.1), HOLD.decode(1.1)) == (1, 8)
    assert Gene("gate.hold", 3, 3, "integer").decode(0.7) == 3


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"scale": "cubic"}, "scale 'cubic'"),
        ({"low": 2.0}, "bounds 2 to 1"),
        ({"low": 0.0, "scale": "log"}, "bounds 0 to 1"),
        ({"high": math.inf}, "high is inf"),
        ({"high": 1.5, "scale": "integer"}, "not whole"),
        ({"whole": True}, "whole"),
        ({"digits": 0}, "digits 0"),
        ({"digits": "3"}, "digits is '3'"),
        ({"low": True}, "low is True"),
        ({"colour": 1}, "colour"),
    ],
)
def test_bad_gene_is_one_line(values: dict[str, object], word: str) -> None:
    good: dict[str, object] = {"name": "tau_px", "low": 0.5, "high": 1.0}
    with pytest.raises(ConfigError, match=word) as caught:
        Gene.from_dict(good | values)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="high is missing"):
        Gene.from_dict({"name": "tau_px", "low": 0.5})
    with pytest.raises(ConfigError, match="expected a number"):
        LINEAR.encode(math.nan)


# ------------------------------------------------------------------ heads


@given(heads=st.integers(1, 300), cut=st.integers(0, 299))
def test_rate_of_a_number_of_heads_cuts_that_number(heads: int, cut: int) -> None:
    cut = min(cut, heads - 1)
    assert heads_cut(head_rate(cut, heads), heads) == cut
    assert 0 <= head_rate(cut, heads) < 1


def test_cut_heads_are_those_that_pruning_cuts() -> None:
    model = random_network(UNEVEN)
    genome = preset("policy", UNEVEN, shipped_policy("default"))
    for corner in (0.0, 1.0):
        rates = genome.decode((corner,) * genome.dimensions).policy.rates("head_rate", 2)
        left = [len(kept) for kept in plan_heads(model, rates)]
        assert left == ([3, 2] if corner == 0 else [2, 1])  # a third and a half: never more


# ------------------------------------------------------------------ genomes


@pytest.mark.parametrize("pair", SHIPPED, ids=lambda p: p[0])
@pytest.mark.parametrize("which", ["policy", "full", "scene"])
def test_shipped_policy_comes_back_exactly(which: str, pair: tuple[str, str]) -> None:
    genome, policy = shipped_genome(which, pair), shipped_policy(pair[1])
    assert genome.decode(genome.encode(policy)).policy == policy


def test_three_genes_of_the_proposal() -> None:
    genome, policy = shipped_genome("proposal", SHIPPED[0]), shipped_policy("small")
    assert [gene.name for gene in genome.genes] == ["heads_cut", "token_rate", "tau"]
    found = genome.decode((0.999, 1.0, 1.0)).policy
    changed = replace(policy, tau_stale=1.0, tau_ego=0.58, head_rate=(0.5,), token_rate=(0.5,))
    assert found == changed
    even = replace(policy, head_rate=(0.34,), token_rate=(0.1,))
    assert genome.decode(genome.encode(even)).policy == even
    # Rates that differ by layer have no point of their own: the mean stands for them.
    assert genome.decode(genome.encode(policy)).policy == replace(policy, head_rate=(0.0,))


def test_genes_of_the_presets() -> None:
    small = [gene.name for gene in shipped_genome("full", SHIPPED[0]).genes]
    assert len(small) == 6 + 6 + 4 + 4 + 3 * 6 + 2 and len(set(small)) == len(small)
    bare = [gene.name for gene in shipped_genome("policy", SHIPPED[2]).genes]
    assert "tau_ego" not in bare and "gate.gain_pixels" not in bare  # the base has neither
    plain = replace(shipped_policy("default"), recovery=False)
    assert not [g for g in preset("policy", TINY, plain).genes if g.name.startswith("gate.")]
    single = replace(TINY, heads=(1, 2))
    rates = [g.name for g in preset("policy", single, plain).genes if g.name.startswith("heads")]
    assert rates == ["heads_cut.2"]
    scene = [gene.name for gene in shipped_genome("scene", SHIPPED[0]).genes]
    assert scene == ["tau_stale", "tau_ego", "tau_px", "moved_share"]


@st.composite
def points(draw: st.DrawFn) -> tuple[Genome, tuple[float, ...]]:
    which, pair = draw(st.sampled_from(PRESETS)), draw(st.sampled_from(SHIPPED))
    genome = shipped_genome(which, pair)
    return genome, tuple(draw(NUMBER) for _ in range(genome.dimensions))


@settings(max_examples=150, deadline=None)
@given(points())
def test_any_point_is_a_policy_that_comes_back_and_is_written_exactly(
    drawn: tuple[Genome, tuple[float, ...]],
) -> None:
    genome, point = drawn
    found = genome.decode(point)
    assert isinstance(found.policy, PolicyConfig)
    assert genome.decode(genome.encode(found.policy, found.thresholds)) == found
    assert PolicyConfig.from_dict(loads_toml(policy_text(found.policy))) == found.policy
    for gene, one, two in zip(
        genome.genes, point, genome.encode(found.policy, found.thresholds), strict=True
    ):
        # The same value, so as near as the gene's step lets it be.
        assert gene.decode(one) == gene.decode(two), gene.name


@settings(max_examples=40, deadline=None)
@given(points())
def test_genome_comes_back_from_json(drawn: tuple[Genome, tuple[float, ...]]) -> None:
    genome, point = drawn
    again = Genome.from_dict(json.loads(json.dumps(genome.to_dict())))
    assert again == genome and again.decode(point) == genome.decode(point)


@pytest.mark.parametrize("network", [TINY, UNEVEN], ids=lambda n: n.name)
def test_every_threshold_gene_is_an_encoder_of_the_converted_network(
    network: NetworkConfig,
) -> None:
    graph = converted("scene" if network is TINY else "uneven")
    names = threshold_encoders(network)
    assert set(names) < {node.name for node in graph.nodes if isinstance(node, Delta)}
    genome = preset("full", network, shipped_policy("default"))
    found = genome.decode((1.0,) * genome.dimensions).thresholds
    assert found == dict.fromkeys(names, 64) and genome.encoders == tuple(names)
    quiet = thresholds_of(set_thresholds(graph, found), found)
    assert {name for name, value in quiet.items() if value} == set(names)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"tau_stale": 0.0}, "tau_stale 0"),
        ({"token_rate": (0.6,)}, "token_rate.1 is 0.6, outside 0 to 0.5"),
        ({"head_rate": (0.1, 0.1, 0.1)}, "head_rate has 3 numbers"),
        ({"tau_px": 0.0}, "tau_px is 0, outside 0.1 to 5"),
        ({"gate": GateConfig(hold=9)}, "gate.hold is 9, outside 1 to 8"),
        ({"gate": GateConfig(dv=4096)}, "gate.dv is 4096, outside 0 to 4095"),
    ],
)
def test_base_that_cannot_be_searched_around(changes: dict[str, object], word: str) -> None:
    base = replace(shipped_policy("default"), **changes)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=word):
        preset("policy", TINY, base)


def test_what_is_no_genome_or_point() -> None:
    genome = shipped_genome("proposal", SHIPPED[2])
    with pytest.raises(ConfigError, match="one of proposal, policy, full, scene"):
        preset("all", TINY, shipped_policy("default"))
    bad: Sequence[tuple[float, ...]] = [(0.5,), (0.5, 0.5, math.nan)]
    for point in bad:
        with pytest.raises(ConfigError, match="takes 3 numbers from 0 to 1"):
            genome.decode(point)
    good = genome.to_dict()
    wrong: dict[str, tuple[object, str]] = {
        "heads": ([2], "heads"), "layers": ("2", "layers is '2'"), "genes": ([], "0 genes"),
        "name": (3, "name is 3"), "colour": (1, "colour"),
    }  # fmt: skip
    for key, (value, word) in wrong.items():
        with pytest.raises(ConfigError, match=word):
            Genome.from_dict(good | {key: value})
    for names, word in (
        (["tau", "tau_stale"], "set the same"), (["heads_cut.3"], "sets nothing"),
        (["gate.body"], "sets nothing"), (["tau", "tau"], "given twice"),
    ):  # fmt: skip
        genes = [Gene(name, 1, 2, "integer").to_dict() for name in names]
        with pytest.raises(ConfigError, match=word):
            Genome.from_dict(good | {"genes": genes})
    with pytest.raises(ConfigError, match="expected numbers from 0 up to below 1"):
        # Bounds of a gene may not reach beyond what a policy takes.
        Genome.from_dict(good | {"genes": [Gene("token_rate", 0, 1).to_dict()]})


# ------------------------------------------------------------------ files


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
POSITIVE = st.floats(0, allow_nan=False, allow_infinity=False)
RATES = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=4).map(tuple)
GATES = st.builds(
    GateConfig, dv=st.integers(0, 4096), vth=st.integers(1, 131071), hold=st.integers(1, 10**9),
    reset=st.sampled_from(["subtract", "zero"]), gain=st.integers(1, 32767),
    body=st.sampled_from(["loihi", "norse"]), drive=st.sampled_from(["gradient", "change"]),
    gain_pixels=st.integers(0, 32767), adapt=st.integers(0, 32767),
    cap_percent=st.integers(0, 1000), refill_percent=st.integers(0, 1000),
)  # fmt: skip
POLICIES = st.builds(
    PolicyConfig, motion=st.one_of(st.just("dis"), TEXT.map("raft:{}".format)), tau_px=POSITIVE,
    tau_stale=st.one_of(POSITIVE, st.integers(0, 99)), tau_ego=POSITIVE, moved_share=POSITIVE,
    pruned_by=st.sampled_from(["judge", "pixels"]), judge=TEXT, carry=st.booleans(),
    static=st.sampled_from(["reuse", "downsample"]), token_rate=RATES, head_rate=RATES,
    recovery=st.booleans(), gate=GATES,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(policy=POLICIES, words=TEXT, name=TEXT)
def test_written_policy_reads_back_exactly(policy: PolicyConfig, words: str, name: str) -> None:
    text = policy_text(policy, words, {name: 1 / 3})
    assert PolicyConfig.from_dict(loads_toml(text)) == policy


def test_policy_file_says_where_it_came_from(tmp_path: Path) -> None:
    path, policy = tmp_path / "new" / "policy.toml", shipped_policy("small")
    write_policy(path, policy, "Point 3 of a front.\nChosen by knee.", {"loss": 0.45, "macs": 0.3})
    head = path.read_text(encoding="utf-8").splitlines()[:4]
    assert head == ["# Point 3 of a front.", "# Chosen by knee.", "# loss = 0.45", "# macs = 0.3"]
    assert PolicyConfig.load(path) == policy
    assert [p.name for p in path.parent.iterdir()] == ["policy.toml"]
    with pytest.raises(ConfigError, match="judge '\\\\ud800' is no text"):
        write_policy(path, replace(policy, judge="\ud800"))
    assert PolicyConfig.load(path) == policy
