"""How many threads matrix products may use while a network is stepped."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any


@cache
def _libraries() -> Any:
    import scipy.linalg  # noqa: F401  the library that compiled products call must be loaded
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def product_threads(threads: int) -> AbstractContextManager[Any]:
    """Let BLAS use so many threads, and as many as before afterwards.

    Its own choice is a thread for each core. The products here are small, and where another
    process takes a core the threads spin for each other: a frame then takes ten times as long.
    The integers do not depend on it.
    """
    limited: AbstractContextManager[Any] = _libraries().limit(limits=threads)
    return limited
