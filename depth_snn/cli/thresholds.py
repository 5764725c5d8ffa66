"""Thresholds of encoders on the command line: a number, or a file of numbers by name."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from depth_snn.errors import ConfigError
from depth_snn.figures import write_text
from depth_snn.toml_io import load_toml

TABLE = "thresholds"
MOST_DIGITS = 20
"""More digits are no threshold; thousands of them, Python refuses to read."""


def add_thresholds_option(parser: argparse.ArgumentParser) -> None:
    """``--thresholds``, of every command that converts."""
    parser.add_argument(
        "--thresholds", metavar="FILE|N",
        help="smallest change that encoders send: one number, or a TOML file of numbers by "
        "encoder or stage (default 0: every change)",
    )  # fmt: skip


@contextmanager
def told_of(text: str | None) -> Iterator[None]:
    """Name ``--thresholds`` where a conversion does not know an encoder that it names.

    Raises:
        ConfigError: in place of :class:`~conversion.passes.set_thresholds.UnknownEncoder`.
    """
    from conversion.passes.set_thresholds import UnknownEncoder

    try:
        yield
    except UnknownEncoder as error:
        raise ConfigError(f"--thresholds {text}: {error}") from None


def read_thresholds(text: str | None) -> int | dict[str, int]:
    """``--thresholds N`` or ``--thresholds FILE``.

    Args:
        text: A whole number from 0 up, or the path of a TOML file with a table ``[thresholds]`` of
            whole numbers by encoder, stage, ``stem`` or ``default``; None for 0.

    Raises:
        ConfigError: naming the file and what is wrong with it.
    """
    if text is None:
        return 0
    if (digits := text.strip()).isdecimal():
        if len(digits) > MOST_DIGITS:
            raise ConfigError(f"--thresholds: a number of {len(digits)} digits is none that fits")
        return int(digits)
    if not text.endswith(".toml"):
        raise ConfigError(
            f"--thresholds {text}: expected a whole number from 0 up, or a file ending in .toml"
        )
    document = load_toml(text)
    table = document.get(TABLE)
    if not isinstance(table, dict) or set(document) != {TABLE}:
        raise ConfigError(f'{text}: expected one table [{TABLE}] with lines such as "block1.h" = 4')
    for name, value in table.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ConfigError(
                f"{text}: threshold of {name!r} is {value!r}; expected a whole number from 0 up"
            )
    return dict(table)


def write_thresholds(path: Path, thresholds: Mapping[str, int], words: str) -> None:
    """Write a file that :func:`read_thresholds` reads, under a temporary name first.

    Args:
        path: The file.
        thresholds: Numbers by name.
        words: What to say of them, one comment line for each line.
    """
    lines = [f"# {line}" for line in words.splitlines()]
    lines += [f"[{TABLE}]", *(f'"{name}" = {value}' for name, value in thresholds.items())]
    write_text(path, "\n".join(lines) + "\n")
