"""How long to wait before the next attempt to reach a camera.

The law: after the n-th failure in a row (n = 1, 2, …) wait a time drawn evenly from [(1 − jitter) · w, w] with
w = min(longest_s, first_s · 2^(n−1)). Half a second, then up to 1, 2, 4, … and never more than 30 s; the jitter keeps a
hundred cameras behind one switch from coming back in the same instant. A connection counts as good again, and n starts
anew, only once it has streamed for `steady_after_s`: a camera that gives one frame and dies is not hammered.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

_MOST_DOUBLINGS = 60  # 2 ** 60 half seconds is longer than any limit


@dataclass(frozen=True)
class Backoff:
    """The numbers of the law."""

    first_s: float = 0.5
    longest_s: float = 30.0
    jitter: float = 0.5  # 0: none, 1: anything down to no wait at all
    steady_after_s: float = 10.0

    def __post_init__(self) -> None:
        if not (0 < self.first_s <= self.longest_s and 0 <= self.jitter <= 1 and self.steady_after_s >= 0):
            raise ValueError(f"{self}: needs 0 < first_s <= longest_s, jitter from 0 to 1, steady_after_s from 0")

    def ceiling_s(self, failures: int) -> float:
        """The longest wait after this many failures in a row (1 or more)."""
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS))

    def floor_s(self, failures: int) -> float:
        """The shortest wait after this many failures in a row."""
        return self.ceiling_s(failures) * (1 - self.jitter)

    def draw_s(self, failures: int, chance: random.Random) -> float:
        """The wait after this many failures in a row."""
        return chance.uniform(self.floor_s(failures), self.ceiling_s(failures))
