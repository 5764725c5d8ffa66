"""Shapes of a network and the settings of a pruning policy; plain data without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from depth_snn.config_gate import GateConfig
from depth_snn.errors import ConfigError
from depth_snn.fields import known_keys, known_types
from depth_snn.toml_io import load_toml

__all__ = ["GateConfig", "NetworkConfig", "PolicyConfig"]

KINDS = ("loihi", "vit")
"""Kinds of network: what converts to Loihi arithmetic, and its float twin."""
STATICS = ("reuse", "downsample")
"""What may become of tokens that are not computed."""


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of a segmentation ViT over a token grid.

    A convolution stem halves the picture until one position is one token; the decoder sees the
    stem's finer levels again and predicts ``cells`` × ``cells`` cells per token.

    Attributes:
        name: What the network is called.
        kind: ``"loihi"`` (ReLU, BatchNorm, linear attention) or ``"vit"`` (its float twin).
        height, width: Input size in pixels.
        stem: Channels of the stem's levels at 1/2, 1/4, …; one more convolution makes the tokens.
        dim: Channels of the residual stream.
        heads: Heads kept in each layer; its length is the number of layers.
        head_dim: Channels of one head.
        mlp: Hidden channels of the MLP.
        classes: Number of classes.
        decoder: Channels of the decoder at each cell.
        region: Tokens along each side of a gate region.
    """

    name: str = "street"
    kind: str = "loihi"
    height: int = 128
    width: int = 256
    stem: tuple[int, ...] = (16, 32)
    dim: int = 128
    heads: tuple[int, ...] = (4, 4, 4, 4)
    head_dim: int = 32
    mlp: int = 256
    classes: int = 8
    decoder: int = 32
    region: int = 2

    def __post_init__(self) -> None:
        for key in ("stem", "heads"):
            object.__setattr__(self, key, tuple(int(n) for n in getattr(self, key)))
        if self.kind not in KINDS:
            raise ConfigError(f"network {self.name}: kind {self.kind!r}, not {' or '.join(KINDS)}")
        if not 1 <= len(self.stem) <= 4 or min(self.stem) < 1:
            raise ConfigError(f"network {self.name}: stem {self.stem} needs 1 to 4 levels")
        for key in ("height", "width", "dim", "head_dim", "mlp", "classes", "decoder", "region"):
            if not 1 <= getattr(self, key) <= 2**20:
                raise ConfigError(
                    f"network {self.name}: {key} {getattr(self, key)} is out of range"
                )
        for side, size in (("height", self.height), ("width", self.width)):
            unit = self.patch * self.region
            if size % unit:
                raise ConfigError(f"network {self.name}: {side} {size} is no multiple of {unit}")
        if not self.heads or min(self.heads) < 1:
            raise ConfigError(f"network {self.name}: every layer needs at least one head")

    @property
    def patch(self) -> int:
        """Token stride in pixels: each level of the stem, and the embedding, halve the picture."""
        return 1 << (len(self.stem) + 1)

    @property
    def margin(self) -> int:
        """Pixels of padding around the picture, so that what a token sees is centred on it."""
        return self.patch - 1

    @property
    def window(self) -> int:
        """Side of the square of pixels that a token's embedding sees."""
        return self.patch + 2 * self.margin

    @property
    def cells(self) -> int:
        """Cells a token predicts along each side: one per position of the stem's first level."""
        return self.patch // 2

    @property
    def grid(self) -> tuple[int, int]:
        """Token grid (h, w)."""
        return self.height // self.patch, self.width // self.patch

    @property
    def tokens(self) -> int:
        """Number of tokens N."""
        return self.grid[0] * self.grid[1]

    @property
    def layers(self) -> int:
        """Number of encoder blocks L."""
        return len(self.heads)

    @property
    def stages(self) -> int:
        """Rows of a gate mask, S = L + 1: the embedding, then each block."""
        return self.layers + 1

    @property
    def outputs(self) -> int:
        """Values a token predicts: cells × cells × classes."""
        return self.cells * self.cells * self.classes

    @property
    def regions(self) -> int:
        """Number of gate regions R."""
        return self.tokens // (self.region * self.region)

    def region_of(self) -> npt.NDArray[np.int64]:
        """Region number of each token, shape (N,), row-major like the tokens."""
        h, w = self.grid
        rows, cols = np.mgrid[0:h, 0:w] // self.region
        out: npt.NDArray[np.int64] = (rows * (w // self.region) + cols).reshape(-1).astype(np.int64)
        return out

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; :meth:`from_dict` reads it back."""
        return asdict(self) | {"heads": list(self.heads), "stem": list(self.stem)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkConfig:
        """Build from :meth:`to_dict`'s form.

        Raises:
            ConfigError: naming an unknown key.
        """
        known_keys(cls, values, "network")
        return cls(**values)


@dataclass(frozen=True)
class PolicyConfig:
    """What is pruned and when.

    Attributes:
        motion: Motion source: ``"patch"``, ``"dis"``, ``"codec"``, or ``"raft:FILE"``.
        tau_px: A token moves when its residual motion is at least this many pixels per frame and
            it changed by at least ``moved_share`` of ``tau_stale``.
        tau_stale: A token is stale when what it shows is judged to be off by at least this: grey
            levels on average for ``judge = "error"``. With both thresholds 0 all are computed.
        judge: ``"error"``: pixels against those last computed on; or the name or path of trained
            weights that read more than pixels.
        pruned_by: What is compared with the thresholds: ``"judge"``; or ``"pixels"``, the plain
            rule, which leaves the judge to the gates alone.
        tau_ego: Takes the place of ``tau_stale`` while the camera moves; 0 for the same.
        moved_share: A moving token is computed when it changed by this share of ``tau_stale``; at 0
            every moving token is.
        carry: Whether what is shown moves along with the motion.
        static: What becomes of tokens that are not computed. ``"reuse"``: they keep their last
            results. ``"downsample"``: where none of a 2×2 block of tokens is computed, the block
            runs as one coarse token in every frame; the other tokens keep their last results. The
            integer graph only knows ``"reuse"``.
        token_rate: Share of the scheduled tokens cut in each layer, weakest L2 norm first; one
            number for all layers, or one for each.
        head_rate: Share of the heads cut physically in each layer, least important first; likewise.
        gate: The recovery gate; ``recovery`` switches it.
    """

    motion: str = "dis"
    tau_px: float = 0.6
    tau_stale: float = 5.0
    pruned_by: str = "judge"
    tau_ego: float = 0.0
    moved_share: float = 0.5
    judge: str = "error"
    carry: bool = True
    static: str = "reuse"
    token_rate: tuple[float, ...] = (0.1,)
    head_rate: tuple[float, ...] = (0.0,)
    recovery: bool = True
    gate: GateConfig = field(default_factory=GateConfig)

    def __post_init__(self) -> None:
        if self.motion not in ("patch", "dis", "codec") and not self.motion.startswith("raft:"):
            raise ConfigError(
                f"motion {self.motion!r}: expected 'patch', 'dis', 'codec' or 'raft:FILE'"
            )
        if self.pruned_by not in ("judge", "pixels"):
            raise ConfigError(f"pruned_by {self.pruned_by!r}: expected 'judge' or 'pixels'")
        if self.static not in STATICS:
            raise ConfigError(f"static {self.static!r}: expected 'reuse' or 'downsample'")
        for key in ("tau_px", "tau_stale", "tau_ego", "moved_share"):
            if not 0 <= getattr(self, key) < float("inf"):
                raise ConfigError(f"{key} {getattr(self, key)} must be a number of 0 or more")
        for key in ("token_rate", "head_rate"):
            given = getattr(self, key)
            rates = tuple(given) if isinstance(given, list | tuple) else (given,)
            numbers = all(isinstance(r, int | float) and not isinstance(r, bool) for r in rates)
            if not rates or not numbers or not all(0 <= r < 1 for r in rates):
                raise ConfigError(f"{key} {given!r}: expected numbers from 0 up to below 1")
            object.__setattr__(self, key, tuple(float(r) for r in rates))

    def rates(self, key: str, layers: int) -> tuple[float, ...]:
        """``token_rate`` or ``head_rate`` of each layer.

        Raises:
            ConfigError: if the policy gives neither one number nor one for each layer.
        """
        given: tuple[float, ...] = getattr(self, key)
        if len(given) not in (1, layers):
            raise ConfigError(f"{key} has {len(given)} numbers; the network has {layers} layers")
        return given * layers if len(given) == 1 else given

    @property
    def cuts_tokens(self) -> bool:
        """Whether any layer cuts tokens, so that they need scores."""
        return any(self.token_rate)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; :meth:`from_dict` reads it back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "policy") -> PolicyConfig:
        """Build from a mapping such as a parsed TOML file.

        Raises:
            ConfigError: naming an unknown key or a value out of range.
        """
        known_keys(cls, values, source)
        plain = dict(values)
        gate = plain.pop("gate", {})
        known_keys(GateConfig, gate, f"{source} [gate]")
        known_types(cls, plain, source)
        known_types(GateConfig, gate, f"{source} [gate]")
        try:
            return cls(**plain, gate=GateConfig(**gate))
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None

    @classmethod
    def load(cls, path: Path | str) -> PolicyConfig:
        """Read a policy from a TOML file."""
        return cls.from_dict(load_toml(path), str(path))
