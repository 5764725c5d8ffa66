"""Writing the report: pictures beside one HTML page that carries them inside."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from depth_snn.errors import InputError
from sims.budget import BudgetResult
from sims.cost_table import DIGITAL_TABLES, SPIKING_TABLES, load_table
from sims.counts import COUNT_FIELDS
from sims.energy import estimate_energy
from sims.energy_total import EnergyReport
from sims.record import RunRecord
from sims.report import sections
from sims.report.compute_plot import draw_compute
from sims.report.energy_plot import draw_energy
from sims.report.frames import draw_overlay, draw_tokens
from sims.report.gates import draw_gates
from sims.report.key_frames import choose_key_frames
from sims.report.tables_plot import draw_tables
from sims.verdict import KINDS

TABLES_PNG = "energy_tables.png"
TEMPLATES = Path(__file__).parent.parent / "templates"


def write_report(
    record: RunRecord,
    energy: EnergyReport,
    budget: BudgetResult | None,
    out_dir: Path | str,
    *,
    broken: Sequence[str] = (),
) -> dict[str, Path]:
    """Write overlay, tokens, gates, energy, compute and energy_tables as PNG, and report.html.

    Args:
        record: The run.
        energy: Its modelled energy.
        budget: Its judged budget; None when the run had none.
        out_dir: Folder, created if missing.
        broken: Names of the witnesses that disagree; the page then says first that the run is
            not valid.

    Returns:
        Path by name: overlay, tokens, gates, energy, compute, energy_tables, html.

    Raises:
        InputError: The folder cannot be written.
    """
    folder = Path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: cannot be created ({error.strerror})") from error
    frames = choose_key_frames(record)
    paths = {
        "overlay": draw_overlay(record, frames, folder / "overlay.png"),
        "tokens": draw_tokens(record, frames, folder / "tokens.png"),
        "gates": draw_gates(record, folder / "gates.png"),
        "energy": draw_energy(record, energy, budget, folder / "energy.png"),
        "compute": draw_compute(record, folder / "compute.png"),
        "energy_tables": draw_tables(record, every_table(record, energy), folder / TABLES_PNG),
    }
    page = render_page(record, energy, budget, paths, broken=broken)
    paths["html"] = write_page(folder / "report.html", page)
    return paths


def render_page(
    record: RunRecord,
    energy: EnergyReport,
    budget: BudgetResult | None,
    pictures: dict[str, Path],
    *,
    broken: Sequence[str] = (),
) -> str:
    """The HTML page as text, with the pictures inside.

    Args:
        record: The run.
        energy: Its modelled energy.
        budget: Its judged budget, or None.
        pictures: PNG files by name.
        broken: Names of the witnesses that disagree.

    Returns:
        One HTML document without outside references.
    """
    return template("report.html.j2").render(
        _context(record, energy, budget, broken),
        images={name: data_uri(path) for name, path in pictures.items()},
    )


def _context(
    record: RunRecord, energy: EnergyReport, budget: BudgetResult | None, broken: Sequence[str]
) -> dict[str, Any]:
    return {
        "record": record,
        "headline": sections.headline(budget, broken),
        "summary": sections.summary(record, energy),
        "limits": sections.limit_rows(budget),
        "budget": budget,
        "energy_rows": sections.energy_rows(record, energy),
        "comparisons": sections.comparison_lines(record, energy),
        "hanging_rows": sections.hanging_rows(record, energy),
        "event_rows": sections.event_rows(record, energy),
        "unknown": energy.tiers["static"].unknown,
        "layer_rows": sections.layer_rows(record),
        "layer_columns": ["layer", "runs on", *(f.replace("_", " ") for f in COUNT_FIELDS), "rate"],
        "mac_rows": sections.mac_rows(record),
        "timing_rows": sections.timing_rows(record),
        "witness_rows": sections.witness_rows(record),
        "quality_rows": sections.quality_rows(record),
        "setting_rows": sections.setting_rows(record),
        "tables": [
            (t.title, sections.price_rows(t)) for t in (energy.table, energy.baseline_table)
        ],
        "kinds": [
            (kind, ", ".join(name.replace("_", " ") for name, k in KINDS.items() if k == kind))
            for kind in ("measured", "modelled", "quoted")
        ],
    }


def every_table(record: RunRecord, energy: EnergyReport) -> list[EnergyReport]:
    """The run under its own tables and under every shipped one that prices spikes."""
    shipped = {name: load_table(name) for name in SPIKING_TABLES}
    spiking = {energy.table.name: energy.table} | shipped
    digital = {energy.baseline_table.name: energy.baseline_table}
    digital |= {name: load_table(name) for name in DIGITAL_TABLES}
    time_us = energy.frame_time_us
    return [
        estimate_energy(record, table, base, time_us)
        for table in spiking.values()
        for base in digital.values()
    ]


def template(name: str) -> Template:
    """A template of the package."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template(name)


def data_uri(path: Path) -> str:
    """A picture as text that a page can carry."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def write_page(path: Path, text: str) -> Path:
    """Write a page through a temporary name.

    Raises:
        InputError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    return path
