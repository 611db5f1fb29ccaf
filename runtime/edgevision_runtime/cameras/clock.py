"""The time a camera lives by: the machine's, or one that passes only when somebody waits."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time and waits."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...

    def sleep(self, duration_s: float) -> None:
        """Return `duration_s` later by this clock."""
        ...


class RealClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        """See `Clock`; the zero is that of time.monotonic()."""
        return time.monotonic()

    def sleep(self, duration_s: float) -> None:
        """See `Clock`."""
        time.sleep(duration_s)


class VirtualClock:
    """A clock that jumps ahead when somebody sleeps: hours pass in the time that the work between takes."""

    def __init__(self, now_s: float = 0.0) -> None:
        self._now_s = now_s

    def monotonic(self) -> float:
        """See `Clock`; starts at the number the clock was made with."""
        return self._now_s

    def sleep(self, duration_s: float) -> None:
        """See `Clock`. Raises ValueError for a negative duration, as time.sleep does."""
        if duration_s < 0:
            raise ValueError(f"cannot sleep for {duration_s} s")
        self._now_s += duration_s


REAL_CLOCK = RealClock()
