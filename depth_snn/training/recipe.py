"""Recipes: one TOML file says which network is trained, on what, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

from depth_snn.config import NetworkConfig
from depth_snn.errors import ConfigError
from depth_snn.toml_io import load_toml

FORMAT = 1


@dataclass(frozen=True)
class DataRecipe:
    """What is learned from.

    Attributes:
        source: ``"scenes"`` (built in) or ``"camvid"`` (a folder given by ``--data``).
        clips: Groups of twelve scene frames to paint; every group shows three streets.
        seed: First seed of the scenes.
        zoom: Largest magnification of the random crops; 1 leaves pictures whole.
        colour: Strength of the random changes of brightness, contrast and hue, 0 to 1.
        tint: Strength of the random change of each class's own brightness and hue, 0 to 1.
    """

    source: str = "scenes"
    clips: int = 300
    seed: int = 0
    zoom: float = 1.5
    colour: float = 0.5
    tint: float = 0.0

    def __post_init__(self) -> None:
        if self.source not in ("scenes", "camvid"):
            raise ConfigError(f"data.source {self.source!r}: expected 'scenes' or 'camvid'")
        _within("data.clips", self.clips, 1, 10**6)
        _within("data.zoom", self.zoom, 1, 4)
        _within("data.colour", self.colour, 0, 1)
        _within("data.tint", self.tint, 0, 1)


@dataclass(frozen=True)
class TrainRecipe:
    """Cosine schedule with warm-up, mild class weights, cross-entropy and Dice.

    Attributes:
        steps, batch: Optimiser steps and pictures in each.
        optimiser: ``"adamw"``, or ``"muon"`` for the matrices between features, AdamW for the rest.
        learning_rate: Peak of the schedule.
        weight_decay: Of matrices and convolutions; biases, norms and positions have none.
        warmup: Steps of linear rise.
        seed: Of weights, batches and their random changes.
        class_weight_max: Classes are weighted clip(√(mean frequency / frequency), 0.7, this).
        dice: Weight of the soft Dice loss, which speaks for small classes.
        precision: ``"float32"``, ``"bfloat16"`` (autocast), or ``"auto"``: bfloat16 where the
            processor multiplies matrices in it (AMX, CUDA).
        start: Weights to start from: a shipped name, a file, or nothing for random ones.
        teacher: Weights of a network to learn from, likewise.
        teacher_weight: Share of the loss that is the difference from the teacher's classes.
        features_weight: Weight of the difference from the teacher's tokens after each block.
        quantise: Train through the rounding of the integer graph (weights of 8 bits, bounded
            activations), with the norms frozen.
    """

    steps: int = 1000
    batch: int = 8
    optimiser: str = "adamw"
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    warmup: int = 100
    seed: int = 0
    class_weight_max: float = 2.5
    dice: float = 0.5
    precision: str = "auto"
    start: str = ""
    teacher: str = ""
    teacher_weight: float = 0.5
    features_weight: float = 0.0
    quantise: bool = False

    def __post_init__(self) -> None:
        _within("train.steps", self.steps, 1, 10**8)
        _within("train.batch", self.batch, 1, 4096)
        _within("train.learning_rate", self.learning_rate, 1e-9, 1)
        _within("train.dice", self.dice, 0, 100)
        _within("train.teacher_weight", self.teacher_weight, 0, 1)
        if self.optimiser not in ("adamw", "muon"):
            raise ConfigError(f"train.optimiser {self.optimiser!r}: expected adamw or muon")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise ConfigError(
                f"train.precision {self.precision!r}: expected auto, float32 or bfloat16"
            )


@dataclass(frozen=True)
class PrunedRecipe:
    """Training on pruned clips instead of single frames: `training.pruned`.

    Attributes:
        frames: Consecutive frames of a clip; the first is computed whole. ``data.clips`` counts
            clips, and ``train.batch`` is the number of clips in a step.
        least, most: Shares of tokens computed in a later frame are drawn between these.
        carried: Whether what is shown without being computed counts in the loss too.
    """

    frames: int = 4
    least: float = 0.04
    most: float = 0.35
    carried: bool = True

    def __post_init__(self) -> None:
        _within("pruned.frames", self.frames, 2, 40)
        _within("pruned.most", self.most, 0, 1)
        _within("pruned.least", self.least, 0, self.most)


@dataclass(frozen=True)
class Recipe:
    """A network, its data and its training; everything that decides the weights.

    Attributes:
        network: Shape of the network; its name is the name of the weights.
        data: What is learned from.
        train: How.
        pruned: How clips are pruned; None to train on single frames.
    """

    network: NetworkConfig
    data: DataRecipe = field(default_factory=DataRecipe)
    train: TrainRecipe = field(default_factory=TrainRecipe)
    pruned: PrunedRecipe | None = None

    def __post_init__(self) -> None:
        if self.pruned is None:
            return
        missing = [key for key in ("start", "teacher") if not getattr(self.train, key)]
        if missing:
            raise ConfigError(f"[pruned] needs train.{missing[0]}, the name of a trained network")
        if self.network.kind != "loihi" or self.data.source != "scenes":
            raise ConfigError("[pruned] trains networks of kind 'loihi' on data.source 'scenes'")
        if self.train.quantise or self.train.features_weight:
            raise ConfigError("[pruned] goes with neither train.quantise nor train.features_weight")

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, which also tells whether a checkpoint belongs to this recipe."""
        plain = {
            "format": FORMAT, "network": self.network.to_dict(), "data": asdict(self.data),
            "train": asdict(self.train),
        }  # fmt: skip
        return plain if self.pruned is None else {**plain, "pruned": asdict(self.pruned)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "recipe") -> Recipe:
        """Build from a mapping such as a parsed TOML file.

        Raises:
            ConfigError: naming the file and the key that is unknown or out of range.
        """
        if values.get("format") != FORMAT:
            raise ConfigError(f"{source}: format is {values.get('format')!r}; expected {FORMAT}")
        unknown = sorted(set(values) - {"format", "network", "data", "train", "pruned"})
        if unknown:
            raise ConfigError(
                f"{source}: unknown table {unknown[0]!r}; known are network, data, train, pruned"
            )
        if not isinstance(values.get("network"), Mapping):
            raise ConfigError(f"{source}: needs a [network] table")
        try:
            return cls(
                network=NetworkConfig.from_dict(values["network"]),
                data=_table(DataRecipe, values.get("data", {})),
                train=_table(TrainRecipe, values.get("train", {})),
                pruned=_table(PrunedRecipe, values["pruned"]) if "pruned" in values else None,
            )
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None
        except TypeError as error:
            raise ConfigError(f"{source}: a value of the wrong type ({error})") from None


