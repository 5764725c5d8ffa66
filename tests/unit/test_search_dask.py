"""Evaluations on a Dask cluster come out as they do here."""

from __future__ import annotations

import importlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from depth_snn.errors import ConfigError, EngineError, MissingDependency
from depth_snn.search.executors import dask, make_executor
from depth_snn.search.types import CRASHED, OK, TIMEOUT, Task
from tests.unit.search_mishaps import MISHAPS, Mishaps, Toy
from tests.unit.test_search_executors import ENDS, SURVIVED, NoEntry, facts, outcomes, tasks

distributed = pytest.importorskip("distributed")


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A scheduler and a worker in this process."""
    with distributed.LocalCluster(
        n_workers=1, processes=False, threads_per_worker=1, dashboard_address=None,
        silence_logs=logging.CRITICAL,
    ) as cluster:  # fmt: skip
        yield cluster


@pytest.fixture
def two_processes() -> Iterator[Any]:
    """A scheduler here and two workers, each with its nanny."""
    with distributed.LocalCluster(
        n_workers=2, processes=True, threads_per_worker=1, dashboard_address=None,
        silence_logs=logging.CRITICAL,
    ) as cluster:  # fmt: skip
        yield cluster


def address_of(cluster: Any) -> str:
    return str(cluster.scheduler_address)


def test_two_workers_give_what_this_process_gives(two_processes: Any) -> None:
    """And each mishap stays its own, a crash included, after which the other worker goes on."""
    todo = [Task(k, k, (k / 9, 0.1 + 0.2, 1 / 3), k % 4) for k in range(9)]
    here = [facts(outcome) for outcome in outcomes(make_executor(Toy()), todo)]
    with closing(make_executor(Toy(), dask=address_of(two_processes), deadline_s=60)) as executor:
        assert [facts(outcome) for outcome in outcomes(executor, todo)] == here
    with closing(make_executor(Mishaps(), dask=address_of(two_processes))) as executor:
        chosen = [*SURVIVED, MISHAPS.index("exits-0"), 0]
        found = outcomes(executor, tasks(chosen))
    for k, outcome in zip(chosen, found, strict=True):
        wanted = (CRASHED, "its Dask worker ended") if k == chosen[-2] else ENDS[MISHAPS[k]]
        assert (outcome.status, outcome.error) == wanted


@pytest.mark.slow
def test_crashes_and_hangs_lose_a_worker_each_and_nannies_bring_new_ones(
    two_processes: Any,
) -> None:
    address = address_of(two_processes)
    with closing(make_executor(Mishaps(), dask=address, deadline_s=1)) as executor:
        found = outcomes(executor, tasks([*range(len(MISHAPS)), 0, 0]))
    ends = [ENDS[name][0] if name in ENDS else TIMEOUT for name in MISHAPS]
    assert [outcome.status for outcome in found] == [*ends, OK, OK]


def test_a_scheduler_that_goes_away_is_one_line(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "CONNECT_S", 0.5)
    with closing(make_executor(Toy(0.01), dask=address_of(cluster))) as executor:
        running = executor.run(tasks([0] * 500))
        assert next(running)[1].status == OK
        cluster.close()
        with pytest.raises(EngineError, match=r"went away .*resume"):
            list(running)


def test_a_worker_that_cannot_load_the_problem_is_one_line(cluster: Any) -> None:
    with (
        closing(make_executor(NoEntry(), dask=address_of(cluster))) as executor,
        pytest.raises(EngineError, match="cannot load the problem"),
    ):
        list(executor.run(tasks([0])))


def test_a_cluster_without_workers_is_waited_for_but_not_for_ever(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "ABSENT_S", 0.5)
    with closing(make_executor(Toy(), dask=address_of(cluster))) as executor:
        assert outcomes(executor, tasks([0]))[0].status == OK
        cluster.scale(0)
        client = executor._client  # type: ignore[attr-defined]
        while client.nthreads():
            time.sleep(0.01)
        with pytest.raises(EngineError, match="no worker for"):
            list(executor.run(tasks([0])))


def test_a_run_that_is_left_frees_its_worker(cluster: Any) -> None:
    with closing(make_executor(Toy(0.01), dask=address_of(cluster))) as executor:
        next(executor.run(tasks([0] * 9)))
        assert [found.status for found in outcomes(executor, tasks([1, 2]))] == [OK, OK]


@pytest.mark.parametrize("address", ["", "nonsense", "foo://here:1", "127.0.0.1:99999", "tcp://"])
def test_an_address_that_cannot_be_is_one_line(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "CONNECT_S", 0.3)
    with pytest.raises(ConfigError, match="no Dask scheduler answers") as caught:
        make_executor(Toy(), dask=address)
    assert "\n" not in str(caught.value)


def test_somebody_who_is_no_scheduler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "CONNECT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: no Dask scheduler answers"):
            make_executor(Toy(), dask=f"127.0.0.1:{port}")
    with pytest.raises(ConfigError, match="no Dask scheduler answers"):  # and now nobody listens
        make_executor(Toy(), dask=f"127.0.0.1:{port}")
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingDependency, match=r"pip install 'depth-snn\[search\]'"):
        make_executor(Toy(), dask="127.0.0.1:8786")
