"""`benchmarks/measure_finetune.py`: what equal work means, and what it refuses."""

from __future__ import annotations

import runpy
import subprocess
import sys

import pytest

from depth_snn.errors import FigureError
from tests.unit.small import ROOT

SCRIPT = ROOT / "benchmarks" / "measure_finetune.py"
SEEN = runpy.run_path(str(SCRIPT), run_name="seen")
gain_at_equal_work = SEEN["gain_at_equal_work"]
SHIPPED = [(0.5, 81.0), (0.4, 80.0), (0.3, 78.0)]


def test_the_gain_is_read_at_the_work_of_the_shipped_network() -> None:
    assert gain_at_equal_work(SHIPPED, SHIPPED) == (0, 0.4)
    # Fine-tuned: cheaper at every factor. At 0.4 its curve is halfway from 80.5 to 81.5.
    cheaper = [(0.45, 81.5), (0.35, 80.5), (0.25, 70.0)]
    gain, work = gain_at_equal_work(SHIPPED, cheaper)
    assert (gain, work) == (pytest.approx(1.0), 0.4)
    assert gain_at_equal_work(SHIPPED, cheaper[::-1])[0] == pytest.approx(1.0)


@pytest.mark.parametrize("shift", [-0.2, 0.2])
def test_curves_that_do_not_meet_are_not_compared(shift: float) -> None:
    moved = [(work + shift, miou) for work, miou in SHIPPED]
    with pytest.raises(FigureError, match="not comparable at equal work"):
        gain_at_equal_work(SHIPPED, moved)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--weights", "nobody.safetensors"), "nobody.safetensors"),
        (("--weights", str(ROOT / "depth_snn" / "weights" / "street.safetensors")), "small_pruned"),
        (("--seeds", "0"), "--seeds 0"),
        (("--frames", "1"), "--frames 1"),
    ],
)
def test_wrong_words_are_one_line(words: tuple[str, str], said: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr
    assert said in done.stderr and done.stderr.startswith("measure_finetune: error: ")
