"""Reaching a board, as far as it can be tested without one (docs/hardware.md)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from depth_snn.errors import ConfigError, EngineError
from loihi import board as board_module
from loihi import hardware_available, lava_available
from loihi.board import Board, select_host
from loihi.chip_report import FIELDS, MAX_LISTED, plain, read_callbacks
from tests.unit.chip_graph import CHIP, chip_case
from tests.unit.command import depth_snn, refused

ROOT = Path(__file__).resolve().parents[2]
LAVA, WHY = lava_available()
BOARD = hardware_available()[0]
needs_lava = pytest.mark.skipif(not LAVA, reason=f"running on Lava needs Lava: {WHY}")
without_board = pytest.mark.skipif(BOARD, reason="lava-loihi is installed here")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"partition": "kp", "board": "ncl-1"}, "--partition, --board"),
        ({"board": "ncl-1", "host_ip": "10.0.0.1"}, "--board, --host-ip"),
        ({"host_ip": "-c 99"}, "--host-ip"),
        ({"partition": "a;b"}, "--partition"),
        ({"generation": "N1"}, "N3B3"),
    ],
)
def test_a_board_that_cannot_be_meant_is_refused(fields: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Board(**fields)
    assert Board(**Board(host_ip="10.0.0.1").fields()) == Board(host_ip="10.0.0.1")


def test_options_of_a_board_need_its_engine(tmp_path: Path) -> None:
    done = depth_snn("verify", tmp_path, "--engine", "lava", "--board", "ncl-1")
    refused(done, "--engine loihi2")


CALLS = """
import json, sys
from pathlib import Path
from loihi import shim
from loihi.board import Board
from loihi.chip_build import build_split
from tests.unit.chip_graph import chip_case

calls = []
kept = shim.AbstractProcess


def stand_in(name, answer=lambda **_: None):
    def call(*words, **options):
        calls.append([name, list(words), {k: str(v) for k, v in options.items()}])
        return answer(**options)

    setattr(shim, name, call)


class Adapter(kept):
    def __init__(self, shape, num_message_bits):
        super().__init__()
        self.inp, self.out = shim.InPort(shape=shape), shim.OutPort(shape=shape)


class Cfg:
    def __init__(self, **options):
        vars(self).update(options)


class Logger:
    total_power = 1.0


stand_in("use_slurm_host")
for name in ("PyToNxAdapter", "NxToPyAdapter"):
    stand_in(name, Adapter)
for name in ("Loihi2Power", "Loihi2ExecutionTime", "Loihi2Memory", "Loihi2Activity"):
    stand_in(name, lambda **_: Logger())
stand_in("Loihi2HwCfg", Cfg)
graph, inputs = chip_case()
network = build_split(graph, inputs, frames=12, probes=["out.out", "lif2.out", "sums.out"],
                      folder=Path(sys.argv[1]), board=Board(partition="kp", generation="N3C1"))
cfg = network.run_cfg
graphs = sys.modules[shim.ProcGroupDiGraphs.__module__]
find = {process.name: process in cfg.exception_proc_model_map
        for process in graphs.find_processes(network.start)}
network.start.stop = lambda: calls.append(["stop", [], {}])
answer = network.finish()
print(json.dumps({"calls": calls, "ours": find, "steps": network.steps, "answer": answer,
                  "callbacks": len(cfg.callback_fxs)}))
"""


@needs_lava
@without_board
def test_a_board_is_told_first_and_every_crossing_gets_its_adapter(tmp_path: Path) -> None:
    """With stand-ins for the closed names: order and arguments of the calls, and nothing more."""
    done = subprocess.run(
        [sys.executable, "-c", CALLS, tmp_path], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    names = [name for name, _, _ in said["calls"]]
    assert names == [
        "use_slurm_host", "PyToNxAdapter", "PyToNxAdapter", "NxToPyAdapter", "NxToPyAdapter",
        "Loihi2Power", "Loihi2ExecutionTime", "Loihi2Memory", "Loihi2Activity", "Loihi2HwCfg",
        "stop",
    ]  # fmt: skip
    options = [options for _, _, options in said["calls"]]
    assert options[0] == {
        "partition": "kp", "board": "None", "loihi_gen": "ChipGeneration.N3C1",
    }  # fmt: skip
    sizes = [(o["shape"], o["num_message_bits"]) for o in options[1:5]]
    assert sizes == [("(24,)", "0"), ("(6,)", "24"), ("(6,)", "24"), ("(48,)", "0")]
    graph, _ = chip_case()
    assert options[5] == {"num_steps": str(said["steps"])}
    assert said["steps"] == 12 + max(graph.lags.values()) and said["callbacks"] == 4
    # The chip's processes and the adapters are left to Lava's choice of models; ours are not.
    assert {name for name in CHIP if said["ours"][name]} == set()
    assert {"source", "recorder", "code", "skip", "out", "sums.out sign"} <= {
        name for name, ours in said["ours"].items() if ours
    }
    assert said["answer"]["power_w"] == {"total_power": 1.0}


class Logger:
    """Stand-in for a logger of lava-loihi: attributes as the public tutorials read them."""

    def __init__(self, **values: object) -> None:
        vars(self).update(values)

    @property
    def avg_time_per_step(self) -> float:
        raise RuntimeError("no run yet")


def test_loggers_become_plain_numbers_and_what_is_missing_is_listed() -> None:
    many = np.linspace(0, 1, MAX_LISTED + 1)
    callbacks = {
        "power_w": Logger(total_power=np.array([1.5, 2.5]), static_total_power=np.float32(1),
                          vdd_power=many),
        "time_us": Logger(execution_time_per_step=np.array([7, 8]), host_time_per_step="soon"),
        "memory": Logger(total_mpds=[0.5, np.nan]),
        "activity": Logger(**{field: np.arange(3) for field in FIELDS["activity"]}),
    }  # fmt: skip
    found = read_callbacks(callbacks)
    assert found["kind"] == "measured"
    assert found["power_w"]["total_power"] == [1.5, 2.5]
    assert found["power_w"]["vdd_power"] == {
        "count": MAX_LISTED + 1, "mean": pytest.approx(0.5), "min": 0.0, "max": 1.0,
    }  # fmt: skip
    assert found["time_us"] == {"execution_time_per_step": [7, 8]}
    assert found["activity"]["syn_ops"] == [0, 1, 2] and found["memory"] == {}
    assert "time_us.avg_time_per_step: RuntimeError" in found["absent"]
    assert "memory.total_mpds: TypeError" in found["absent"]
    assert plain(True) is True and plain(3) == 3


@needs_lava
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file or directory", "sinfo"), "'sinfo' is not here"),
        (ValueError("board ncl-1\n is down"), "board ncl-1 is down"),
        (ImportError("Lava-Loihi is not installed."), "not installed"),
    ],
)
def test_no_board_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    """Lava's own ways to fail here, from the source of lava.utils.loihi and lava.utils.slurm."""

    class StandIn:
        class ChipGeneration:
            N3B3 = "N3B3"

            def __class_getitem__(cls, name: str) -> str:
                return str(getattr(cls, name))

        @staticmethod
        def use_slurm_host(**_: object) -> None:
            raise error

    monkeypatch.setattr(board_module, "shim", StandIn)
    with pytest.raises(EngineError, match=words) as caught:
        select_host(Board())
    assert "\n" not in str(caught.value)
