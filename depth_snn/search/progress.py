"""What a search says of itself while it runs."""

from __future__ import annotations


def progress_text(
    done: int,
    total: int,
    front: int,
    hypervolume: float,
    seconds_so_far: float,
    resumed: int = 0,
) -> str:
    """Front, hypervolume and time left, for a line that already says how many are done.

    Args:
        done: Evaluations that counted so far, replayed ones among them.
        total: How many there will be.
        front: Candidates on the front.
        hypervolume: Of the front, in units of the objectives' scales.
        seconds_so_far: Wall time of this process's search, in seconds.
        resumed: Evaluations the store had at the start. They take no time to replay, so they say
            nothing of the time that the others will take.

    Returns:
        One line; without time left while nothing was evaluated by this process.
    """
    text = f"front of {front}, hypervolume {hypervolume:.4f}"
    fresh = done - resumed
    if fresh <= 0 or done >= total:
        return text
    return f"{text}, {_duration(seconds_so_far * (total - done) / fresh)} left"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
