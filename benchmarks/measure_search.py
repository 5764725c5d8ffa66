"""Every algorithm on the same problem with the same evaluations, judged on clips none of them saw.

Ten seeds of MO-CMA-ES, COMO-CMA, NSGA-II, CMA-ES on the weighted sum, and random search look for
the pruning of `small`: executed work against mIoU lost. The front that each ends with is played on
held-out streets, and its hypervolume there is what counts. About an hour on two cores; one that
was stopped goes on where it was (`--work DIR`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from depth_snn.cli.chain.setup import load_policy
from depth_snn.cli.progress import Progress
from depth_snn.errors import ConfigError, DepthError
from depth_snn.figures import Figure, found_now, publish
from depth_snn.models.weights import find_network
from depth_snn.search.choosing import thin
from depth_snn.search.executors import make_executor
from depth_snn.search.genome import preset
from depth_snn.search.heldout import Interval, evaluate_heldout, interval95, optimism
from depth_snn.search.hypervolume import hypervolume
from depth_snn.search.loop import Result, Search
from depth_snn.search.problem import PolicyProblem, heldout_problem
from depth_snn.search.store import Store

COMMAND = "python benchmarks/measure_search.py"
ALGORITHMS = ("random", "nsga2", "comocma", "cmaes", "mocma")
OURS = "mocma"
OTHERS = tuple(name for name in ALGORITHMS if name != OURS)
SCENES = ("standing-night", "driving-day", "driving-rain")
FRAMES = 12
HELD_OUT = tuple(range(450, 454))
SCALES = (2.0, 1.0)
"""Two points of mIoU, which is what the proposal allows pruning to lose, and the dense network."""
WIDE = (5.0, 1.0)
"""What `depth-snn search` takes hypervolumes in."""
NAMES = (
    *(f"hv_heldout_{name}" for name in ALGORITHMS),
    *(f"hv_wide_{name}" for name in ALGORITHMS),
    *(f"hv_wide_gain_over_{name}" for name in OTHERS),
    "hv_wide_grid",
    *(f"hv_gain_over_{name}" for name in OTHERS),
    "hv_heldout_grid",
    "search_optimism",
    "search_optimism_worst",
    "search_evaluations",
)


@dataclass(frozen=True)
class Found:
    """One search, and its front on held-out clips.

    Attributes:
        volume: Hypervolume of the front's held-out means, in units of ``SCALES``.
        wide: The same in units of ``WIDE``.
        optimism: Mean over the front of what held-out clips lose more than the search said, mIoU
            from 0 to 1.
        points: Of the front.
        failures: Evaluations that failed.
    """

    volume: float
    wide: float
    optimism: float
    points: int
    failures: int


class Bench:
    """The problem twice, on clips to search on and on clips to judge by, with what is known."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        config = find_network(options.network).config
        genome = preset(options.genome, config, load_policy(None, options.network))
        self.problem = PolicyProblem(
            options.network, genome, scales=SCALES, scenes=SCENES, frames=FRAMES
        )
        self.heldout = heldout_problem(self.problem, HELD_OUT)
        options.work.mkdir(parents=True, exist_ok=True)
        self.search_executor = make_executor(self.problem, workers=options.workers)
        self.heldout_executor = make_executor(self.heldout, workers=options.workers)

    def close(self) -> None:
        """Stop the workers."""
        self.search_executor.close()
        self.heldout_executor.close()

    def run(self, algorithm: str, seed: int) -> Found:
        """Search, then judge."""
        result = self._search(algorithm, seed)
        estimates = np.array([found.losses for found in result.front])  # in units of scales
        kept = thin(estimates, self.options.front, (), hypervolume)
        volume, wide, losses = self.judge([result.front[k].point for k in kept])
        at = self.problem.objectives.index("loss")
        promised = [float(estimates[k, at]) * self.problem.scales[at] for k in kept]
        gap = optimism(promised, losses)
        return Found(volume, wide, gap, len(kept), result.trace[-1].failures)

    def judge(self, points: Sequence[tuple[float, ...]]) -> tuple[float, float, list[float]]:
        """Held-out hypervolumes of points, and the mIoU that each loses there, points."""
        path = self.options.work / "heldout.sqlite"
        facts = self.heldout.facts()
        with closing(Store.open(path, facts, resume=path.exists())) as store:
            sets = self.heldout.sets
            found = evaluate_heldout(points, sets, self.heldout_executor, store)
        means = np.array([one.means(self.problem.objectives) for one in found])
        volume, wide = (hypervolume(means / np.array(scales)) for scales in (SCALES, WIDE))
        return volume, wide, [float(one.interval("loss").mean) for one in found]

    def _search(self, algorithm: str, seed: int) -> Result:
        path = self.options.work / f"{algorithm}-{seed}.sqlite"
        facts = self.problem.facts() | {"algorithm": algorithm, "seed": seed}
        with closing(Store.open(path, facts, resume=path.exists())) as store:
            return Search(
                self.problem, algorithm, self.search_executor, store,
                seed=seed, evaluations=self.options.evaluations,
            ).run()  # fmt: skip


