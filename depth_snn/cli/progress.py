"""Progress on standard error: one living line on a terminal, a line per tenth elsewhere."""

from __future__ import annotations

import sys
import time


class Progress:
    """Counts towards a total that may be unknown.

    Args:
        what: What is counted, for example ``"frames"``.
        total: How many there will be, or None.
        rate: Unit of what is done per second, for example ``"frames/s"``; empty to leave it out.
        left: Whether to say the time left; False where the notes say it, knowing more.
    """

    def __init__(
        self, what: str, total: int | None = None, rate: str = "", left: bool = True
    ) -> None:
        self.what, self.total, self.rate, self.says_left = what, total, rate, left
        self.start, self.shown, self.done = time.monotonic(), -1.0, 0
        self.live = sys.stderr.isatty()

    def update(self, done: int, note: str = "") -> None:
        """Show that ``done`` are finished."""
        self.done = done
        now = time.monotonic()
        share = done / self.total if self.total else 0.0
        if self.live and now - self.shown >= 0.1:
            print(f"\r\x1b[K{self._line(now, note)}", end="", file=sys.stderr, flush=True)
            self.shown = now
        elif not self.live and (share >= self.shown + 0.25 or self.shown < 0):
            print(self._line(now, note), file=sys.stderr, flush=True)
            self.shown = share

    def finish(self, note: str = "") -> None:
        """End the line."""
        lead = "\r\x1b[K" if self.live else ""
        print(f"{lead}{self._line(time.monotonic(), note)}", file=sys.stderr, flush=True)

    def _line(self, now: float, note: str) -> str:
        spent = now - self.start
        of = f" of {self.total}" if self.total else ""
        left = ""
        if self.says_left and self.total and 0 < self.done < self.total:
            left = f", {spent * (self.total - self.done) / self.done:.0f} s left"
        speed = f", {self.done / spent:.3g} {self.rate}" if self.rate and self.done else ""
        note = f", {note}" if note else ""
        return f"{self.what}: {self.done}{of} in {spent:.1f} s{speed}{left}{note}"
