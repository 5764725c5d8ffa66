"""Numba's decorator as every compiled loop of the project uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Numba's ``njit`` with a cache on disk, keeping the type of the function.

    It gives up the interpreter's lock, so that threads of Python run it side by side.
    """
    return cast(F, njit(cache=True, nogil=True)(function))
