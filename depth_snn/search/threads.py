"""One thread for all arithmetic, so that every process rounds alike whatever its machine does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch, NumPy's products and OpenCV on one thread; as before afterwards."""
    import cv2
    import torch

    torch_threads, cv_threads = torch.get_num_threads(), cv2.getNumThreads()
    try:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        # Looked for anew each time: what was loaded in between is among them.
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(torch_threads)
        cv2.setNumThreads(cv_threads)
