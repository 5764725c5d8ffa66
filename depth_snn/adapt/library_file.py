"""The file of a policy set: TOML, format 1, read strictly; and shipped sets by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from depth_snn.adapt.library import BASE, CHANGING, Domain, PolicySet
from depth_snn.adapt.statistics import NAMES
from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError
from depth_snn.figures import write_text
from depth_snn.toml_io import load_toml

FORMAT = 1
_TOP = ("format", "network", "fallback", BASE, "statistics", "domain")
_DOMAIN = ("name", "radius", "centres", "policy")
_STATISTICS = ("names", "whitening")


def is_policy_set(table: Mapping[str, Any]) -> bool:
    """Whether a file's content is that of a policy set rather than of one policy."""
    return "domain" in table or "fallback" in table or BASE in table


def shipped_set(network: str) -> Path:
    """Where the shipped set of a network is, if it has one."""
    return Path(str(resources.files("depth_snn"))) / "policies" / f"{network}_set.toml"


def load_set(path: Path | str) -> PolicySet:
    """Read a policy set.

    Raises:
        ConfigError: The file cannot be read, or says something that no set may say; it is named.
    """
    return read_set(load_toml(path), str(path), Path(path).parent)


def read_set(table: Mapping[str, Any], source: str, folder: Path) -> PolicySet:
    """A policy set from the tables of its file.

    Args:
        table: The parsed file.
        source: What to call it in an error.
        folder: Where a base policy given as a file's name is looked for.

    Raises:
        ConfigError: naming the key or value.
    """
    _known(table, _TOP, source)
    if table["format"] != FORMAT or isinstance(table["format"], bool):
        raise ConfigError(f"{source}: format is {table['format']!r}; expected {FORMAT}")
    for key in ("network", "fallback"):
        if not isinstance(table[key], str):
            raise ConfigError(f"{source}: {key} is {table[key]!r}; expected a text")
    base = _base(table[BASE], source, folder)
    statistics = _table(table["statistics"], _STATISTICS, f"{source} [statistics]")
    if statistics["names"] != list(NAMES):
        raise ConfigError(
            f"{source} [statistics]: names are not those that are measured, in their order: "
            f"{', '.join(NAMES)}; build the set again"
        )
    if not isinstance(statistics["whitening"], list):
        raise ConfigError(f"{source} [statistics]: whitening is no list of rows of numbers")
    where = f"{source} [statistics] whitening"
    whitening = tuple(_numbers(row, where) for row in statistics["whitening"])
    if not isinstance(table["domain"], list):
        raise ConfigError(f"{source}: domain is no list of tables; write [[domain]]")
    domains = tuple(
        _domain(entry, base, f"{source} [[domain]] {number}")
        for number, entry in enumerate(table["domain"], start=1)
    )
    try:
        return PolicySet(table["network"], base, table["fallback"], whitening, domains)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None


def _base(given: Any, source: str, folder: Path) -> PolicyConfig:
    if isinstance(given, str):
        return PolicyConfig.load(folder / given)
    return PolicyConfig.from_dict(given, f"{source} [{BASE}]")


def _domain(entry: Any, base: PolicyConfig, where: str) -> Domain:
    table = _table(entry, _DOMAIN, where)
    if not isinstance(table["name"], str):
        raise ConfigError(f"{where}: name is {table['name']!r}; expected a text")
    if not isinstance(table["centres"], list):
        raise ConfigError(f"{where}: centres are {table['centres']!r}; expected lists of numbers")
    centres = tuple(_numbers(centre, f"{where} centres") for centre in table["centres"])
    (radius,) = _numbers([table["radius"]], f"{where} radius")
    if not isinstance(table["policy"], Mapping):
        raise ConfigError(f"{where}: policy is {table['policy']!r}; expected a table")
    if odd := sorted(set(table["policy"]) - set(CHANGING)):
        raise ConfigError(
            f"{where} policy: {odd[0]!r} may not differ from the base policy; only "
            f"{', '.join(CHANGING)} may, since the integer graph is shared"
        )
    # Through the reader of policies, so that a value is judged as in a file of its own.
    policy = PolicyConfig.from_dict(_plain(base) | dict(table["policy"]), f"{where} policy")
    try:
        return Domain(table["name"], centres, radius, policy)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _plain(policy: PolicyConfig) -> dict[str, Any]:
    return {key: list(v) if isinstance(v, tuple) else v for key, v in policy.to_dict().items()}


def _table(given: Any, keys: tuple[str, ...], where: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}: expected a table, got {given!r}")
    _known(given, keys, where)
    return given


def _known(table: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    """All of the keys and no others."""
    if unknown := sorted(set(table) - set(keys)):
        raise ConfigError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(keys)}")
    if missing := [key for key in keys if key not in table]:
        raise ConfigError(f"{where}: {missing[0]} is missing; expected {', '.join(keys)}")


def _numbers(given: Any, where: str) -> tuple[float, ...]:
    plain = isinstance(given, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in given
    )
    if not plain:
        raise ConfigError(f"{where}: {given!r}; expected numbers")
    try:
        return tuple(float(v) for v in given)
    except OverflowError:
        raise ConfigError(f"{where}: a number is too large") from None


def set_text(policies: PolicySet) -> str:
    """TOML text that :func:`load_set` reads back to an equal set."""
    return "\n".join(_lines(policies)) + "\n"


def _lines(policies: PolicySet) -> Iterator[str]:
    base = _plain(policies.base)
    gate = base.pop("gate")
    yield f"format = {FORMAT}"
    yield f"network = {_value(policies.network)}"
    yield f"fallback = {_value(policies.fallback)}    # for scenes of no domain"
    yield from ("", f"[{BASE}]    # the policy that the domains differ from")
    yield from (f"{key} = {_value(value)}" for key, value in base.items())
    yield from ("", f"[{BASE}.gate]")
    yield from (f"{key} = {_value(value)}" for key, value in gate.items())
    yield from ("", "[statistics]    # of a frame; whitened, those of one domain spread by 1")
    yield f"names = {_value(list(NAMES))}"
    rows = (f"    {_value(list(row))}," for row in policies.whitening)
    yield from ("whitening = [", *rows, "]")
    for domain in policies.domains:
        yield from ("", "[[domain]]", f"name = {_value(domain.name)}")
        yield f"radius = {_value(domain.radius)}"
        yield from ("centres = [", *(f"    {_value(list(c))}," for c in domain.centres), "]")
        yield "[domain.policy]"
        for key in CHANGING:
            if getattr(domain.policy, key) != getattr(policies.base, key):
                yield f"{key} = {_value(getattr(domain.policy, key))}"


def _value(value: Any) -> str:
    """A scalar or list as TOML writes it; JSON's texts, lists, booleans and numbers are TOML's."""
    return json.dumps(value, ensure_ascii=False)


def save_set(policies: PolicySet, path: Path) -> None:
    """Write a set; an existing file is replaced only at the end."""
    write_text(path, set_text(policies))
