"""A policy as the TOML file that `depth-snn run --policy` reads, exact to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from depth_snn.config import PolicyConfig
from depth_snn.errors import ConfigError, one_line
from depth_snn.figures import write_text

_ESCAPES = {'"': '\\"', "\\": "\\\\"}


def policy_text(
    policy: PolicyConfig, words: str = "", measured: Mapping[str, float] | None = None
) -> str:
    """TOML of a policy; :meth:`PolicyConfig.load` gives back an equal one.

    Args:
        policy: What to write.
        words: Where it came from, a comment line for each line.
        measured: Values to state in further comment lines, by name.

    Raises:
        ConfigError: if a text of it cannot stand in a file.
    """
    head = [one_line(line) for line in words.splitlines()]
    head += [one_line(f"{name} = {value:.6g}") for name, value in (measured or {}).items()]
    lines = [f"# {line}".rstrip() for line in head]
    plain = [field.name for field in fields(policy) if field.name != "gate"]
    lines += [f"{name} = {_value(name, getattr(policy, name))}" for name in plain]
    lines += ["", "[gate]"]
    gate = policy.gate
    lines += [f"{field.name} = {_value(field.name, getattr(gate, field.name))}"
              for field in fields(gate)]  # fmt: skip
    return "\n".join(lines) + "\n"


def write_policy(
    path: Path, policy: PolicyConfig, words: str = "", measured: Mapping[str, float] | None = None
) -> None:
    """Write :func:`policy_text` under a temporary name, then rename it."""
    write_text(path, policy_text(policy, words, measured))


def _value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(name, value)
    if isinstance(value, tuple):
        parts = [_value(name, part) for part in value]
        return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"
    if isinstance(value, float):
        return repr(float(value))  # the shortest text that reads back as the same number
    return str(value)


def _quoted(name: str, text: str) -> str:
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ConfigError(f"policy: {name} {text!a} is no text that a file can hold")
    out = [_ESCAPES.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in text]
    return f'"{"".join(out)}"'
