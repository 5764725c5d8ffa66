"""Trains the judge against the dense network, then its neuron through surrogate gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_snn.config import NetworkConfig
from depth_snn.data.readers.classmaps import CAMVID_CLASSES, CAMVID_TO_STREET
from depth_snn.errors import ConfigError, MissingDependency
from depth_snn.models.vit_loihi import DepthViTLoihi
from depth_snn.recovery.judge import NOTES, JudgeWeights, TrainedJudge
from depth_snn.training.rollouts import Rollout, street_rollouts

F32 = npt.NDArray[np.float32]


STREET_WEIGHTS = (1.0, 1.0, 0.7, 1.5, 1.2, 1.2, 4.0, 3.0)
"""How much an error in each street class counts: small classes are soon lost in a mean."""
LEAST_CLIPS = 3
"""One for the first judge, one to learn from, one to be measured on."""
UNSEEN_SHARE = 0.1
"""Share of the clips that the judge is measured on and does not learn from."""


@dataclass(frozen=True)
class JudgeRecipe:
    """How a judge is trained.

    Attributes:
        clips: Clips to prune; from the second third on by the judge of the first.
        hidden: Units of each hidden layer.
        steps, batch: Optimiser steps and tokens in each.
        learning_rate: Peak of the cosine schedule.
        seed: Of weights and batches.
        price: What one restore costs, in units of error: the firing-rate penalty.
        neuron_steps: Optimiser steps of the neuron's training.
    """

    clips: int = 200
    hidden: int = 32
    steps: int = 4000
    batch: int = 4096
    learning_rate: float = 2e-3
    seed: int = 0
    price: float = 0.25
    neuron_steps: int = 400


class JudgeNet(nn.Module):
    """The judge in torch; :meth:`weights` is what the runtime reads.

    Args:
        mean, scale: Standardisation of the inputs (F,).
        hidden: Units of each hidden layer.
    """

    def __init__(self, mean: F32, scale: F32, hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(scale))
        self.first, self.second = nn.Linear(len(mean), hidden), nn.Linear(hidden, hidden)
        self.third = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Expected error (...,) of inputs (..., F)."""
        z = functional.relu(self.first((x - self.mean) * self.scale))
        z = functional.relu(self.second(z))
        return functional.softplus(self.third(z)).squeeze(-1)

    def weights(self) -> JudgeWeights:
        """Plain arrays."""
        layers = (self.first, self.second, self.third)
        plain = [p.detach().numpy().copy() for x in layers for p in (x.weight, x.bias)]
        a, a0, b, b0, c, c0 = plain
        return JudgeWeights(
            self.mean.numpy(), self.scale.numpy(), a, a0, b, b0, c[0], c0.reshape(())
        )


def make_judge_weights(
    model: DepthViTLoihi, recipe: JudgeRecipe, progress: Callable[[int, str], None]
) -> tuple[JudgeWeights, dict[str, float]]:
    """Prune clips, learn their error, tune the neuron.

    Returns:
        Weights, and what is known of them: correlation with the true error on unseen clips, the
        share of it in the worst fifth of the tokens, and the neuron's beta and threshold.

    Raises:
        ConfigError: if there are too few clips.
    """
    if recipe.clips < LEAST_CLIPS:
        raise ConfigError(f"{recipe.clips} clips: a judge needs at least {LEAST_CLIPS}")
    weights = class_weights_of(model.config)
    first = recipe.clips // 3
    rollouts = street_rollouts(
        model, weights, clips=range(first), progress=lambda n: progress(n, "pruned by pixels")
    )
    judge = TrainedJudge(model.config, train_judge(rollouts, recipe).weights())
    rollouts += street_rollouts(
        model, weights, clips=range(first, recipe.clips), judge=judge,
        progress=lambda n: progress(first + n, "pruned by the first judge"),
    )  # fmt: skip
    unseen = rollouts[:: round(1 / UNSEEN_SHARE)]
    seen = [r for k, r in enumerate(rollouts) if k % round(1 / UNSEEN_SHARE)]
    net = train_judge(seen, recipe)
    found = measure_judge(net, unseen)
    return net.weights(), found | asdict(train_neuron(net, seen, recipe))


def class_weights_of(config: NetworkConfig) -> F32:
    """How much an error in each class of a network counts (classes,); unknown classes all alike."""
    if config.classes == len(CAMVID_CLASSES):
        return np.array([STREET_WEIGHTS[k] for k in CAMVID_TO_STREET[: config.classes]], np.float32)
    if config.classes == len(STREET_WEIGHTS):
        return np.array(STREET_WEIGHTS, np.float32)
    return np.ones(config.classes, np.float32)


