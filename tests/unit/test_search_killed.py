"""A search that is killed and resumed ends as one that was left alone; no process outlives it."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from depth_snn.search.executors import make_executor
from depth_snn.search.store import Store
from tests.unit import search_killed
from tests.unit.search_mishaps import Toy

PATIENCE_S = 60


def started(project_root: Path, path: Path, workers: int, nap_s: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unit.search_killed", str(path), str(workers), str(nap_s)],
        cwd=project_root, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip


def rows(path: Path) -> list[tuple[object, ...]]:
    """All of an evaluation but its seconds, as SQLite has it."""
    connection = sqlite3.connect(path)
    try:
        columns = "number, candidate, clips, point, status, measures, violation, error, checksum"
        query = f"SELECT {columns} FROM evaluations ORDER BY number"
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple[object, ...]], object]:
    """Rows and front of a search that nobody interrupts."""
    path = tmp_path_factory.mktemp("alone") / "store.sqlite"
    problem = Toy()
    with Store.open(path, problem.facts(), resume=False) as store:
        front = search_killed.search(problem, make_executor(problem), store)
    return rows(path), front


def killed_after(process: subprocess.Popen[str], lines: int, delay_s: float) -> None:
    """SIGKILL after so many lines, and then some."""
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline()
    time.sleep(delay_s)
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("workers", "kills"), [(0, 4), (2, 2)])
def test_killed_at_any_moment_it_resumes_to_the_same_end(
    project_root: Path,
    tmp_path: Path,
    alone: tuple[list[tuple[object, ...]], object],
    workers: int,
    kills: int,
) -> None:
    path, rng = tmp_path / "store.sqlite", random.Random(workers)
    seen = 0
    for _ in range(kills):
        process = started(project_root, path, workers, 0.005)
        killed_after(process, rng.randint(1, 7), rng.uniform(0, 0.006))
        assert process.returncode == -signal.SIGKILL
        found = rows(path)
        # Whatever is there was complete, and nothing that was there before is lost.
        assert seen <= len(found) < search_killed.EVALUATIONS
        assert set(found) <= set(alone[0])
        seen = len(found)
    assert seen > 0
    process = started(project_root, path, workers, 0.0)
    said, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    assert said.count("evaluated") == search_killed.EVALUATIONS - seen
    assert rows(path) == alone[0]
    assert said.splitlines()[-1] == search_killed.json.dumps(alone[1])
    assert [name.name for name in tmp_path.iterdir()] == ["store.sqlite"]


def busy_children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Children of a search with two workers, once both evaluate."""
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    parent, give_up = psutil.Process(process.pid), time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        found = parent.children(recursive=True)
        # A worker that naps has its watch over the parent beside its own thread.
        if sum(child.num_threads() >= 2 for child in found) >= 2:
            return found
        time.sleep(0.02)
    raise AssertionError("two workers never began")


def gone(children: list[psutil.Process]) -> bool:
    """Whether all end in a while; a zombie, where nobody reaps orphans, has ended."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        if not any(running(child) for child in children):
            return True
        time.sleep(0.02)
    return False


def running(child: psutil.Process) -> bool:
    try:
        return child.is_running() and child.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_workers_end_when_their_search_is_killed(project_root: Path, tmp_path: Path) -> None:
    process = started(project_root, tmp_path / "store.sqlite", 2, 600)
    children = busy_children(process)
    process.kill()
    process.communicate()
    assert gone(children)


def test_an_interrupted_search_ends_its_workers_quietly(project_root: Path, tmp_path: Path) -> None:
    process = started(project_root, tmp_path / "store.sqlite", 2, 600)
    children = busy_children(process)
    for one in [process, *children]:  # a terminal sends it to the whole group
        with suppress(psutil.NoSuchProcess):  # a worker that its search has ended already
            one.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert errors == ""
    assert gone(children)
    assert rows(tmp_path / "store.sqlite") == []
