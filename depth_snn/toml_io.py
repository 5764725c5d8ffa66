"""Reading TOML with errors that name the file.

Python has `tomllib` from 3.11 on; before that the same parser is the package `tomli`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from depth_snn.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def loads_toml(text: str, source: str = "<text>") -> dict[str, Any]:
    """Parse TOML text.

    Args:
        text: A TOML document.
        source: What to call the document in an error.

    Returns:
        The document's tables as plain dicts, lists and scalars.

    Raises:
        ConfigError: The text is not valid TOML.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers too long to read are ValueErrors
        raise ConfigError(f"{source}: not valid TOML: {error}") from error


def load_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.

    Returns:
        The document's tables as plain dicts, lists and scalars.

    Raises:
        ConfigError: The file is missing, unreadable, not UTF-8 or not valid TOML.
    """
    file = Path(path)
    try:
        text = file.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: no such file; give the path of a TOML file") from error
    except IsADirectoryError as error:
        raise ConfigError(f"{file}: is a folder; give the path of a TOML file") from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: not UTF-8 text (byte {error.start}); expected a TOML file"
        ) from error
    return loads_toml(text, str(file))
