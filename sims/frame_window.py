"""Windows of frames in which limits of their own hold: a range, or the frames after an event."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from depth_snn.data.bursts import LAST_LAG, burst_masks
from depth_snn.errors import BudgetError

BURSTS = "bursts"
_RANGE = re.compile(r"(?P<first>\d{1,9})-(?P<last>\d{0,9})", re.ASCII)


def check_window(name: str, where: str) -> None:
    """Refuse what names no window.

    Args:
        name: "bursts", "A-B" (both included) or "A-" (to the end).
        where: File and place for messages.

    Raises:
        BudgetError: The name has another form, or its range is empty.
    """
    found = _RANGE.fullmatch(name)
    if name != BURSTS and not found:
        raise BudgetError(
            f'{where}: {name!r} names no frames; expected "{BURSTS}", a range such as "10-20", '
            'or "10-" up to the end'
        )
    if found and found["last"] and int(found["last"]) < int(found["first"]):
        raise BudgetError(f"{where}: the range {name} ends before it begins")


def window_frames(name: str, frames: int, events: Sequence[Mapping[str, Any]]) -> range | list[int]:
    """Frames of a window.

    Args:
        name: A name that check_window accepts.
        frames: Frames of the run.
        events: Of the record; a burst window holds the first frame of each and LAST_LAG more.

    Returns:
        Frame numbers inside the run, ascending; may be empty.
    """
    found = _RANGE.fullmatch(name)
    if found:
        last = int(found["last"]) if found["last"] else frames - 1
        return range(int(found["first"]), min(frames - 1, last) + 1)
    firsts = [int(event["first_frame"]) for event in events]
    _, calm = burst_masks(firsts, frames, LAST_LAG)
    return [int(frame) for frame in np.flatnonzero(~calm)]
