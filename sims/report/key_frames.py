"""Which frames a report shows: chosen by what the run did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sims.record import TOKEN_COMPUTED, TOKEN_RESTORED, RunRecord

BURST_FRAMES = 12
"""Frames after the start of an event in which its most restored frame is looked for."""
BEFORE = 3
"""Frames before the start of an event that count as before it: limbs may show a little earlier."""


@dataclass(frozen=True)
class KeyFrame:
    """A frame worth a picture.

    Args:
        frame: Its number.
        reason: Why it was chosen, for people.
    """

    frame: int
    reason: str


def choose_key_frames(record: RunRecord, most: int = 6) -> tuple[KeyFrame, ...]:
    """Choose frames: first, quietest, bursts, most restored, most computed, then evenly spaced.

    Args:
        record: The run.
        most: Number of frames wanted.

    Returns:
        At most `most` frames in order of time, each once.
    """
    chosen: dict[int, str] = {}
    for frame, reason in _candidates(record):
        if len(chosen) >= min(most, record.frames):
            break
        if 0 <= frame < record.frames:
            chosen.setdefault(frame, reason)
    return tuple(KeyFrame(frame, chosen[frame]) for frame in sorted(chosen))


def _candidates(record: RunRecord) -> list[tuple[int, str]]:
    frames = record.frames
    computed = (record.token_state == TOKEN_COMPUTED).sum(axis=1)
    restored = (record.token_state == TOKEN_RESTORED).sum(axis=1)
    steady = np.arange(1, frames) if frames > 1 else np.arange(frames)
    work = computed + restored
    found = [(0, "first frame, dense"), (int(steady[np.argmin(work[steady])]), "quietest")]
    most_restored = [int(t) for t in np.argsort(-restored, kind="stable") if restored[t]]
    found += [(t, "most restored") for t in most_restored[:1]]
    for event in record.events:
        first = event.get("first_frame")
        if isinstance(first, int):
            kind = str(event.get("kind", "event"))
            window = np.arange(max(first, 0), min(first + BURST_FRAMES, frames))
            if window.size and restored[window].any():
                busiest = int(window[np.argmax(restored[window])])
                found.append((busiest, _into(busiest - first, kind)))
            found += [(first, f"{kind} begins"), (first - BEFORE, f"before {kind}")]
    found.append((int(steady[np.argmax(computed[steady])]), "most computed"))
    found += [(int(t), "evenly spaced") for t in np.linspace(0, frames - 1, 9).round()]
    return found + [(t, "evenly spaced") for t in range(frames)]


def _into(frames: int, kind: str) -> str:
    """For example "1 frame into pedestrian"."""
    return f"{frames} {'frame' if frames == 1 else 'frames'} into {kind}"
