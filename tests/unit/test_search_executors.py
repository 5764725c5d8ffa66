"""Evaluations come out alike wherever they are made, and mishaps stay their own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from depth_snn.cli.progress import Progress
from depth_snn.errors import ConfigError, EngineError
from depth_snn.search.executors import make_executor, processes
from depth_snn.search.executors.environment import SINGLE_THREAD
from depth_snn.search.executors.evaluate import MAX_ERROR, described
from depth_snn.search.progress import progress_text
from depth_snn.search.types import CRASHED, FAILED, OK, TIMEOUT, Executor, Outcome, Task
from tests.unit.search_mishaps import MISHAPS, Mishaps, Surroundings, Toy

POINT = (0.95, 0.2, 0.3)
SURVIVED = [k for k, name in enumerate(MISHAPS) if not name.startswith(("exits", "kill", "hang"))]
ENDS = {
    "none": (OK, ""),
    "raises": (FAILED, "ValueError: no such policy"),
    "leaves": (FAILED, "SystemExit: 0"),
    "memory": (FAILED, "MemoryError"),
    "exits-0": (CRASHED, "its process ended with exit code 0"),
    "exits-3": (CRASHED, "its process ended with exit code 3"),
    "killed": (CRASHED, "its process was killed by SIGKILL"),
    "nan": (FAILED, "the objective far came out as nan"),
    "forgets": (FAILED, "the objective far was not measured"),
}


def tasks(sets: Any) -> list[Task]:
    return [Task(number, number, POINT, k) for number, k in enumerate(sets)]


def outcomes(executor: Executor, todo: list[Task]) -> list[Outcome]:
    """By task; each must have exactly one."""
    found = list(executor.run(todo))
    assert sorted(task.number for task, _ in found) == [task.number for task in todo]
    by_number = {task.number: outcome for task, outcome in found}
    assert all(outcome.seconds >= 0 for outcome in by_number.values())
    return [by_number[task.number] for task in todo]


def facts(outcome: Outcome) -> tuple[object, ...]:
    """All of an outcome but its seconds."""
    return outcome.status, dict(outcome.measures), outcome.violation, outcome.error


@pytest.fixture
def _no_process_left() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


@pytest.mark.usefixtures("_no_process_left")
def test_outcomes_do_not_depend_on_the_executor() -> None:
    todo = [Task(k, k, (k / 9, 0.1 + 0.2, 1 / 3), k % 4) for k in range(9)]
    problem, found = Toy(), []
    for workers in (0, 1, 2):
        with closing(make_executor(problem, workers)) as executor:
            found.append([facts(outcome) for outcome in outcomes(executor, todo)])
            found.append([facts(outcome) for outcome in outcomes(executor, todo)])  # once more
    measures, violation = problem.evaluate(todo[8].point, todo[8].clips)
    assert found[0][8] == (OK, measures, violation, "")
    assert all(each == found[0] for each in found)


@pytest.mark.usefixtures("_no_process_left")
def test_mishaps_are_recorded_and_stop_nothing_else() -> None:
    todo = tasks(k for k, name in enumerate(MISHAPS) if name != "hangs")
    with closing(make_executor(Mishaps(), 2)) as executor:
        found = outcomes(executor, todo)
    for task, outcome in zip(todo, found, strict=True):
        assert (outcome.status, outcome.error) == ENDS[MISHAPS[task.clips]]
        assert bool(outcome.measures) == (outcome.status == OK)
    assert found[0].violation == pytest.approx(0.05)


@pytest.mark.usefixtures("_no_process_left")
def test_a_candidate_that_hangs_loses_its_process_at_the_deadline() -> None:
    hangs = MISHAPS.index("hangs")
    with closing(make_executor(Mishaps(), 1, deadline_s=0.3)) as executor:
        found = outcomes(executor, tasks([0, hangs, 0]))
    assert [outcome.status for outcome in found] == [OK, TIMEOUT, OK]
    assert found[1].error == "not done within 0.3 s"
    assert facts(found[0]) == facts(found[2])


def test_mishaps_in_this_process() -> None:
    hangs = MISHAPS.index("hangs")
    with closing(make_executor(Mishaps(), deadline_s=0.1)) as executor:
        found = outcomes(executor, tasks([*SURVIVED, hangs, 0]))
    for k, outcome in zip(SURVIVED, found, strict=False):
        assert (outcome.status, outcome.error) == ENDS[MISHAPS[k]]
    assert [outcome.status for outcome in found[-2:]] == [TIMEOUT, OK]


def test_a_deadline_leaves_other_timers_as_they_were() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    delay, interval = signal.setitimer(signal.ITIMER_REAL, 0.15)
    try:
        hangs = MISHAPS.index("hangs")
        (outcome,) = outcomes(make_executor(Mishaps(), deadline_s=0.05), tasks([hangs]))
        assert outcome.status == TIMEOUT and not rung
        while not rung:  # the test's own time limit is the other end
            signal.pause()
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, delay, interval)


def test_no_deadline_where_no_signal_arrives() -> None:
    said: list[str] = []

    def ask() -> None:
        try:
            make_executor(Toy(), deadline_s=1.0)
        except ConfigError as error:
            said.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert said and "main thread" in said[0] and "worker" in said[0]


class Interrupted(Toy):
    def evaluate(self, point: Any, clips: int) -> Any:
        raise KeyboardInterrupt


def test_ctrl_c_passes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        list(make_executor(Interrupted()).run(tasks([0])))


@pytest.mark.usefixtures("_no_process_left")
def test_workers_compute_on_one_thread_and_the_parent_as_before() -> None:
    before = dict(os.environ)
    with closing(make_executor(Surroundings(), 2)) as executor:
        found = outcomes(executor, tasks([0] * 4))
    assert {outcome.measures["far"] for outcome in found} == {1.0}
    assert os.getpid() not in {outcome.measures["near"] for outcome in found}
    assert dict(os.environ) == before and set(SINGLE_THREAD) >= {"OMP_NUM_THREADS"}


@pytest.mark.usefixtures("_no_process_left")
def test_a_run_that_is_left_ends_what_still_runs() -> None:
    executor = make_executor(Mishaps(), 2)
    running = executor.run(tasks([0, MISHAPS.index("hangs")]))
    task, outcome = next(running)
    assert task.clips == 0 and outcome.status == OK
    del running  # nobody asks any more; the generator is closed
    with closing(executor):
        assert [outcome.status for outcome in outcomes(executor, tasks([0, 0]))] == [OK, OK]


@pytest.mark.usefixtures("_no_process_left")
def test_a_worker_that_dies_idle_is_no_candidates_fault() -> None:
    with closing(make_executor(Surroundings(), 1)) as executor:
        (first,) = outcomes(executor, tasks([0]))
        (process,) = multiprocessing.active_children()
        assert first.measures["near"] == process.pid
        process.kill()
        process.join()
        (second,) = outcomes(executor, tasks([0]))
    assert second.status == OK and second.measures["near"] != process.pid


class NoPassport(Toy):
    def __reduce__(self) -> Any:
        raise TypeError("stays at home")


class NoEntry(Toy):
    def __reduce__(self) -> Any:
        return int, ("not a number",)  # raises where it is received


@pytest.mark.usefixtures("_no_process_left")
def test_a_problem_that_cannot_travel_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"cannot be sent .*stays at home"):
        make_executor(NoPassport(), 1)
    with (
        closing(make_executor(NoEntry(), 1)) as executor,
        pytest.raises(EngineError, match="ended while it started"),
    ):
        list(executor.run(tasks([0])))
    assert "invalid literal" in capfd.readouterr().err


@pytest.mark.usefixtures("_no_process_left")
def test_a_worker_that_never_starts_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "START_S", 0.0)
    with (
        closing(make_executor(Toy(), 1)) as executor,
        pytest.raises(EngineError, match="did not start within"),
    ):
        list(executor.run(tasks([0])))


def test_a_script_without_a_main_guard_is_told_so(project_root: Path, tmp_path: Path) -> None:
    script = tmp_path / "search.py"
    script.write_text(
        "from depth_snn.search.executors import make_executor\n"
        "from depth_snn.search.types import Task\n"
        "from tests.unit.search_mishaps import Toy\n"
        "list(make_executor(Toy(), 1).run([Task(0, 0, (0.5,), 0)]))\n",
        encoding="ascii",
    )
    done = subprocess.run(
        [sys.executable, str(script)], env=os.environ | {"PYTHONPATH": str(project_root)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("depth_snn.errors.EngineError: a worker process")
    assert "__main__" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"workers": -1}, "-1 workers"),
        ({"workers": 10**9}, "workers"),
        ({"deadline_s": 0.0}, "a deadline of 0 s"),
        ({"deadline_s": float("nan")}, "a deadline of nan s"),
        ({"workers": 2, "dask": "127.0.0.1:8786"}, "either local or Dask's"),
    ],
)
def test_senseless_wishes_are_refused(words: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make_executor(Toy(), **words)


def test_errors_are_one_short_line() -> None:
    assert described(ValueError("a\n b\x1b[0m")) == "ValueError: a b\\x1b[0m"
    assert described(KeyError()) == "KeyError"
    assert len(described(ValueError("x" * 9999))) == MAX_ERROR


def test_time_left_counts_what_was_evaluated_here() -> None:
    assert progress_text(40, 200, 9, 0.41236, 20.0) == "front of 9, hypervolume 0.4124, 80 s left"
    assert progress_text(40, 200, 9, 0.4, 20.0, 30).endswith(
        ", 320 s left".replace("320 s", "5 min")
    )
    assert progress_text(40, 200, 9, 0.4, 5000.0, 0).endswith(", 5.6 h left")
    for done, resumed in ((0, 0), (30, 40), (40, 40), (200, 0)):
        assert progress_text(done, 200, 9, 0.4, 1.0, resumed) == "front of 9, hypervolume 0.4000"


def test_a_line_of_progress_leaves_the_time_left_to_its_note(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for left in (True, False):
        Progress("evaluations", 8, left=left).update(2, "front of 3, 9 s left")
    ours, theirs = capsys.readouterr().err.splitlines()
    assert ours.count(" left") == 2 and theirs.count(" left") == 1
