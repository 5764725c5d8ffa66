"""What `depth-snn search` writes: fronts, policies, a picture, settings and sums."""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from depth_snn.cli.search.judged import Judged, Reported
from depth_snn.cli.search.plot import plot_search
from depth_snn.cli.search.shown import described
from depth_snn.cli.thresholds import write_thresholds
from depth_snn.errors import one_line
from depth_snn.figures import Figure, found_now, write_text
from depth_snn.search.heldout import Interval, Measured, paired
from depth_snn.search.policy_toml import write_policy
from depth_snn.search.problem import PolicyProblem

FORMAT = 1


def write_all(problem: PolicyProblem, judged: Judged, args: argparse.Namespace) -> list[Path]:
    """Every file in the folder of --out, each under a temporary name first.

    Returns:
        What was written.
    """
    made = []
    for number, report in enumerate(judged.reports):
        chosen = judged.chosen if number == 0 else {}
        rows = front_rows(problem, report, judged.base, chosen)
        made += [report.session.folder / "front.csv", report.session.folder / "front.json"]
        write_text(made[-2], _csv(rows))
        document = {"format": FORMAT, "algorithm": report.session.algorithm, "points": rows}
        _write_json(made[-1], document)
    made.append(plot_search(judged, args.out / "front.png"))
    made += write_policies(problem, judged, args.out / "policies")
    made.append(args.out / "search.json")
    _write_json(made[-1], summary(problem, judged, args))
    return made


def front_rows(
    problem: PolicyProblem, report: Reported, base: Measured, chosen: dict[str, int]
) -> list[dict[str, Any]]:
    """One row for each reported point: search estimate and spread, held-out values, genes."""
    names, scales, rows = problem.objectives, problem.scales, []
    for k, (point, found) in enumerate(zip(report.points, report.heldout, strict=True)):
        row: dict[str, Any] = {"candidate": point.candidate, "sets": point.sets}
        row["chosen"] = "+".join(rule for rule, index in chosen.items() if index == k)
        for i, name in enumerate(names):
            row[f"search_{name}"] = scales[i] * point.losses[i]
            row[f"search_{name}_error"] = scales[i] * point.spread[i]
        for name in found.values:
            row |= _interval(f"heldout_{name}", found.interval(name))
        for name in dict.fromkeys(("loss", *names)):
            row |= _interval(f"to_base_{name}", paired(found, base, name))
        row["heldout_violation"], row["heldout_failed"] = found.violation, len(found.errors)
        pairs = zip(problem.genome.genes, point.point, strict=True)
        row |= {f"gene_{gene.name}": gene.decode(u) for gene, u in pairs}
        rows.append(row)
    return rows


def write_policies(problem: PolicyProblem, judged: Judged, folder: Path) -> list[Path]:
    """A policy file for each choice, and its thresholds where the genome has them.

    Files of choices that an earlier search made and this one does not are taken away.
    """
    made, report = [], judged.reports[0]
    for rule in ("weighted", "knee", "budget"):
        plain, quiet = folder / f"{rule}.toml", folder / f"{rule}.thresholds.toml"
        index = judged.chosen.get(rule)
        if index is None:
            plain.unlink(missing_ok=True)
            quiet.unlink(missing_ok=True)
            continue
        candidate = problem.genome.decode(report.points[index].point)
        words = (
            f"Found by depth-snn search ({report.session.algorithm}, genome {problem.genome.name}, "
            f"network {one_line(problem.network)}), chosen by the rule `{rule}`:\n"
            f"{described(problem, report, index)}."
        )
        write_policy(plain, candidate.policy, words)
        made.append(plain)
        if candidate.thresholds:
            write_thresholds(quiet, candidate.thresholds, words)
            made.append(quiet)
        else:
            quiet.unlink(missing_ok=True)
    return made


def summary(problem: PolicyProblem, judged: Judged, args: argparse.Namespace) -> dict[str, Any]:
    """Settings, and of each search its evaluations, failures, hypervolumes, optimism and times."""
    sessions = {}
    for report in judged.reports:
        session = report.session
        sessions[session.algorithm] = {
            "evaluations": session.evaluations, "statuses": session.statuses,
            "front": len(session.front), "hypervolume_search": session.hypervolume,
            "hypervolume_heldout": report.hypervolume, "optimism": report.optimism,
            "optimism_to_base": report.optimism_to_base,
            "seconds": session.seconds, "evaluation_seconds": session.evaluation_seconds,
            "trace": session.trace,
        }  # fmt: skip
    names = ("macs", "loss", "burst_loss", *problem.objectives)
    values = {
        "base policy": [_values(judged.base, names)],
        **{name: [_values(p, names) for p in family] for name, family in judged.grid.items()},
    }
    settings = {
        "seed": args.seed, "evaluations": args.evaluations, "workers": args.workers,
        "dask": args.dask is not None, "heldout_seeds": args.heldout_seeds,
    }  # fmt: skip
    chosen = {rule: judged.reports[0].points[k].candidate for rule, k in judged.chosen.items()}
    return {
        "format": FORMAT, "problem": problem.facts(), "settings": settings, "searches": sessions,
        "chosen": chosen, "heldout": values,
    }  # fmt: skip


def figures_of(judged: Judged, command: str) -> dict[str, Figure]:
    """Figures of this one run, by name; what is not known has none."""
    main, out = judged.reports[0], {}
    found = {f"search_hv_heldout_{r.session.algorithm}": (r.hypervolume, "")
             for r in judged.reports}  # fmt: skip
    found["search_run_optimism"] = (main.optimism, "mIoU")
    found["search_run_evaluations"] = (main.session.evaluations, "")
    found["search_run_seconds"] = (main.session.seconds, "s")
    for name, (value, unit) in found.items():
        if math.isfinite(value):
            out[name] = found_now(value, unit=unit, command=command)
    return out


def _values(found: Measured, names: tuple[str, ...]) -> dict[str, float]:
    out: dict[str, float] = {}
    for name in dict.fromkeys(names):
        if name in found.values:
            out |= _interval(name, found.interval(name))
    return out


def _interval(name: str, found: Interval) -> dict[str, float]:
    return {name: found.mean, f"{name}_error": found.error, f"{name}_half95": found.half}


def _csv(rows: list[dict[str, Any]]) -> str:
    """Rows with the columns of all of them; what a row lacks stays empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write_json(path: Path, document: object) -> None:
    text = json.dumps(_finite(document), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def _finite(value: Any) -> Any:
    """The same with null for what is not a finite number: JSON has no word for it."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
