"""What a stream shows, and on what evidence; both are carried along with the motion."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from depth_snn.config import NetworkConfig
from depth_snn.pruning.carry import carry, put_blocks, put_tokens
from depth_snn.upsample import FACTOR, upsampled_classes
from depth_snn.windows import cell_order

F32 = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class View:
    """Scores of every cell as shown, and what their tokens saw when they were computed.

    A token that is not computed shows its last result, moved to where its content stands now; the
    pixels and stem features that the result rests on move with it. What then differs from the
    frame is what motion does not explain.

    Attributes:
        scores: Of cells (h·cells, w·cells, classes).
        picture: Pixels last computed on (H, W, 3), uint8.
        features: Of the stem's last level, inside the margin, last computed on (h·2, w·2, C).
        age: Frames since each token was computed (N,).
        started: Whether any frame has been shown.
    """

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config
        h, w = config.grid
        self.scores = np.zeros((h * config.cells, w * config.cells, config.classes), np.float32)
        self.picture = np.zeros((config.height, config.width, 3), np.uint8)
        self.features = np.zeros((h * 2, w * 2, config.stem[-1]), np.float32)
        self.age = np.zeros(config.tokens, np.float32)
        self.started = False
        self._spare = {"scores": self.scores.copy(), "features": self.features.copy()}
        self._cell_at = cell_order(config)
        x, y = np.meshgrid(np.arange(config.width), np.arange(config.height))
        self._place = np.stack([x, y], -1).astype(np.float32)

    def move(self, flow: F32) -> int:
        """Carry everything along the motion (H, W, 2), back to the last frame; returns MACs."""
        where = self._place + flow
        self.picture = cv2.remap(
            self.picture, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        for name in ("scores", "features"):
            source, out = getattr(self, name), self._spare[name]
            step = self.config.height / source.shape[0]
            small = cv2.resize(flow, source.shape[1::-1], interpolation=cv2.INTER_AREA)
            carry(source, small * np.float32(1 / step), out)
            setattr(self, name, out)
            self._spare[name] = source
        return move_macs(self.config)

    def refresh(
        self,
        rgb: npt.NDArray[np.uint8],
        features: F32,
        logits: F32,
        computed: Mask,
        pooled: Mask | None = None,
    ) -> None:
        """Take in what was just computed.

        Args:
            rgb: The frame (H, W, 3).
            features: Its stem features inside the margin (h·2, w·2, C).
            logits: Of all tokens (N, cells²·classes), cells in Z-order.
            computed: Tokens that ran to the end (N,).
            pooled: Tokens that ran as part of a coarse one (N,). Their scores are new, but what
                they rest on stays that of the last time they ran themselves, so that slow drift
                opens them in the end.
        """
        rows = np.flatnonzero(computed)
        shown = rows if pooled is None else np.flatnonzero(computed | pooled)
        put_tokens(self.scores, logits, shown, self._cell_at)
        put_blocks(self.picture, rgb, rows, self.config.patch)
        put_blocks(self.features, features, rows, 2)
        self.age += 1
        self.age[rows] = 0
        self.started = True

    def classes(self) -> npt.NDArray[np.uint8]:
        """Class of every pixel (H, W)."""
        assert self.config.patch == FACTOR * self.config.cells
        return upsampled_classes(self.scores)


def move_macs(config: NetworkConfig) -> int:
    """MACs of carrying a view: four for every value, and the flow's means."""
    h, w = config.grid
    values = config.height * config.width * 3
    values += h * w * (config.cells**2 * config.classes + 4 * config.stem[-1])
    return 4 * values + 2 * 2 * config.height * config.width
