"""How many frames a stream needs to get back to its reference after something sudden."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from depth_snn.data.bursts import LagScores
from depth_snn.errors import InputError

RECOVERED_SHARE = 0.9
"""Share of the largest loss that must be made good."""
NOTICEABLE_LOSS = 0.005
"""Half a point of mIoU: below it there is nothing to recover from, only the grain of the curve."""
_ROUNDING = 1e-12
# Scores are ratios in double precision: a loss of exactly what is allowed must not miss by a bit.


class RecoveryKind(Enum):
    """How a burst ended within its window."""

    RECOVERED = "recovered"
    """Within the window the stream came back, and stayed."""
    CENSORED = "censored"
    """It did not, within the window: the true number of frames is unknown, and larger."""
    UNHURT = "unhurt"
    """The stream never lost a noticeable amount, so there is nothing to recover from."""


@dataclass(frozen=True)
class Recovery:
    """The way back to the reference.

    Attributes:
        kind: How the window ended.
        frames: Frames from the burst's first frame to the lag from which the stream is back; None
            unless recovered, so that no number can be taken for one.
        loss: Largest loss against the reference over the window, 0 to 1; negative where the stream
            is always the better one.
        worst_lag: Lag of that loss, the first one if several, in frames.
        allowed_loss: Loss up to which the stream counts as back, (1 − share) · loss.
        last_lag: Last lag looked at, in frames.
    """

    kind: RecoveryKind
    frames: int | None
    loss: float
    worst_lag: int
    allowed_loss: float
    last_lag: int

    def __str__(self) -> str:
        if self.kind is RecoveryKind.RECOVERED:
            return f"recovered after {self.frames} frames"
        if self.kind is RecoveryKind.CENSORED:
            return f"not recovered within {self.last_lag} frames"
        return "nothing to recover from"


def recovery(
    scores: LagScores,
    share: float = RECOVERED_SHARE,
    noticeable_loss: float = NOTICEABLE_LOSS,
) -> Recovery:
    """Frames until a share of the largest loss is made good.

    With d_k = reference_k − stream_k at lag k: the gap is G = max_k d_k, at lag w; the stream is
    back at the first lag r from which on, to the end of the window, d_k ≤ (1 − share) · G. Each
    lag is compared with the reference *at that lag*, since the reference changes with the scene.
    A stream that comes back and falls again is not back, and r > w always.

    Args:
        scores: Scores by lag of the stream and its reference.
        share: Share of the gap to make good, 0 to 1 exclusive.
        noticeable_loss: Gap up to which the stream counts as unhurt.

    Raises:
        InputError: If a score is not defined at some lag, or an argument is out of range.
    """
    if not 0.0 < share < 1.0 or not noticeable_loss >= 0.0:
        raise InputError(
            f"recovered share {share}, noticeable loss {noticeable_loss}: expected the first "
            "between 0 and 1, the second 0 or more"
        )
    loss = scores.loss
    if not np.isfinite(loss).all():
        lag = int(np.nonzero(~np.isfinite(loss))[0][0])
        raise InputError(
            f"no score at lag {lag}: truth holds none of the classes there; use more bursts, fewer "
            "lags or other classes"
        )
    worst = int(np.argmax(loss))
    gap, last = float(loss[worst]), len(loss) - 1
    allowed = (1.0 - share) * gap
    if gap <= noticeable_loss:
        return Recovery(RecoveryKind.UNHURT, None, gap, worst, allowed, last)
    short = np.nonzero(loss > allowed + _ROUNDING)[0]
    back = int(short[-1]) + 1
    if back > last:
        return Recovery(RecoveryKind.CENSORED, None, gap, worst, allowed, last)
    return Recovery(RecoveryKind.RECOVERED, back, gap, worst, allowed, last)
