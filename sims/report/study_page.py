"""The page of a deployment study: its tables and pictures in one offline HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from depth_snn.errors import InputError
from sims.deployment import ChipModel
from sims.placed_run import RECOVERED, PlacedRun
from sims.report.cores_plot import draw_cores
from sims.report.mesh_plot import draw_mesh
from sims.report.write import data_uri, template, write_page
from sims.study import HEAD, Study, case_cells, notes


def write_study(study: Study, runs: Sequence[PlacedRun], chip: ChipModel, out_dir: Path) -> Path:
    """Write mesh_MAPPING.png, cores_MAPPING.png and study.html.

    Args:
        study: What was modelled.
        runs: The runs behind it.
        chip: The chip they are placed on.
        out_dir: Folder, created if missing.

    Returns:
        The page.

    Raises:
        InputError: The folder cannot be written.
    """
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out_dir}: cannot be created ({error.strerror})") from error
    pictures = []
    for run in runs:
        case = study.case(run.variant, run.mapping)
        if run.variant != RECOVERED or case is None:
            continue
        mesh = draw_mesh(case, run, out_dir / f"mesh_{run.mapping}.png")
        bars = draw_cores(case, run, chip.timing, out_dir / f"cores_{run.mapping}.png")
        pictures += [
            (data_uri(mesh), f"Cores of the {run.mapping} mapping on their chips, darker where "
             "busier, and the messages on each link, if any. Red: cores that frames wait for, if "
             "any."),
            (data_uri(bars), f"What each resource of the busiest cores of the {run.mapping} "
             "mapping needs of a frame's time, and what the core keeps in memory. Red: cores "
             "that frames wait for, if any."),
        ]  # fmt: skip
    table = chip.timing
    rows = [(row, _value(value), table.notes[row]) for row, value in table.values.items()]
    page = template("study.html.j2").render(
        study=study, head=HEAD, cells=[case_cells(case) for case in study.cases],
        notes=notes(study), pictures=pictures, timing=table.title, timing_rows=rows,
    )  # fmt: skip
    return write_page(out_dir / "study.html", page)


def _value(value: object) -> str:
    return "unknown" if value is None else f"{float(value):g}"  # type: ignore[arg-type]
