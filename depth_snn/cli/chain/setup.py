"""Everything a run needs before its first frame: network, policy, prices, integer graph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conversion.convert import Watch, convert
from conversion.graph import Graph
from conversion.quant_config import QuantConfig
from depth_snn.config import NetworkConfig, PolicyConfig
from depth_snn.data.frames import open_frames
from depth_snn.data.scene import sample_frames
from depth_snn.errors import ConfigError
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.models.weights import find_network
from depth_snn.pruning.heads import cut_heads, plan_heads
from depth_snn.pruning.prices import Prices, prices_of
from depth_snn.recovery.judge import Judge
from depth_snn.recovery.judge_file import make_judge

CALIBRATION_SEED = 424_242
CALIBRATION_FRAMES = 8


@dataclass(frozen=True, eq=False)
class Setup:
    """A network ready to run.

    Attributes:
        model: Torch network with the pruned heads removed.
        config: Its shape.
        policy: What is pruned and when.
        prices: MACs per token and stage, and of the stem.
        graph: The integer graph with its gates.
        judge: How far each token's shown result is off; one for each stream.
        dense: The network before heads were cut; the yardstick of accuracy, work and time.
        dense_prices: Its MACs.
    """

    model: DepthViTLoihi
    config: NetworkConfig
    policy: PolicyConfig
    prices: Prices
    graph: Graph
    judge: Judge
    dense: DepthViTLoihi
    dense_prices: Prices


def default_policy(network: str) -> Path:
    """Path of the policy a network runs with when none is given: its own, or the general one."""
    folder = policies_folder()
    own = folder / f"{network}.toml"
    return own if own.is_file() else folder / "default.toml"


def load_policy(path: str | None, network: str, **changes: object) -> PolicyConfig:
    """Policy from a file, with the given fields replaced unless None.

    Args:
        path: Policy file or the name of a shipped one, or None for the network's default.
        network: Name of the network.
        changes: Fields of the policy; ``gate_body`` replaces the gate's body.
    """
    file = default_policy(network) if path is None else policy_file(path)
    return changed_policy(PolicyConfig.load(file), **changes)


def policy_file(path: str) -> Path:
    """The file of that path; where there is none, the shipped policy of that name, if any."""
    given = Path(path)
    if given.exists() or given.name != path:
        return given
    shipped = policies_folder() / f"{path.removesuffix('.toml')}.toml"
    return shipped if shipped.is_file() else given


def policies_folder() -> Path:
    """Where shipped policies are."""
    return Path(str(resources.files("depth_snn"))) / "policies"


def changed_policy(policy: PolicyConfig, **changes: object) -> PolicyConfig:
    """A policy with the given fields replaced unless None, as in :func:`load_policy`."""
    wanted = {key: value for key, value in changes.items() if value is not None}
    body = wanted.pop("gate_body", None)
    if body is not None:
        wanted["gate"] = replace(policy.gate, body=str(body))
    return replace(policy, **wanted)  # type: ignore[arg-type]


def calibration_clip(
    config: NetworkConfig, spec: str | None = None
) -> Iterator[npt.NDArray[np.uint8]]:
    """Frames (H, W, 3) that fix the integer scales.

    Args:
        config: Shape of the network.
        spec: An input as `depth-snn run` takes it, or None for frames of many built-in scenes.
    """
    if spec is None:
        frames = sample_frames(
            CALIBRATION_SEED, CALIBRATION_FRAMES, height=config.height, width=config.width,
            per_street=1,
        )  # fmt: skip
        for sample in frames:
            yield sample.rgb
        return
    source = open_frames(spec, height=config.height, width=config.width, limit=CALIBRATION_FRAMES)
    for frame in source:
        yield frame.rgb


def require_reuse(policy: PolicyConfig) -> None:
    """Refuse what the integer graph cannot do.

    Raises:
        ConfigError: if the policy pools static tokens.
    """
    if policy.static != "reuse":
        raise ConfigError(
            f"policy: static is {policy.static!r}; expected 'reuse' where the integer graph runs, "
            "since a gate on the chip holds a token's values and cannot pool tokens"
        )


def prepare(
    network: str,
    policy: PolicyConfig,
    calibrate: str | Sequence[npt.NDArray[np.uint8]] | None = None,
    quant: QuantConfig | None = None,
    watch: Watch = lambda name, graph: None,
) -> Setup:
    """Load, cut heads, price and convert.

    Args:
        network: Name of shipped weights or path of a weights file.
        policy: What is pruned.
        calibrate: Input to calibrate on, or frames (H, W, 3), or None for built-in scenes.
        quant: Bit widths and thresholds of the integer graph.
        watch: Told of each step of the conversion.

    Raises:
        ConfigError: if the policy pools static tokens, which the integer graph cannot do.
    """
    require_reuse(policy)
    dense = find_network(network)
    model = dense
    if any(policy.head_rate):
        rates = policy.rates("head_rate", dense.config.layers)
        model = cut_heads(dense, plan_heads(dense, rates))
    config = model.config
    prices = prices_of(config, scored=policy.cuts_tokens)
    if calibrate is None or isinstance(calibrate, str):
        calibrate = list(calibration_clip(config, calibrate))
    graph = convert(model, policy.gate, prices, calibrate, quant, watch)
    dense_prices = prices_of(dense.config, scored=False)
    judge = make_judge(policy.judge, config)
    return Setup(model, config, policy, prices, graph, judge, dense, dense_prices)
