"""How much each token's shown result is off: by its pixels, or as a trained network reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig
from depth_snn.errors import InputError
from depth_snn.pruning.carry import (
    token_change,
    token_means,
    token_notes,
    window_difference,
)
from depth_snn.pruning.view import View
from depth_snn.windows import STALE_MARGIN

F32 = npt.NDArray[np.float32]
NOTES = 5
"""Numbers a token that :func:`~depth_snn.pruning.carry.token_notes` gives."""


class Judge(Protocol):
    """Anything that says how far each token's shown result may be from the truth.

    Attributes:
        macs: MACs of one frame's judgement.
    """

    macs: int

    def change(self, rgb: npt.NDArray[np.uint8], features: F32, flow: F32, view: View) -> F32:
        """Change of each token since it was computed, beyond what motion explains (N,).

        Args:
            rgb: The frame (H, W, 3).
            features: Its stem features inside the margin (h·2, w·2, C).
            flow: (H, W, 2) in pixels, back to the last frame.
            view: What is shown, carried to this frame.
        """


class ErrorJudge:
    """Mean |difference| of a token's window from the pixels it was computed on, grey levels.

    Against the pixels last computed on, not the last frame's: slow drift adds up and triggers in
    the end.
    """

    def __init__(self, config: NetworkConfig) -> None:
        self.config, self.macs = config, pixel_error_macs(config)

    def change(self, rgb: npt.NDArray[np.uint8], features: F32, flow: F32, view: View) -> F32:
        """See :class:`Judge`."""
        return pixel_error(rgb, view)


def pixel_error(rgb: npt.NDArray[np.uint8], view: View) -> F32:
    """Mean |difference| of each token's window from the pixels it was computed on (N,)."""
    out = np.empty(view.config.tokens, np.float32)
    window_difference(rgb, view.picture, view.config.patch, STALE_MARGIN, out)
    return out


def pixel_error_macs(config: NetworkConfig) -> int:
    """MACs of :func:`pixel_error` on one frame."""
    return config.tokens * (config.patch + 2 * STALE_MARGIN) ** 2 * 3


@dataclass(frozen=True, eq=False)
class JudgeWeights:
    """Three layers on standardised inputs x: softplus(c·relu(b·relu(a·x + a₀) + b₀) + c₀).

    Attributes:
        mean, scale: Of the inputs (F,); x = (input − mean)·scale.
        a, a0: First layer (H, F), (H,).
        b, b0: Second layer (H, H), (H,).
        c, c0: Third layer (H,), ().
    """

    mean: F32
    scale: F32
    a: F32
    a0: F32
    b: F32
    b0: F32
    c: F32
    c0: F32


class TrainedJudge:
    """What a small network expects the dense result to differ by, from what is there anyway.

    Its inputs are the signed change of the stem's features since the token was computed, the size
    of that change, the features now, the scores shown, and five numbers on pixels, motion and age.

    Args:
        config: Shape of the segmentation network.
        weights: Of the judge.

    Raises:
        InputError: if the weights are of a network of another shape.
    """

    def __init__(self, config: NetworkConfig, weights: JudgeWeights) -> None:
        inputs = judge_inputs(config)
        if weights.a.shape[1] != inputs:
            raise InputError(f"judge of {weights.a.shape[1]} inputs; this network gives {inputs}")
        self.config, hidden = config, len(weights.a0)
        # Standardising is folded into the first layer.
        self.a = np.ascontiguousarray((weights.a * weights.scale).T)
        self.a0 = weights.a0 - weights.mean @ self.a
        self.b, self.b0 = np.ascontiguousarray(weights.b.T), weights.b0
        self.c, self.c0 = weights.c, weights.c0
        n, channels = config.tokens, config.stem[-1]
        self.inputs = np.empty((n, inputs), np.float32)
        self._signed, self._size = (np.empty((n, channels), np.float32) for _ in range(2))
        self._scores = np.empty((n, config.classes), np.float32)
        self._notes = np.empty((n, NOTES), np.float32)
        gathered = config.height * config.width * (3 + 4) + n * 4 * 3 * channels
        gathered += n * config.cells**2 * config.classes
        self.macs = gathered + n * hidden * (inputs + hidden + 1)

    def gather(self, rgb: npt.NDArray[np.uint8], features: F32, flow: F32, view: View) -> F32:
        """The inputs of every token (N, F); overwritten by the next call."""
        c, x, k = self.config.stem[-1], self.inputs, self.config.classes
        token_change(features, view.features, self._signed, self._size)
        x[:, :c], x[:, c : 2 * c] = self._signed, self._size
        token_means(features, self._signed)
        x[:, 2 * c : 3 * c] = self._signed
        token_means(view.scores, self._scores)
        x[:, 3 * c : 3 * c + k] = self._scores
        token_notes(rgb, view.picture, flow, view.age, self._notes)
        x[:, 3 * c + k :] = self._notes
        return x

    def change(self, rgb: npt.NDArray[np.uint8], features: F32, flow: F32, view: View) -> F32:
        """See :class:`Judge`."""
        x = self.gather(rgb, features, flow, view)
        for weight, bias in ((self.a, self.a0), (self.b, self.b0)):
            x = x @ weight
            x += bias
            np.maximum(x, 0, out=x)
        out: F32 = np.logaddexp(0, x @ self.c + self.c0).astype(np.float32)
        return out


def judge_inputs(config: NetworkConfig) -> int:
    """Numbers a token that a trained judge looks at."""
    return 3 * config.stem[-1] + config.classes + NOTES
