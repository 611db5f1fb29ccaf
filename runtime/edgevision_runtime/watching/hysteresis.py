"""A score that is high for long enough begins something; one that is low for long enough ends it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from edgevision_runtime.messages import BEGAN, ENDED

if TYPE_CHECKING:
    from edgevision_runtime.watching.settings import Limits

SAME_MOMENT_S = 1e-6  # sums of floating-point frame times may be off by less than this
LOW = "score"  # why something ended: its score went below the threshold


class Change(NamedTuple):
    """Something began or ended."""

    phase: str  # BEGAN | ENDED
    detail: dict[str, Any]  # fit for JSON


class Hysteresis:
    """The memory of one condition. Between the two thresholds everything stays as it is."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.is_on = False
        self._crossed_s: float | None = None  # since when the score has been where it changes `is_on`
        self._began_s = 0.0
        self._ended_s = -math.inf
        self._score = self._peak = 0.0
        self._answers = 0  # while it is on

    def step(self, score: float, now_s: float) -> Change | None:
        """Take the next smoothed score; `now_s` never goes back between two calls of `end`."""
        limits = self.limits
        self._score = score
        if self.is_on:
            self._answers += 1
            self._peak = max(self._peak, score)
            crosses = score < limits.leave
        else:
            crosses = score >= limits.enter
        if not crosses:
            self._crossed_s = None
            return None
        if self._crossed_s is None:
            self._crossed_s = now_s
        if now_s - self._crossed_s < limits.for_s - SAME_MOMENT_S:
            return None
        return self.end(LOW, now_s) if self.is_on else self._begin(now_s, now_s - self._crossed_s)

    def end(self, reason: str, now_s: float) -> Change | None:
        """End it, if it is on; and forget for how long the score has been high."""
        self._crossed_s = None
        if not self.is_on:
            return None
        self.is_on, self._ended_s = False, now_s
        return Change(
            ENDED,
            {
                "score": round(self._score, 5),
                "peak": round(self._peak, 5),
                "duration_s": round(now_s - self._began_s, 3),
                "frames": self._answers,
                "reason": reason,
            },
        )

    def _begin(self, now_s: float, held_s: float) -> Change | None:
        rested_s = now_s - self._ended_s
        if 0 <= rested_s < self.limits.cooldown_s - SAME_MOMENT_S:  # below 0: the camera's clock was set anew
            return None
        self.is_on, self._began_s, self._crossed_s = True, now_s, None
        self._peak, self._answers = self._score, 1
        return Change(BEGAN, {"score": round(self._score, 5), "held_s": round(held_s, 3)})
