"""How a search runs: the same with any number of workers, the same after kills, and how fast.

Searches of `tiny` in this process, in one and two local processes and on two Dask workers, row by
row; searches killed with SIGKILL over and over and resumed each time; searches of `small` with
one worker and with two, in turn, by wall time. Take it on a quiet machine; about ten minutes.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from depth_snn.cli.chain.setup import load_policy
from depth_snn.cli.progress import Progress
from depth_snn.config import PolicyConfig
from depth_snn.errors import DepthError
from depth_snn.figures import Figure, found_now, publish
from depth_snn.models.weights import find_network
from depth_snn.search.executors import make_executor
from depth_snn.search.genome import preset
from depth_snn.search.loop import Search
from depth_snn.search.policy_toml import write_policy
from depth_snn.search.problem import PolicyProblem
from depth_snn.search.store import Store
from depth_snn.search.types import Executor

COMMAND = "python benchmarks/measure_search_runs.py"
EVALUATIONS = 40
TIMED = 48
"""Evaluations of the searches that are timed."""
SCENES, FRAMES = ("driving-day",), 6
NAMES = (
    "search_workers_identical",
    "search_workers_compared",
    "search_resume_identical",
    "search_kills",
    "search_speedup_2_workers",
    "search_evaluation_seconds",
)
Row = tuple[object, ...]


def tiny_policy() -> PolicyConfig:
    """Pruning of `tiny` by what its pixels say; optical flow costs more than that network."""
    return replace(load_policy(None, "tiny"), motion="patch", tau_stale=4.0, tau_px=1.0)


def tiny_problem() -> PolicyProblem:
    config = find_network("tiny").config
    genome = preset("policy", config, tiny_policy())
    return PolicyProblem("tiny", genome, scenes=SCENES, frames=FRAMES)


@contextmanager
def dask_executor(problem: PolicyProblem) -> Iterator[Executor]:
    """Two Dask workers on this machine."""
    from distributed import LocalCluster

    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    try:
        with closing(make_executor(problem, dask=cluster.scheduler_address)) as executor:
            yield executor
    finally:
        cluster.close()


def history(problem: PolicyProblem, executor: Executor, folder: Path, seed: int) -> list[Row]:
    """Every evaluation of a search, without its wall time."""
    folder.mkdir()
    path = folder / "search.sqlite"
    with closing(Store.open(path, problem.facts(), resume=False)) as store:
        Search(problem, "mocma", executor, store, seed=seed, evaluations=EVALUATIONS).run()
        return rows_of(store)


def rows_of(store: Store) -> list[Row]:
    """Task, status, measures, violation and error of every evaluation."""
    found = [store.get(number) for number in range(EVALUATIONS)]
    return [
        (task, out.status, tuple(sorted(out.measures.items())), out.violation, out.error)
        for task, out in (row for row in found if row is not None)
    ]


def workers_identical(folder: Path, seeds: int) -> tuple[int, int]:
    """Histories that equal the one of this process, and how many were compared."""
    problem = tiny_problem()
    places: dict[str, Callable[[], object]] = {
        "workers-1": lambda: closing(make_executor(problem, workers=1)),
        "workers-2": lambda: closing(make_executor(problem, workers=2)),
        "dask": lambda: dask_executor(problem),
    }
    with closing(make_executor(problem)) as here:
        alone = [history(problem, here, folder / f"here-{seed}", seed) for seed in range(seeds)]
    same = 0
    for name, place in places.items():
        with place() as executor:  # type: ignore[attr-defined]
            for seed in range(seeds):
                rows = history(problem, executor, folder / f"{name}-{seed}", seed)
                same += len(rows) == EVALUATIONS and rows == alone[seed]
    return same, seeds * len(places)


def search_words(folder: Path, out: Path, seed: int, workers: int) -> list[str]:
    """The command line of a search as a user gives it."""
    return [
        sys.executable, "-m", "depth_snn.cli", "search", "--network", "tiny", "--genome", "policy",
        "--policy", str(folder / "policy.toml"), "--scenes", ",".join(SCENES), "--frames",
        str(FRAMES), "--heldout-seeds", "2", "--front", "3", "--evaluations", str(EVALUATIONS),
        "--seed", str(seed), "--workers", str(workers), "--out", str(out),
    ]  # fmt: skip


def kill_until_done(words: list[str], rng: np.random.Generator, most: float) -> int:
    """Run, kill after a random time, resume, until one run ends by itself; the number of kills.

    Kills fall anywhere: into the start, an evaluation, a write, the held-out clips.
    """
    kills = 0
    resume: list[str] = []
    out = Path(words[words.index("--out") + 1])
    while True:
        with subprocess.Popen([*words, *resume], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as child:  # fmt: skip
            try:
                _, said = child.communicate(timeout=float(rng.uniform(0.3, 1.0)) * most)
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
                kills += 1
                # Later runs get further, so that even a slow machine comes to an end.
                most *= 1.1
                resume = ["--resume"] if (out / "search.sqlite").exists() else []
                continue
        if child.returncode != 0:
            raise DepthError(f"a resumed search failed: {said.strip()[-300:]}")
        return kills


def resume_identical(folder: Path, seeds: int) -> tuple[int, int, int]:
    """Killed searches that end as the unstopped one, how many were tried, and kills in all."""
    write_policy(folder / "policy.toml", tiny_policy())
    same = kills = 0
    for seed in range(seeds):
        workers = 2 * (seed % 2)
        whole, stopped = folder / f"whole-{seed}", folder / f"stopped-{seed}"
        start = time.perf_counter()
        subprocess.run(search_words(folder, whole, seed, workers), check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        took = time.perf_counter() - start
        rng = np.random.default_rng([seed, 9])
        kills += kill_until_done(search_words(folder, stopped, seed, workers), rng, took)
        files = ("front.csv", "policies/weighted.toml", "policies/knee.toml")
        same += all((whole / f).read_bytes() == (stopped / f).read_bytes() for f in files)
    return same, seeds, kills


def speed(folder: Path, turns: int) -> tuple[list[float], list[float]]:
    """Time with one worker ÷ time with two, turn by turn, and seconds of one evaluation.

    Workers have started and know their clips before a clock runs.
    """
    config = find_network("small").config
    problem = PolicyProblem("small", preset("policy", config, load_policy(None, "small")))
    ratios, each = [], []
    with (
        closing(make_executor(problem, workers=1)) as one,
        closing(make_executor(problem, workers=2)) as two,
    ):
        progress = Progress("timed searches", 2 * (turns + 1))
        for turn in range(turns + 1):
            seconds = []
            for number, executor in enumerate((one, two)):
                path = folder / f"speed-{turn}-{number}.sqlite"
                with closing(Store.open(path, problem.facts(), resume=False)) as store:
                    start = time.perf_counter()
                    Search(problem, "mocma", executor, store, seed=0, evaluations=TIMED).run()
                    seconds.append(time.perf_counter() - start)
                progress.update(2 * turn + number + 1)
            if turn:  # the first turn renders the clips
                ratios.append(seconds[0] / seconds[1])
                each.append(seconds[0] / TIMED)
        progress.finish()
    return ratios, each


def measure(seeds: int, turns: int) -> dict[str, Figure]:
    """Figures by name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ratios, each = speed(folder, turns)
        same, compared = workers_identical(folder, seeds)
        resumed, tried, kills = resume_identical(folder, seeds)

    def middle(values: list[float], unit: str) -> Figure:
        spread = (max(values) - min(values)) / 2
        return found_now(statistics.median(values), unit=unit, spread=spread, command=COMMAND)

    return {
        "search_workers_identical": found_now(100 * same / compared, unit="%", command=COMMAND),
        "search_workers_compared": found_now(compared, unit="", command=COMMAND),
        "search_resume_identical": found_now(100 * resumed / tried, unit="%", command=COMMAND),
        "search_kills": found_now(kills, unit="", command=COMMAND),
        "search_speedup_2_workers": middle(ratios, ""),
        "search_evaluation_seconds": middle(each, "s"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each kind (default 3)")
    parser.add_argument("--turns", type=int, default=2, help="timed turns (default 2)")
    options = parser.parse_args()
    try:
        figures = measure(options.seeds, options.turns)
    except DepthError as error:
        print(f"measure_search_runs: error: {error}", file=sys.stderr)
        return 1
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
