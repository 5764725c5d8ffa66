"""`benchmarks/measure_uncapped.py`: what lifting the cap means, its figures, what it refuses."""

from __future__ import annotations

import runpy
import subprocess
import sys
from dataclasses import replace

import pytest

from depth_snn.cli.depth.protocol import NONE
from depth_snn.cli.depth.score import seed_scores
from depth_snn.config import GateConfig, PolicyConfig
from depth_snn.errors import ConfigError, FigureError
from tests.unit.protocol_scores import iou, played
from tests.unit.small import ROOT

SCRIPT = ROOT / "benchmarks" / "measure_uncapped.py"
SEEN = runpy.run_path(str(SCRIPT), run_name="seen")
methods_of, values_of, NAMES = SEEN["methods_of"], SEEN["values_of"], SEEN["NAMES"]
CAPPED, UNCAPPED, LIFTED = SEEN["CAPPED"], SEEN["UNCAPPED"], SEEN["LIFTED"]


def made(wrong: int, extra: float = 0.1) -> list:
    """Scores of one seed whose clip is wrong three frames after its event, in frame 5."""
    clip = played({8: wrong})
    clip.extra[3] = extra
    return [seed_scores([clip], [played({})], [[5]])]


def test_only_the_cap_is_lifted() -> None:
    policy = PolicyConfig()
    methods = {m.name: m for m in methods_of(policy)}
    lifted = methods[UNCAPPED].policy
    gate = replace(lifted.gate, cap_percent=15, refill_percent=policy.gate.refill_percent)
    assert replace(lifted, gate=gate) == policy == methods[CAPPED].policy
    assert not methods[NONE].policy.recovery and methods[NONE].rule == "none"
    with pytest.raises(ConfigError, match="cap_percent"):
        GateConfig(cap_percent=LIFTED + 1)  # nothing larger could stand for no cap


def test_values_by_hand() -> None:
    scores = {NONE: made(50), CAPPED: made(20), UNCAPPED: made(0, extra=3.0)}
    found = values_of("plain", scores)
    closed = 100 * (1 - (1 - iou(20)) / (1 - iou(50)))
    assert found["capped_plain_gap_closed"] == pytest.approx(closed)
    assert found["uncapped_plain_gap_closed"] == 100
    assert found["uncapped_plain_extra_mean"] == pytest.approx(300 / 19)
    assert found["uncapped_plain_extra_worst"] == pytest.approx(300)
    both = set(found) | set(values_of("judged", scores))
    assert both == set(NAMES)


def test_a_cap_that_acted_and_a_gap_that_is_none_are_errors() -> None:
    scores = {NONE: made(50), CAPPED: made(20), UNCAPPED: made(0, extra=LIFTED / 100)}
    with pytest.raises(FigureError, match="still capped"):
        values_of("plain", scores)
    with pytest.raises(FigureError, match="no gap"):
        values_of("plain", {NONE: made(0), CAPPED: made(0), UNCAPPED: made(0)})


@pytest.mark.parametrize("words", [("--seeds", "0"), ("--frames", "1"), ("--network", "nobody")])
def test_wrong_words_are_one_line(words: tuple[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert words[1] in done.stderr and done.stderr.startswith("measure_uncapped: error: ")
