"""Pictures of key frames: the segmentation over the input, and what was done to each token."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from sims.record import (
    TOKEN_COMPUTED,
    TOKEN_CUT,
    TOKEN_RESTORED,
    TOKEN_REUSED,
    TOKEN_STATE_NAMES,
    RunRecord,
)
from sims.report.key_frames import KeyFrame
from sims.report.style import BLUE, DARK, ORANGE, PURPLE, YELLOW, new_figure, save_figure

STATE_COLOURS = {TOKEN_COMPUTED: BLUE, TOKEN_RESTORED: ORANGE, TOKEN_CUT: PURPLE}
# Besides the colour, restored tokens get a mark, so that the map reads without colour too.
STATE_TINT = {TOKEN_COMPUTED: 0.45, TOKEN_RESTORED: 0.65, TOKEN_CUT: 0.5}
_MASK_SHARE = 0.5


def draw_overlay(record: RunRecord, frames: tuple[KeyFrame, ...], path: Path) -> Path:
    """Input frames with the predicted classes as a tint, and burst events where they begin.

    Args:
        record: The run.
        frames: Frames to show.
        path: PNG to write.

    Returns:
        The path written.
    """

    def panel(axes: Axes, frame: int) -> None:
        mask = record.palette[record.prediction[frame]]
        mixed = (1 - _MASK_SHARE) * record.rgb[frame] + _MASK_SHARE * mask
        axes.imshow(mixed.astype(np.uint8), interpolation="nearest")
        for box in event_boxes(record, frame):
            _outline(axes, box)

    figure = _grid(frames, panel, record)
    present = np.unique(record.prediction[[key.frame for key in frames]])
    handles = [
        Patch(facecolor=record.palette[c] / 255.0, edgecolor=DARK, label=record.class_names[c])
        for c in present
    ]
    if any(event_boxes(record, key.frame) for key in frames):
        handles.append(Patch(facecolor="none", edgecolor=YELLOW, label="event begins"))
    _legend(figure, handles, "predicted class")
    return save_figure(figure, path)


def event_boxes(record: RunRecord, frame: int) -> list[tuple[int, int, int, int]]:
    """Boxes of the burst events that begin in a frame.

    Args:
        record: The run.
        frame: Frame number.

    Returns:
        (x0, y0, x1, y1) in pixels of the network's frame, the far sides excluded.
    """
    found = []
    for event in record.events:
        box = event.get("box")
        if event.get("first_frame") != frame or not isinstance(box, list) or len(box) != 4:
            continue
        if all(isinstance(side, int) for side in box):
            found.append((box[0], box[1], box[2], box[3]))
    return found


def _outline(axes: Axes, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    # Dark below bright, so that the outline stands out from every class.
    for colour, width in ((DARK, 3.0), (YELLOW, 1.4)):
        axes.add_patch(
            # The centre of a pixel is at a whole number, so its edge is half a pixel before.
            Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, edgecolor=colour,
                      linewidth=width)
        )  # fmt: skip


def draw_tokens(record: RunRecord, frames: tuple[KeyFrame, ...], path: Path) -> Path:
    """The same frames with each token tinted by what was done to it.

    Args:
        record: The run.
        frames: Frames to show.
        path: PNG to write.

    Returns:
        The path written.
    """

    def panel(axes: Axes, frame: int) -> None:
        axes.imshow(token_picture(record, frame), interpolation="nearest")
        state = record.token_state[frame]
        rows, columns = np.divmod(np.flatnonzero(state == TOKEN_RESTORED), record.grid[1])
        half = record.patch / 2 - 0.5
        axes.plot(
            columns * record.patch + half,
            rows * record.patch + half,
            linestyle="none",
            marker=".",
            markersize=2.2,
            color=DARK,
        )

    figure = _grid(frames, panel, record, with_shares=True)
    handles = [Patch(facecolor="#BBBBBB", edgecolor=DARK, label=TOKEN_STATE_NAMES[TOKEN_REUSED])]
    handles += [
        Patch(facecolor=colour, edgecolor=DARK, label=_state_label(state))
        for state, colour in STATE_COLOURS.items()
    ]
    _legend(figure, handles, "token")
    return save_figure(figure, path)


def token_picture(record: RunRecord, frame: int) -> NDArray[np.uint8]:
    """The frame in gray with computed, restored and cut tokens tinted.

    Args:
        record: The run.
        frame: Frame number.

    Returns:
        uint8 (H, W, 3).
    """
    gray = record.rgb[frame].mean(axis=2, keepdims=True)
    # Pale, so that a tint is never mistaken for a dark part of the scene.
    picture = np.repeat(110 + gray * 0.5, 3, axis=2)
    state = record.token_state[frame].reshape(record.grid)
    pixels = state.repeat(record.patch, axis=0).repeat(record.patch, axis=1)
    height, width = picture.shape[:2]
    mask = np.full((height, width), TOKEN_REUSED, dtype=np.uint8)
    fitted = pixels[:height, :width]
    mask[: fitted.shape[0], : fitted.shape[1]] = fitted
    for value, colour in STATE_COLOURS.items():
        share = STATE_TINT[value]
        tint = 255.0 * np.array(to_rgb(colour))
        picture[mask == value] = (1 - share) * picture[mask == value] + share * tint
    return picture.astype(np.uint8)


def _state_label(state: int) -> str:
    name = TOKEN_STATE_NAMES[state]
    return f"{name} (dotted)" if state == TOKEN_RESTORED else name


def _grid(
    frames: tuple[KeyFrame, ...],
    panel: Callable[[Axes, int], None],
    record: RunRecord,
    with_shares: bool = False,
) -> Figure:
    columns = min(3, len(frames))
    rows = math.ceil(len(frames) / columns)
    aspect = record.rgb.shape[1] / record.rgb.shape[2]
    width = 3.6
    title_in = 0.5 if with_shares else 0.32
    figure = new_figure(columns * width, rows * (width * aspect + title_in) + 0.5)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for place in axes:
        place.set_axis_off()
    for place, key in zip(axes, frames, strict=False):
        panel(place, key.frame)
        title = f"frame {key.frame}: {key.reason}"
        if with_shares:
            title += f"\n{_shares(record, key.frame)}"
        place.set_title(title, fontsize=8, loc="left", pad=3)
    return figure


def _shares(record: RunRecord, frame: int) -> str:
    counts = np.bincount(record.token_state[frame], minlength=len(TOKEN_STATE_NAMES))
    names = ((TOKEN_COMPUTED, "computed"), (TOKEN_RESTORED, "restored"), (TOKEN_CUT, "cut"))
    total = record.token_state.shape[1]
    return ", ".join(f"{counts[s]} {name}" for s, name in names) + f" of {total}"


def _legend(figure: Figure, handles: list[Patch], title: str) -> None:
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=min(len(handles), 9),
        fontsize=8,
        title=title,
        title_fontsize=8,
        frameon=False,
    )
