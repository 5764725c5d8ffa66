"""Colours, figure set-up and picture files shared by all pictures of the report."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from depth_snn.errors import InputError
from sims.record import RunRecord

# Okabe and Ito's colours stay apart for colour-blind readers.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, GRAY = "#CC79A7", "#56B4E9", "#F0E442", "#8C8C8C"
DARK = "#222222"
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED, YELLOW, GRAY)
HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo", "--")
EVENT_SHADE = "#F0E442"
DPI = 110


def new_figure(width_in: float, height_in: float) -> Figure:
    """A figure on the file-only canvas, outside pyplot, so nothing has to be closed.

    Args:
        width_in: Width in inches.
        height_in: Height in inches.

    Returns:
        An empty figure.
    """
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG without date or version, through a temporary name.

    Args:
        figure: The figure.
        path: Target file, replaced if it exists.

    Returns:
        The path written.

    Raises:
        InputError: The folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        figure.savefig(temporary, format="png", metadata={"Software": None})
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    return path


def shade_events(axes: Axes, record: RunRecord) -> bool:
    """Shade the frames of burst events; True when there was one.

    Args:
        axes: Axes with frames along x.
        record: The run.
    """
    found = False
    for event in record.events:
        first, last = event.get("first_frame"), event.get("last_frame")
        if isinstance(first, int) and isinstance(last, int):
            axes.axvspan(first - 0.5, last + 0.5, color=EVENT_SHADE, alpha=0.3, linewidth=0)
            found = True
    return found


def tidy(axes: Axes, record: RunRecord) -> None:
    """Frames along x as whole numbers, no box on the top and right.

    Args:
        axes: Axes with frames along x.
        record: The run.
    """
    axes.set_xlim(-0.6, record.frames - 0.4)
    step = max(1, int(np.ceil(record.frames / 12)))
    axes.set_xticks(range(0, record.frames, step))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
