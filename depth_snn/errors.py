"""The project's one exception tree and its exit codes.

A message is one line: which file or value, what was expected, what to do about it. The command line
prints it as it is.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path


class ExitCode(IntEnum):
    """What a `depth-snn` command returns to the shell."""

    OK = 0
    """The command did what was asked, and any budget was met."""
    ERROR = 1
    """Bad input, bad usage, a missing dependency or a failure."""
    EXCEEDED = 2
    """The run is valid, and it exceeded a limit of its budget."""
    INTERRUPTED = 130
    """Stopped from the keyboard (128 + SIGINT)."""


class DepthError(Exception):
    """Base of every error this project raises on purpose."""


class InputError(DepthError):
    """A video, image, folder, scene name, weight or data file cannot be used as given."""


class ConfigError(DepthError):
    """An option, a configuration value or a configuration file is wrong."""


class GraphError(DepthError):
    """A graph is malformed, or a pass was given a graph it does not accept."""


class OverflowInGraph(GraphError):
    """An integer in a graph or a simulator left its register while wrapping was not allowed."""


class MissingDependency(DepthError):
    """An optional dependency is needed and cannot be imported; the message says what to install."""


class EngineError(DepthError):
    """A simulator or the Lava child process failed, or missed its deadline."""


class BudgetError(DepthError):
    """A budget cannot be judged: a malformed limit, or a limit nothing was observed for."""


class FigureError(DepthError):
    """A stated figure is malformed, unknown, or without a line of meaning."""


def one_line(text: str) -> str:
    """Text that may quote a file, as one line that is safe to print: no breaks, no controls."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def no_file(path: Path, advice: str) -> str:
    """What to say of a path that is no file, in one line: that it is a folder, or ``advice``."""
    return f"{path}: {'is a folder; give the name of a file' if path.is_dir() else advice}"
