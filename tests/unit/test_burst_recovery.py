"""Frames until a stream is back at its reference: a number only where there is one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from depth_snn.data.burst_recovery import NOTICEABLE_LOSS, RecoveryKind, recovery
from depth_snn.data.bursts import LagScores
from depth_snn.errors import InputError


def _scores(loss: list[float], reference: float = 0.8) -> LagScores:
    base = np.full(len(loss), reference)
    return LagScores(base - np.array(loss), base)


def test_the_first_lag_from_which_nine_tenths_are_made_good() -> None:
    found = recovery(_scores([0.1, 0.2, 0.1, 0.03, 0.015, 0.0]))
    assert found.kind is RecoveryKind.RECOVERED and found.frames == 4
    assert (found.worst_lag, found.last_lag) == (1, 5)
    assert found.loss == pytest.approx(0.2) and found.allowed_loss == pytest.approx(0.02)
    assert str(found) == "recovered after 4 frames"


def test_a_loss_of_exactly_a_tenth_is_enough() -> None:
    assert recovery(_scores([0.3, 0.03, 0.03])).frames == 1
    assert recovery(_scores([0.7, 0.07])).frames == 1


def test_back_for_a_moment_is_not_back() -> None:
    assert recovery(_scores([0.2, 0.0, 0.1, 0.0])).frames == 3
    assert recovery(_scores([0.0, 0.0, 0.2, 0.0])).frames == 3  # counted from the event


def test_censored_is_said_and_is_not_a_number() -> None:
    for loss in ([0.2, 0.1, 0.05], [0.0, 0.1, 0.2], [0.2, 0.0, 0.1], [0.2]):
        found = recovery(_scores(loss))
        assert found.kind is RecoveryKind.CENSORED and found.frames is None
        assert str(found) == f"not recovered within {len(loss) - 1} frames"


def test_a_stream_that_lost_nothing_is_not_quick_it_is_unhurt() -> None:
    for loss in ([0.0, 0.0], [-0.1, -0.02], [NOTICEABLE_LOSS / 2, 0.0]):
        found = recovery(_scores(loss))
        assert found.kind is RecoveryKind.UNHURT and found.frames is None
        assert str(found) == "nothing to recover from"
    assert recovery(_scores([0.004, 0.0]), noticeable_loss=0.0).frames == 1


def test_each_lag_has_its_own_reference() -> None:
    """The scene gets harder for both: that alone is no loss."""
    reference = np.array([0.9, 0.8, 0.5, 0.4])
    found = recovery(LagScores(reference - [0.3, 0.1, 0.0, 0.0], reference))
    assert found.frames == 2


def test_refuses_what_cannot_be_judged() -> None:
    with pytest.raises(InputError, match="no score at lag 1"):
        recovery(_scores([0.1, float("nan")]))
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(InputError, match="recovered share"):
            recovery(_scores([0.1]), share=share)
    with pytest.raises(InputError, match="noticeable loss"):
        recovery(_scores([0.1]), noticeable_loss=float("nan"))


losses = st.lists(st.floats(-1, 1), min_size=1, max_size=11)


@given(losses)
def test_a_number_means_back_from_there_on_and_not_before(loss: list[float]) -> None:
    found = recovery(_scores(loss))
    back = np.array(loss) <= found.allowed_loss + 1e-9
    if found.kind is RecoveryKind.RECOVERED:
        assert found.frames is not None and 0 <= found.worst_lag < found.frames <= found.last_lag
        assert back[found.frames :].all()
        assert np.array(loss)[found.frames - 1] > found.allowed_loss - 1e-9
    else:
        assert found.frames is None
        assert (found.kind is RecoveryKind.UNHURT) == (found.loss <= NOTICEABLE_LOSS)


@given(losses, st.floats(0.5, 0.95))
def test_asking_for_less_never_takes_longer(loss: list[float], share: float) -> None:
    strict, easy = recovery(_scores(loss), share=share), recovery(_scores(loss), share=share / 2)
    if strict.frames is not None:
        assert easy.frames is not None and easy.frames <= strict.frames


@given(losses, st.integers(0, 10))
def test_calm_lags_before_it_only_shift_the_count(loss: list[float], calm: int) -> None:
    plain, shifted = recovery(_scores(loss)), recovery(_scores([-1.0] * calm + loss))
    assert plain.kind is shifted.kind
    if plain.frames is not None:
        assert shifted.frames == plain.frames + calm
