"""Play files at a camera's pace."""

from __future__ import annotations

import time


class Pace:
    """Waits so that call number n returns n / fps seconds after the first; without fps it never waits."""

    def __init__(self, fps: float | None) -> None:
        self.period_s = 1 / fps if fps else 0.0
        self.due_s: float | None = None

    def wait(self) -> None:
        """Wait for the next frame's time."""
        if not self.period_s:
            return
        now_s = time.monotonic()
        if self.due_s is None:
            self.due_s = now_s
        if self.due_s > now_s:
            time.sleep(self.due_s - now_s)
        self.due_s += self.period_s
