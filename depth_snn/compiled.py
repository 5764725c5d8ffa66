"""Numba's decorator as every compiled loop of the project uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Numba's ``njit`` with a cache on disk, keeping the type of the function.

    It gives up the interpreter's lock, so that threads of Python run it side by side; a loop must
    touch nothing but its arguments.
    """
    return cast(F, njit(cache=True, nogil=True)(function))


def part(function: F) -> F:
    """Numba's ``njit`` for what only compiled functions call, and perhaps from another file.

    It has no place of its own in the cache: Numba looks for changes only in the file of the
    function that it finds there, and would go on using the old code of what that one calls.
    """
    return cast(F, njit(nogil=True)(function))
