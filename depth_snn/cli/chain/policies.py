"""What `--policy` of a run may name: one policy, or a set of them that follows the scene."""

from __future__ import annotations

from pathlib import Path

from depth_snn.adapt.adapter import Adapter
from depth_snn.adapt.evolve import Evolver
from depth_snn.adapt.jobs import InThread
from depth_snn.adapt.library import PolicySet
from depth_snn.adapt.library_file import is_policy_set, read_set, shipped_set
from depth_snn.adapt.rehearsal import Rehearsal
from depth_snn.adapt.scene_search import scene_study
from depth_snn.cli.chain.setup import Setup, changed_policy, load_policy, policy_file
from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.models.weights import find_network
from depth_snn.toml_io import load_toml


def load_policies(path: str | None, network: str, **changes: object) -> PolicyConfig | PolicySet:
    """One policy or a set, told apart by what the file says, with the given fields replaced.

    Args:
        path: A file, or the name of a shipped policy or set such as ``small_set``; None for the
            network's shipped set, or where it has none for its policy.
        network: Name of the network.
        changes: Fields to replace in every policy, unless None.

    Raises:
        ConfigError: The file is wrong, or the set is another network's.
    """
    file = _set_file(path, network)
    if file is None:
        return load_policy(path, network, **changes)
    policies = read_set(load_toml(file), str(file), file.parent)
    own = network if network == policies.network else find_network(network).config.name
    if own != policies.network:
        raise ConfigError(
            f"{file}: a policy set for network {policies.network!r}, not {own!r}; give another "
            "--policy or --network"
        )
    return policies.mapped(lambda policy: changed_policy(policy, **changes))


def _set_file(path: str | None, network: str) -> Path | None:
    if path is None:
        shipped = shipped_set(network)
        return shipped if shipped.is_file() else None
    file = policy_file(path)
    return file if is_policy_set(load_toml(file)) else None


def base_of(policies: PolicyConfig | PolicySet) -> PolicyConfig:
    """The policy that the graph is converted with."""
    return policies.base if isinstance(policies, PolicySet) else policies


def make_adapter(
    policies: PolicyConfig | PolicySet, setup: Setup, evolve: int | None, seed: int
) -> Adapter | None:
    """What changes the policy while a run goes on; None for a single policy.

    Args:
        policies: What :func:`load_policies` gave.
        setup: Made with :func:`base_of` them.
        evolve: Evaluations of a search in an unknown scene; None for no searches.
        seed: Of the searches.

    Raises:
        ConfigError: Searches are asked for with a single policy.
    """
    if not isinstance(policies, PolicySet):
        if evolve is not None:
            raise ConfigError(
                "--evolve: a single policy knows no scenes to leave; give --policy a policy set "
                "(depth-snn library makes one)"
            )
        return None
    config = setup.config
    evolver = None
    if evolve is not None:
        study = scene_study(Rehearsal(setup.dense), policies.base, evolve, seed)
        evolver = Evolver(study, InThread(), policies.distance)
    return Adapter(policies, config.height, config.width, evolver=evolver)
