"""What processes inherit when they are started."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

SINGLE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""The number of threads changes the order of sums; every worker rounds alike."""


@contextmanager
def for_children() -> Iterator[None]:
    """Processes started within compute on one thread and leave Ctrl-C to this process.

    Libraries read the variables when they are loaded, which a started process does before any code
    of ours could set them; it may also be interrupted before it can ignore the signal.
    """
    before = {name: os.environ.get(name) for name in SINGLE_THREAD}
    os.environ.update(SINGLE_THREAD)
    maskable = hasattr(signal, "pthread_sigmask")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if maskable else set()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if maskable:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
