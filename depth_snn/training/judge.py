"""Trains the judge against the dense network, then its neuron through surrogate gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from depth_snn.errors import MissingDependency
from depth_snn.recovery.judge import JudgeWeights
from depth_snn.training.rollouts import Rollout

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class JudgeRecipe:
    """How a judge is trained.

    Attributes:
        hidden: Units of its hidden layer.
        steps, batch: Optimiser steps and tokens in each.
        learning_rate: Peak of the cosine schedule.
        seed: Of weights and batches.
        price: What one restore costs, in units of error: the firing-rate penalty.
        neuron_steps: Optimiser steps of the neuron's training.
    """

    hidden: int = 32
    steps: int = 1500
    batch: int = 4096
    learning_rate: float = 2e-3
    seed: int = 0
    price: float = 0.15
    neuron_steps: int = 150


class JudgeNet(nn.Module):
    """The judge in torch; :meth:`weights` is what the runtime reads.

    Args:
        mean, scale: Standardisation of the inputs (F,).
        hidden: Units of the hidden layer.
    """

    def __init__(self, mean: F32, scale: F32, hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(scale))
        self.first, self.second = nn.Linear(len(mean), hidden), nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Expected error (...,) of inputs (..., F)."""
        z = functional.relu(self.first((x - self.mean) * self.scale))
        return functional.softplus(self.second(z)).squeeze(-1)

    def weights(self) -> JudgeWeights:
        """Plain arrays."""
        a, a0, b, b0 = (
            p.detach().numpy().copy()
            for p in (self.first.weight, self.first.bias, self.second.weight, self.second.bias)
        )
        return JudgeWeights(self.mean.numpy(), self.scale.numpy(), a, a0, b[0], float(b0[0]))


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
    """

    beta: float
    threshold: float


def train_neuron(net: JudgeNet, rollouts: list[Rollout], recipe: JudgeRecipe) -> Neuron:
    """Tune judge, leak and threshold together, through snntorch's surrogate gradient.

    A token waits while it is neither computed nor fires: every frame of waiting costs its error,
    and firing costs ``recipe.price`` once and ends the wait. So the neuron learns when what will be
    lost is worth a restore.
    """
    leaky = _leaky(0.8, recipe.price * 2)
    parameters = [*net.parameters(), *leaky.parameters()]
    optimiser = torch.optim.Adam(parameters, 1e-3)
    for step in range(recipe.neuron_steps):
        rng = np.random.default_rng((recipe.seed, 1, step))
        rollout = rollouts[int(rng.integers(len(rollouts)))]
        loss = waiting_cost(net, leaky, rollout, recipe.price)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return Neuron(float(leaky.beta.clamp(0, 1)), float(leaky.threshold))


def waiting_cost(net: JudgeNet, leaky: nn.Module, rollout: Rollout, price: float) -> Tensor:
    """Mean cost per token and frame of one stream under the neuron's decisions."""
    frames, tokens = rollout.error.shape
    potential, waits = torch.zeros(tokens), torch.ones(tokens)
    total = torch.zeros(())
    for t in range(frames):
        change = net(torch.from_numpy(rollout.inputs[t].astype(np.float32)))
        spikes, potential = leaky(change * waits, potential)
        error = torch.from_numpy(rollout.error[t])
        total = total + (waits * (price * spikes + error * (1 - spikes))).mean()
        waits = waits * (1 - spikes)
        # The recorded stream computed these: for it the token starts anew.
        fresh = torch.from_numpy(rollout.computed[t])
        waits = torch.where(fresh, torch.ones(()), waits)
        potential = torch.where(fresh, torch.zeros(()), potential)
    return total / frames


def _leaky(beta: float, threshold: float) -> nn.Module:
    try:
        import snntorch
        from snntorch import surrogate
    except ImportError:
        raise MissingDependency(
            "training the gate's neuron needs snntorch: pip install '.[snn]'"
        ) from None
    made: nn.Module = snntorch.Leaky(
        beta=beta, threshold=threshold, learn_beta=True, learn_threshold=True,
        spike_grad=surrogate.fast_sigmoid(slope=10), reset_mechanism="subtract",
    )  # fmt: skip
    return made