def _within(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{name} {value!r} is outside {low:g}..{high:g}")


def _table(cls: type[Any], values: Any) -> Any:
    name = {DataRecipe: "data", TrainRecipe: "train", PrunedRecipe: "pruned"}[cls]
    if not isinstance(values, Mapping):
        raise ConfigError(f"[{name}] must be a table, not {values!r}")
    known = {f.name: f for f in fields(cls)}
    for key, value in values.items():
        if key not in known:
            raise ConfigError(f"[{name}] unknown key {key!r}; known are {', '.join(known)}")
        wanted = str(known[key].type)
        ok = {
            "int": isinstance(value, int) and not isinstance(value, bool),
            "float": isinstance(value, int | float) and not isinstance(value, bool),
            "str": isinstance(value, str),
            "bool": isinstance(value, bool),
        }[wanted]
        if not ok:
            raise ConfigError(f"[{name}] {key} is {value!r}; expected {wanted}")
    return cls(**values)


def shipped_recipes() -> dict[str, Path]:
    """Recipes that come with the project, by name."""
    folder = Path(str(resources.files("depth_snn"))) / "recipes"
    return {p.stem: p for p in sorted(folder.glob("*.toml"))}


def load_recipe(spec: str) -> Recipe:
    """Read a recipe by the name of a shipped one or by the path of a TOML file.

    Raises:
        ConfigError: in one line, if there is none or it is wrong.
    """
    known = shipped_recipes()
    if spec in known:
        return Recipe.from_dict(load_toml(known[spec]), f"recipe {spec}")
    if not spec.endswith(".toml"):
        raise ConfigError(
            f"recipe {spec!r}: no such shipped recipe ({', '.join(known)}); give one of them "
            "or a .toml file"
        )
    return Recipe.from_dict(load_toml(spec), spec)
