"""Ctrl-C between two frames, where nothing is half done."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Interruption:
    """Notes the first Ctrl-C for :meth:`check`; the second interrupts at once.

    A KeyboardInterrupt may come anywhere, and one that comes while a library cleans up is lost.
    """

    def __init__(self) -> None:
        self._asked = False
        self._before: Any = None

    def check(self) -> None:
        """Raise KeyboardInterrupt if it was asked for."""
        if self._asked:
            raise KeyboardInterrupt

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def __enter__(self) -> Interruption:
        # Only the main thread may handle signals, and a shell may want them ignored.
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            if self._before != signal.SIG_IGN:
                signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before not in (None, signal.SIG_IGN):
            signal.signal(signal.SIGINT, self._before)