def run_all(bench: Bench, seeds: int) -> dict[str, list[Found]]:
    """By algorithm, one entry a seed."""
    found: dict[str, list[Found]] = {name: [] for name in ALGORITHMS}
    progress = Progress("searches", seeds * len(ALGORITHMS))
    done = 0
    for name in ALGORITHMS:
        for seed in range(seeds):
            found[name].append(bench.run(name, seed))
            done += 1
            progress.update(done, f"{name} {seed}: {found[name][-1].volume:.4f}")
    progress.finish()
    return found


def volumes_of(found: Mapping[str, Sequence[Found]], what: str, short: str) -> dict[str, Interval]:
    """Hypervolumes, and what ours is above the others, seed by seed."""
    out: dict[str, Interval] = {}
    volumes = {name: [float(getattr(one, what)) for one in rows] for name, rows in found.items()}
    for name, values in volumes.items():
        out[f"hv_{short or 'heldout'}_{name}"] = interval95(values)
        if name != OURS:
            pairs = zip(volumes[OURS], values, strict=True)
            gain = f"hv_{short}_gain_over_{name}" if short else f"hv_gain_over_{name}"
            out[gain] = interval95([a - b for a, b in pairs])
    return out


def figures_of(
    found: Mapping[str, Sequence[Found]], grid: tuple[float, float], total: int
) -> dict[str, Figure]:
    """Figures by name."""
    both = volumes_of(found, "volume", "") | volumes_of(found, "wide", "wide")
    out = {name: (value, "") for name, value in both.items()}
    gaps = [one.optimism for one in found[OURS]]
    out["search_optimism"] = interval95(gaps), ""
    figures = {
        name: found_now(value.mean, spread=_spread(value), unit=unit, command=COMMAND)
        for name, (value, unit) in out.items()
    }
    for name, value in zip(("hv_heldout_grid", "hv_wide_grid"), grid, strict=True):
        figures[name] = found_now(value, unit="", command=COMMAND)
    figures["search_optimism_worst"] = found_now(max(gaps), unit="", command=COMMAND)
    figures["search_evaluations"] = found_now(total, unit="", command=COMMAND)
    return figures


def _spread(value: Interval) -> float | None:
    """Half of the interval; what rounding leaves of equal values is none."""
    return None if value.half != value.half else round(value.half, 12)


def print_table(found: Mapping[str, Sequence[Found]], grid: tuple[float, float]) -> None:
    """Algorithms, best first."""
    print(f"{'':10s} {'held-out hypervolume':>24s} {'of five points':>20s} {'optimism':>20s} "
          f"{'points':>7s} {'failed':>7s}")  # fmt: skip
    rows = sorted(found.items(), key=lambda row: -np.mean([one.volume for one in row[1]]))
    for name, seeds in rows:
        volume = interval95([one.volume for one in seeds]).text(4)
        wide = interval95([one.wide for one in seeds]).text(4)
        gap = interval95([one.optimism for one in seeds]).text(4)
        points = np.mean([one.points for one in seeds])
        failed = sum(one.failures for one in seeds)
        print(f"{name:10s} {volume:>24s} {wide:>20s} {gap:>20s} {points:7.1f} {failed:7d}")
    print(f"{'hand-set':10s} {grid[0]:24.4f} {grid[1]:20.4f}")


def measure(options: argparse.Namespace) -> dict[str, Figure]:
    """Figures by name."""
    if options.seeds < 1 or options.evaluations < 30:
        raise ConfigError(
            f"--seeds {options.seeds} --evaluations {options.evaluations}: expected 1 seed or more "
            "of 30 evaluations or more"
        )
    with closing(Bench(options)) as bench:
        *grid, _ = bench.judge(bench.problem.starts())
        found = run_all(bench, options.seeds)
    print_table(found, (grid[0], grid[1]))
    return figures_of(found, (grid[0], grid[1]), options.evaluations)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--network", default="small", help="network (default small)")
    parser.add_argument("--genome", default="policy", help="what is searched (default policy)")
    parser.add_argument("--seeds", type=int, default=10, help="searches a method (default 10)")
    parser.add_argument("--evaluations", type=int, default=72,
                        help="of each search (default 72)")  # fmt: skip
    parser.add_argument("--front", type=int, default=30,
                        help="points of a front that are judged at most (default 30)")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--work", type=Path, default=Path("out/measure_search"),
                        help="folder of what is known so far (default out/measure_search)"
                        )  # fmt: skip
    options = parser.parse_args()
    try:
        figures = measure(options)
    except DepthError as error:
        print(f"measure_search: error: {error}", file=sys.stderr)
        return 1
    publish(figures, options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
