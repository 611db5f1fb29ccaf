"""When a camera's next frame is due at a slower pace than usual."""

from __future__ import annotations

SHARE_OF_LATEST = 0.1  # of the latest time between two answers in the usual one


class Pace:
    """Learns how long one camera's frames are apart while nothing holds the run back, and stretches that.

    Stretching the time that a frame takes would do nothing for a light model: 10 ms of work at 30 frames a second leave
    23 ms idle, and twice the work still fits.
    """

    def __init__(self, fps: float | None = None) -> None:
        self._usual_s = 1 / fps if fps else None  # what the camera announced, until there is something better
        self._started_s: float | None = None  # of the frame before, at the usual pace

    def due_s(self, started_s: float, ended_s: float, factor: float) -> float:
        """Before when no frame shall be answered, after one that was from `started_s` to `ended_s` (one clock)."""
        if factor <= 1.0:
            if self._started_s is not None:
                self._learn(started_s - self._started_s)
            self._started_s = started_s
            return 0.0
        self._started_s = None
        return started_s + factor * max(self._usual_s or 0.0, ended_s - started_s)

    def _learn(self, apart_s: float) -> None:
        if self._usual_s is None:
            self._usual_s = apart_s
        else:
            self._usual_s += SHARE_OF_LATEST * (apart_s - self._usual_s)
