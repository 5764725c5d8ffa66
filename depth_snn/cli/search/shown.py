"""What `depth-snn search` prints: fronts beside held-out values, choices, sums."""

from __future__ import annotations

import math

from depth_snn.cli.depth.table import print_table
from depth_snn.cli.search.judged import Judged, Reported
from depth_snn.cli.search.session import Session
from depth_snn.search.grid import STEPS
from depth_snn.search.heldout import Interval, Measured, paired
from depth_snn.search.problem import PolicyProblem
from depth_snn.search.scalar import ACCURACY

WORDS = {
    "loss": "mIoU lost", "burst_loss": "burst mIoU lost", "loss_int": "integer mIoU lost",
    "macs": "MACs %", "energy_uj": "energy µJ", "latency_ms": "latency ms",
}  # fmt: skip
"""Headings of measures; the others are called by their names."""


def print_all(problem: PolicyProblem, judged: Judged) -> None:
    """Tables of every front and of the hand-set policies, the choices, and one line each."""
    for report in judged.reports:
        chosen = judged.chosen if report is judged.reports[0] else {}
        _print_front(problem, report, judged.base, chosen)
    rows = [
        [f"{name}, × {step:g}", *_cells(found, ("macs", "loss"))]
        for name, family in judged.grid.items()
        for step, found in zip(STEPS, family, strict=True)
    ]
    print_table(["set by hand, held-out", "MACs %", "mIoU lost"], rows)
    print(
        "\n± is one standard error of what the search saw between a point and the base policy,"
        "\nand 95 % of held-out values"
    )
    for rule, index in judged.chosen.items():
        print(f"{rule}: {described(problem, judged.reports[0], index)}")
    for report in judged.reports:
        print(summary_line(report))


def nothing_found(session: Session) -> str:
    """What to say of a search without a front, in one line."""
    ends = ", ".join(f"{n} {word}" for word, n in sorted(session.statuses.items()))
    return (
        f"{session.algorithm}: nothing within the constraints in {session.evaluations} evaluations "
        f"({ends}); allow more of either"
    )


def described(problem: PolicyProblem, report: Reported, index: int) -> str:
    """One chosen point in one line: which it is, and its held-out values."""
    found, candidate = report.heldout[index], report.points[index].candidate
    names = dict.fromkeys(("loss", "macs", *problem.objectives))
    values = ", ".join(
        f"{WORDS.get(n, n)} {_text(found.interval(n), n)}" for n in names if n in found.values
    )
    failed = f"; failed on {len(found.errors)} sets" if found.errors else ""
    broken = f"; violates its constraints by {found.violation:.3g}" if found.violation > 0 else ""
    return f"point {candidate}, held-out: {values}{failed}{broken}"


def summary_line(report: Reported) -> str:
    """Optimism if loss is searched, hypervolumes, evaluations and wall time of one search."""
    session = report.session
    bad = {word: n for word, n in session.statuses.items() if word != "ok" and n}
    words = "".join(f", {n} {word}" for word, n in sorted(bad.items()))
    gap = "" if math.isnan(report.optimism) else f"optimism {report.optimism:.4f} mIoU, "
    return (
        f"{session.algorithm}: {gap}hypervolume "
        f"{report.hypervolume:.4f} held-out ({session.hypervolume:.4f} by the whole front's own "
        f"estimates), {session.evaluations} evaluations{words}, {session.seconds:.0f} s"
    )


def _print_front(
    problem: PolicyProblem, report: Reported, base: Measured, chosen: dict[str, int]
) -> None:
    names = problem.objectives
    accuracy = next((n for n in names if n in ACCURACY), "loss")
    words = [WORDS.get(name, name) for name in names]
    heading = [f"{report.session.algorithm}, front", *(f"{w}, search" for w in words), "sets"]
    heading += [*(f"{w}, held-out" for w in words), f"{WORDS[accuracy]}, to base", "chosen by"]
    rows = []
    for k, (point, found) in enumerate(zip(report.points, report.heldout, strict=True)):
        searched = [
            _plus_minus(problem.scales[i] * point.losses[i], problem.scales[i] * point.spread[i], n)
            for i, n in enumerate(names)
        ]
        rules = ", ".join(rule for rule, index in chosen.items() if index == k)
        against = paired(found, base, accuracy)
        rows.append([f"{point.candidate}", *searched, f"{point.sets}", *_cells(found, names),
                     _text(against, accuracy, signed=True), rules])  # fmt: skip
    nothing = [""] * (len(names) + 1)
    rows.append(["base policy", *nothing, *_cells(base, names), "", ""])
    print_table(heading, rows)


def _cells(found: Measured, names: tuple[str, ...]) -> list[str]:
    return [_text(found.interval(name), name) for name in names]


def _plus_minus(value: float, error: float, name: str) -> str:
    return _text(Interval(value, error, error), name)


def _text(found: Interval, name: str, signed: bool = False) -> str:
    """Points with two digits, MACs in percent, everything else with three significant ones."""
    if name == "macs":
        return found.text(1, 100.0)
    if name in ACCURACY:
        text = found.text(2)
        return f"+{text}" if signed and found.mean > 0 else text
    size = abs(found.mean)
    return found.text(0 if size >= 100 else 1 if size >= 10 else 2)