@torch.inference_mode()
def measure_judge(net: JudgeNet, rollouts: list[Rollout]) -> dict[str, float]:
    """Correlation with the true error, and its share in the fifth of tokens judged worst."""
    inputs = np.concatenate([r.inputs.reshape(-1, r.inputs.shape[-1]) for r in rollouts])
    error = np.concatenate([r.error.reshape(-1) for r in rollouts])
    judged = net(torch.from_numpy(inputs.astype(np.float32))).numpy()
    pixels = inputs[:, -NOTES].astype(np.float32)

    def caught(by: F32) -> float:
        worst = np.argsort(-by, kind="stable")[: len(by) // 5]
        return float(error[worst].sum() / error.sum())

    return {
        "correlation": float(np.corrcoef(judged, error)[0, 1]), "caught": caught(judged),
        "caught_by_pixels": caught(pixels), "caught_at_best": caught(error),
    }  # fmt: skip


def train_judge(rollouts: list[Rollout], recipe: JudgeRecipe) -> JudgeNet:
    """Regress the error of every token, mean squares."""
    inputs = np.concatenate([r.inputs.reshape(-1, r.inputs.shape[-1]) for r in rollouts])
    error = np.concatenate([r.error.reshape(-1) for r in rollouts])
    sample = inputs[:: max(1, len(inputs) // 100_000)].astype(np.float32)
    torch.manual_seed(recipe.seed)
    net = JudgeNet(sample.mean(0), 1 / (sample.std(0) + 1e-3), recipe.hidden)
    optimiser = torch.optim.AdamW(net.parameters(), recipe.learning_rate, weight_decay=1e-3)
    for step in range(recipe.steps):
        rng = np.random.default_rng((recipe.seed, step))
        pick = rng.integers(0, len(inputs), recipe.batch)
        x, y = torch.from_numpy(inputs[pick].astype(np.float32)), torch.from_numpy(error[pick])
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
        loss = functional.mse_loss(net(x), y)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return net


@dataclass(frozen=True)
class Neuron:
    """A trained gate neuron in units of judged change.

    Attributes:
        beta: Share of the potential that survives a frame.
        threshold: Where it fires.
        pixel_weight: Weight of its second input, per grey level of difference.
    """

    beta: float
    threshold: float
    pixel_weight: float


class GateNeuron(nn.Module):
    """The LIF of snntorch behind two inputs; leak, threshold and second weight are learnt.

    Args:
        beta, threshold: To start with.

    Raises:
        MissingDependency: without snntorch.
    """

    def __init__(self, beta: float, threshold: float) -> None:
        super().__init__()
        try:
            import snntorch
            from snntorch import surrogate
        except ImportError:
            raise MissingDependency(
                "training the gate's neuron needs snntorch: pip install '.[snn]'"
            ) from None
        self.leaky = snntorch.Leaky(
            beta=beta, threshold=threshold, learn_beta=True, learn_threshold=True,
            spike_grad=surrogate.fast_sigmoid(slope=10), reset_mechanism="subtract",
        )  # fmt: skip
        self.percent = nn.Parameter(torch.tensor(0.4))  # hundredths, for steps of a like size

    @property
    def pixel_weight(self) -> Tensor:
        """Weight of the pixels' difference; never negative."""
        return self.percent.clamp(min=0) / 100

    def forward(self, change: Tensor, pixels: Tensor, potential: Tensor) -> tuple[Tensor, Tensor]:
        """Spikes and potential of every token (N,)."""
        spikes, potential = self.leaky(change + self.pixel_weight * pixels, potential)
        return spikes, potential

    def found(self) -> Neuron:
        """Plain numbers."""
        leaky = self.leaky
        return Neuron(
            float(leaky.beta.clamp(0, 1)), float(leaky.threshold), float(self.pixel_weight)
        )


def train_neuron(net: JudgeNet, rollouts: list[Rollout], recipe: JudgeRecipe) -> Neuron:
    """Learn leak, threshold and the weight of pixels, through snntorch's surrogate gradient.

    A token waits while it is neither computed nor fires: every frame of waiting costs its error,
    and firing costs ``recipe.price`` once and ends the wait. So the neuron learns when what will be
    lost is worth a restore, and what it should listen to beside the judge.
    """
    neuron = GateNeuron(0.8, recipe.price * 2)
    optimiser = torch.optim.Adam(neuron.parameters(), 5e-3)
    for step in range(recipe.neuron_steps):
        rng = np.random.default_rng((recipe.seed, 1, step))
        rollout = rollouts[int(rng.integers(len(rollouts)))]
        loss = waiting_cost(net, neuron, rollout, recipe.price)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return neuron.found()


def waiting_cost(net: JudgeNet, neuron: GateNeuron, rollout: Rollout, price: float) -> Tensor:
    """Mean cost per token and frame of one stream under the neuron's decisions."""
    frames, tokens = rollout.error.shape
    potential, waits = torch.zeros(tokens), torch.ones(tokens)
    total = torch.zeros(())
    for t in range(frames):
        inputs = torch.from_numpy(rollout.inputs[t].astype(np.float32))
        with torch.no_grad():
            change = net(inputs)
        pixels = inputs[:, -NOTES].square()  # the judge sees the root of the mean difference
        spikes, potential = neuron(change * waits, pixels * waits, potential)
        error = torch.from_numpy(rollout.error[t])
        total = total + (waits * (price * spikes + error * (1 - spikes))).mean()
        waits = waits * (1 - spikes)
        # The recorded stream computed these: for it the token starts anew.
        fresh = torch.from_numpy(rollout.computed[t])
        waits = torch.where(fresh, torch.ones(()), waits)
        potential = torch.where(fresh, torch.zeros(()), potential)
    return total / frames
