"""The one place that imports the `carla` client."""

from __future__ import annotations

import importlib
from typing import Any

from depth_snn.errors import EngineError, MissingDependency


def carla_module() -> Any:
    """The client package.

    Raises:
        MissingDependency: If it is not installed.
    """
    try:
        return importlib.import_module("carla")
    except ImportError as error:
        raise MissingDependency(
            "the carla client is not installed; pip install carla (Python 3.10 to 3.12), in the "
            "version of your server"
        ) from error


def connect(host: str, port: int, timeout_s: float) -> tuple[Any, str]:
    """A client with a server behind it, and the server's version.

    Raises:
        MissingDependency: If the client package is not installed.
        EngineError: If no server answers.
    """
    carla = carla_module()
    client = carla.Client(host, port)
    client.set_timeout(timeout_s)
    try:
        return client, str(client.get_server_version())
    except RuntimeError as error:
        raise EngineError(
            f"no CARLA server answers at {host}:{port} within {timeout_s:g} s; start CarlaUE4, or "
            "give its host and port"
        ) from error
