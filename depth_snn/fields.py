"""Checks of what a file says against the fields of a dataclass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from depth_snn.errors import ConfigError


def known_keys(cls: type, values: Mapping[str, Any], source: str) -> None:
    """Refuse keys that are no fields of a dataclass.

    Raises:
        ConfigError: naming the key.
    """
    known = {f.name for f in fields(cls)}
    if not isinstance(values, Mapping):
        raise ConfigError(f"{source}: expected a table, got {values!r}")
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(
            f"{source}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}"
        )


_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,), "float": (int, float), "str": (str,), "bool": (bool,),
}  # fmt: skip
"""What a file may give for a field of each annotated type."""


def known_types(cls: type, values: Mapping[str, Any], source: str) -> None:
    """Refuse values of another type than their plain field's.

    Raises:
        ConfigError: naming the key.
    """
    for field_ in fields(cls):
        kind, value = str(field_.type), values.get(field_.name)
        if field_.name not in values or kind not in _TYPES:
            continue
        # True is an int to Python, but not to who writes a file.
        if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "bool"):
            raise ConfigError(f"{source}: {field_.name} is {value!r}; expected {_WORDS[kind]}")


_WORDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}
